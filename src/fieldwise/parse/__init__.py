"""Files to Documents: the `Parser` protocol, and `LocalParser`, which reads in child processes with limits."""

from __future__ import annotations

from .local import LocalParser
from .output import document_json
from .parser import Parser

__all__ = ["LocalParser", "Parser", "document_json"]
