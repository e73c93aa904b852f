"""The command line. stdout is data, stderr is talk; what each command does is in the file of its name."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
