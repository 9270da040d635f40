"""The command line: `secmon` and `python -m secmon`."""

from secmon.cli.commands import main

__all__ = ["main"]
