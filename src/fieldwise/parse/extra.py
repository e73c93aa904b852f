"""What to do where the libraries of an extra are not installed."""

from __future__ import annotations

from fieldwise.errors import MissingExtra


def missing_office(what: str, library: str) -> MissingExtra:
    return MissingExtra(
        f"Reading {what} needs {library}, which is not installed.",
        next_step="Install it with: pip install 'fieldwise[office]'.",
        extra="office",
    )
