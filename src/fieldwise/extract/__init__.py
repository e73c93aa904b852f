"""A document and an approved schema in, an Extraction out: every value cited, every loss said."""

from __future__ import annotations

from .extractor import Extractor

__all__ = ["Extractor"]
