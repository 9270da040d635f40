"""The words of the console's pages: a file for each page, every text in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import yaml

from secmon.texts import LANGUAGES

FOLDER = "console"


@cache
def phrases(language: str) -> Mapping[str, str]:
    """`page.key` → text. Raises KeyError where there is no such language, or a text lacks it."""
    if language not in LANGUAGES:
        raise KeyError(f"expected a language of {', '.join(LANGUAGES)} (got {language})")
    return MappingProxyType(
        {
            f"{page}.{key}": text[language]
            for page, texts in both().items()
            for key, text in texts.items()
        }
    )


def both() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Page → key → language → text, as the files hold them."""
    folder = files("secmon.texts") / FOLDER
    return {
        file.name.removesuffix(".yaml"): yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda one: one.name)
        if file.name.endswith(".yaml")
    }
