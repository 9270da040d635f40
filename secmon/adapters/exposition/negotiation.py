"""Which format and encoding a scraper asks for (RFC 9110, 12.5.1 and 12.5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_MAX_HEADER = 4096  # characters looked at
_TEXT_RANGES = ("text/plain", "text/*", "*/*")


def wants_openmetrics(accept: str) -> bool:
    """True where OpenMetrics 1.0.0 is named and liked no less than plain text."""
    openmetrics = text = 0.0
    for media, parameters in _items(accept):
        quality = _quality(parameters)
        if media == "application/openmetrics-text":
            if parameters.get("version", "1.0.0") == "1.0.0":
                openmetrics = max(openmetrics, quality)
        elif media in _TEXT_RANGES:
            text = max(text, quality)
    return openmetrics > 0 and openmetrics >= text


def wants_gzip(accept_encoding: str) -> bool:
    """True where gzip is allowed, by name or by `*`."""
    allowed = {coding: _quality(parameters) for coding, parameters in _items(accept_encoding)}
    return allowed.get("gzip", allowed.get("*", 0.0)) > 0


def _items(header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """`a/b;q=0.5;version="1", c/d` → ("a/b", {"q": "0.5", "version": "1"}), ("c/d", {})."""
    for item in header[:_MAX_HEADER].split(","):
        name, *pairs = (piece.strip() for piece in item.split(";"))
        parameters = {}
        for pair in pairs:
            key, _, value = pair.partition("=")
            parameters[key.strip().lower()] = value.strip().strip('"')
        yield name.lower(), parameters


def _quality(parameters: Mapping[str, str]) -> float:
    """0 to 1; what is no number counts as 0: not wanted."""
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
