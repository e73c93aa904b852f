"""Agree with a model on the fields, then extract them from any document, every value cited to its place on the page.

    import fieldwise as fw

    run = fw.start("paper.pdf", "Extract the title, authors, and key takeaways")
    run = run.revise("split authors into name and affiliation")
    result = run.approve()
    result.data["title"], result.cite("/title")

The names below are loaded when they are first used: importing the package costs next to nothing.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldwise.client import BatchItem, Fieldwise
    from fieldwise.defaults import aextract, aextract_many, aparse, astart, extract, extract_many, parse, start
    from fieldwise.errors import FieldwiseError
    from fieldwise.handle import RunHandle
    from fieldwise.model import Agent, Citation, Decision, Document, Extraction, Issue, Run, RunStatus, SchemaVersion
    from fieldwise.settings import Settings

__version__ = "0.1.0"

# A library says nothing unless whoever uses it sets up logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "Agent",
    "BatchItem",
    "Citation",
    "Decision",
    "Document",
    "Extraction",
    "Fieldwise",
    "FieldwiseError",
    "Issue",
    "Run",
    "RunHandle",
    "RunStatus",
    "SchemaVersion",
    "Settings",
    "__version__",
    "aextract",
    "aextract_many",
    "aparse",
    "astart",
    "extract",
    "extract_many",
    "parse",
    "start",
]

_HOMES = {
    "BatchItem": "client",
    "Fieldwise": "client",
    "FieldwiseError": "errors",
    "RunHandle": "handle",
    "Settings": "settings",
    **dict.fromkeys(
        ("Agent", "Citation", "Decision", "Document", "Extraction", "Issue", "Run", "RunStatus", "SchemaVersion"),
        "model",
    ),
    **dict.fromkeys(
        ("aextract", "aextract_many", "aparse", "astart", "extract", "extract_many", "parse", "start"), "defaults"
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Keeps the import system from putting the subpackages `parse` and `extract` where the functions are looked for."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
