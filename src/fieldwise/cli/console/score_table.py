"""An evaluation as a person reads it: the headline, then groups, then fields, the weakest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .safe import one_line

if TYPE_CHECKING:
    from fieldwise.evaluate import Report
    from fieldwise.evaluate.statistics import Estimate

_FIELDS_SHOWN = 40
_LABELS: Mapping[str, str] = {
    "value_f1": "Value F1",
    "value_f1_strict": "Value F1, strict",
    "value_precision": "Value precision",
    "value_recall": "Value recall",
    "record_recall": "Record recall",
    "record_precision": "Record precision",
    "count_error": "Record count error",
    "silent_loss_rate": "Silent loss",
    "anls": "ANLS* (free text)",
    "omission_rate": "Omitted values",
    "hallucination_rate": "Invented values",
    "page_f1": "Page F1",
    "word_f1": "Word F1 (IoU 0.5)",
    "support_rate": "Support rate",
    "failed_rate": "Failed documents",
    "auroc": "Confidence: AUROC",
    "ece": "Confidence: ECE",
    "review_yield": "Review yield at 99 %",
}
# Eight columns have to fit into 80 characters.
_GROUP_COLUMNS: Mapping[str, str] = {
    "value_f1": "F1",
    "value_f1_strict": "Strict",
    "record_recall": "Records",
    "page_f1": "Page",
    "word_f1": "Word",
    "silent_loss_rate": "Lost",
}


def score_tables(report: Report) -> list[RenderableType]:
    """Return the tables of an evaluation."""
    parts: list[RenderableType] = [_headline(report)]
    for kind, groups in report.groups.items():
        table = _table(one_line(kind).capitalize(), "Docs", *_GROUP_COLUMNS.values())
        for value, group in groups.items():
            cells = [_percent(group.metrics[name]) for name in _GROUP_COLUMNS]
            table.add_row(Text(one_line(value, 60)), str(group.documents), *cells)
        parts.append(table)
    if len(report.documents) > 1:
        parts.append(_documents(report))
    parts.append(_fields(report))
    if report.cost:
        parts.append(_cost(report))
    return parts


def _headline(report: Report) -> Table:
    table = _table("Metric", "Mean", "95 % interval", "Documents")
    for name, found in report.overall.items():
        if found is None:
            continue
        interval = f"{found.low * 100:.1f} – {found.high * 100:.1f}" if found.n > 1 else ""
        table.add_row(_LABELS[name], _percent(found), interval, str(found.n))
    for name, value in report.pooled.items():
        if value is not None:
            table.add_row(_LABELS[name], f"{value * 100:.1f}", "all cells", str(len(report.documents)))
    return table


def _documents(report: Report) -> Table:
    table = _table("Document", "Value F1", "Cells right", "Records found", "Status")
    for document in sorted(report.documents, key=lambda d: d.metrics["value_f1"] or 0.0)[:_FIELDS_SHOWN]:
        score = document.score
        records = f"{sum(r.found for r in score.records)}/{score.gold_records}" if score.gold_records else ""
        state = score.case.prediction.error or score.case.prediction.status or ""
        table.add_row(
            Text(one_line(document.name, 60)),
            f"{(document.metrics['value_f1'] or 0.0) * 100:.1f}",
            f"{score.counts.matched}/{score.counts.gold}",
            records,
            Text(one_line(state, 60), style="red" if score.failed or score.silent_loss else ""),
        )
    return table


def _fields(report: Report) -> Table:
    table = _table("Field", "F1", "Right", "Gold", "Given", "Omitted", "Invented")
    weakest = sorted(report.fields, key=lambda f: f.f1.mean if f.f1 else 1.0)
    for found in weakest[:_FIELDS_SHOWN]:
        counts = (found.matched, found.gold, found.predicted, found.omitted, found.invented)
        table.add_row(Text(one_line(found.path, 80)), _percent(found.f1), *map(str, counts))
    if len(weakest) > _FIELDS_SHOWN:
        table.caption = f"and {len(weakest) - _FIELDS_SHOWN} better ones"
    return table


def _cost(report: Report) -> Table:
    table = _table("Cost", "Mean", "95 % interval", "Documents")
    for name, found in report.cost.items():
        if found is not None:
            interval = f"{found.low:,.1f} – {found.high:,.1f}" if found.n > 1 else ""
            table.add_row(name.replace("_", " "), f"{found.mean:,.1f}", interval, str(found.n))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="left" if name == "Status" else "right")
    return table


def _percent(found: Estimate | None) -> str:
    return f"{found.mean * 100:.1f}" if found is not None else ""
