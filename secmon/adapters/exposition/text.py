"""The Prometheus text formats: families, their heads, and labels that no parser stumbles over.

Text format 0.0.4 and OpenMetrics 1.0.0 differ in the heads only: a sample's line is the same in
both, so blocks of lines are encoded once and serve every scraper.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PREFIX = "secmon_"
MAX_LABEL = 128  # characters of one label's value; the rest is cut off

_ESCAPES = str.maketrans(
    {
        # A device's text must not steer the terminal of whoever looks at the page.
        **{chr(code): "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0))},
        "\n": r"\n",
        "\\": r"\\",
        '"': r"\"",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """All series of one name: they stand together under one head."""

    name: str  # as samples spell it: with `_total` or `_info`
    type: str  # gauge | counter | info
    help: str  # English, one line
    blocks: dict[object, bytes] = field(default_factory=dict)
    """Whose lines → the lines, each ended by a line feed."""

    def head(self, openmetrics: bool) -> bytes:
        """HELP and TYPE. OpenMetrics names the family there, without the samples' suffix."""
        name, kind = self.name, self.type
        if openmetrics:
            name = name.removesuffix("_total" if kind == "counter" else "_info")
        elif kind == "info":
            kind = "gauge"
        words = self.help.replace("\\", r"\\").replace("\n", r"\n")
        if openmetrics:
            words = words.replace('"', r"\"")
        return f"# HELP {name} {words}\n# TYPE {name} {kind}\n".encode()

    def text(self, openmetrics: bool) -> bytes:
        """Head and lines; nothing at all without a line."""
        if not self.blocks:
            return b""
        return b"".join((self.head(openmetrics), *self.blocks.values()))


def label(name: str, value: str) -> str:
    """`name="value"`: escaped, cut at MAX_LABEL, control characters as U+FFFD."""
    if value.isascii() and value.isalnum():
        return f'{name}="{value[:MAX_LABEL]}"'
    sound = value[:MAX_LABEL].encode("utf-8", "replace").decode()  # no lone surrogates
    return f'{name}="{sound.translate(_ESCAPES)}"'


def labels(**values: str) -> str:
    """Labels as they stand between the braces; those with an empty value are left out."""
    return ",".join(label(name, value) for name, value in values.items() if value)
