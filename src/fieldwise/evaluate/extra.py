"""The libraries of the extra `evaluate`: numpy for matrices, lap for assignment, rapidfuzz for distances of text."""

from __future__ import annotations

from importlib.util import find_spec

from fieldwise.errors import MissingExtra


def require_extra() -> None:
    """Raise MissingExtra, with how to install it, where a library is not there."""
    missing = [name for name in ("numpy", "lap", "rapidfuzz") if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"Evaluation needs packages that are not installed: {', '.join(missing)}.",
            next_step='Install them with: pip install "fieldwise[evaluate]"',
            extra="evaluate",
        )
