"""Texts that fit into a message, with their link whole at the end."""

from __future__ import annotations

MORE = "…"


def fit_bytes(text: str, link: str, longest: int) -> str:
    """`text`, a line feed and `link`: at most `longest` bytes of UTF-8."""
    tail = f"\n{link}" if link else ""
    left = longest - len(tail.encode())
    raw = text.encode("utf-8", "replace")
    if len(raw) > left:
        room = max(left - len(MORE.encode()), 0)
        text = raw[:room].decode("utf-8", "ignore") + MORE
    return text + tail


def fit_signs(text: str, link: str, longest: int) -> str:
    """`text`, a space and `link`: at most `longest` characters."""
    tail = f" {link}" if link else ""
    left = longest - len(tail)
    return (text if len(text) <= left else text[: max(left - 1, 0)] + MORE) + tail
