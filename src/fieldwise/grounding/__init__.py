"""Find values on pages: no model, no I/O."""

from __future__ import annotations

from .index import Place, WordIndex
from .locator import Locator

__all__ = ["Locator", "Place", "WordIndex"]
