"""Every cell of an evaluation as CSV, for a spreadsheet or a notebook."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from fieldwise.errors import InputError

from .report import Report

COLUMNS = (
    "document",
    "field",
    "gold_path",
    "predicted_path",
    "expected",
    "got",
    "matched",
    "kind",
    "confidence",
    "page",
    "quote",
)
# A spreadsheet would run a text that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(report: Report, path: Path) -> None:
    """Write one line a cell. Raises InputError where the file cannot be written."""
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for document in report.documents:
                prediction = document.score.case.prediction
                for cell in document.score.cells:
                    at = cell.predicted_pointer or ""
                    place = next(iter(prediction.evidence.get(at, ())), None)
                    writer.writerow(
                        [
                            _safe(document.name),
                            _safe(cell.field),
                            cell.gold_pointer,
                            cell.predicted_pointer,
                            _text(cell.gold),
                            _text(cell.predicted),
                            "yes" if cell.matched else "no",
                            cell.rule.kind,
                            prediction.confidence.get(at, ""),
                            place.page if place else "",
                            _safe(place.quote) if place else "",
                        ]
                    )
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", next_step="Name another file.") from None


def _text(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
