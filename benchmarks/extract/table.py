"""Records of a run as a table for docs, and as JSON that says when, where and how it was measured."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fieldwise.evaluate import Report

_NAMED = 4
_COLUMNS = (
    ("value_f1", "value F1"),
    ("value_f1_strict", "strict"),
    ("record_recall", "record recall"),
    ("page_f1", "page F1"),
    ("word_f1", "word F1"),
    ("silent_loss_rate", "silent loss"),
)


def markdown(reports: Mapping[str, Report], records: Mapping[str, Sequence[Mapping[str, Any]]], wanted: int) -> str:
    """Return the tables of these systems: overall, by data set, and what failed and why."""
    return "\n\n".join(
        part for part in (_overall(reports, records, wanted), _by_dataset(reports), _failures(records)) if part
    )


def _overall(reports: Mapping[str, Report], records: Mapping[str, Sequence[Mapping[str, Any]]], wanted: int) -> str:
    head = ["system", "documents", "failed", *(title for _, title in _COLUMNS), "s/doc", "tokens in / out a doc"]
    rows = []
    for system, report in reports.items():
        kept = records[system]
        seen = f"{len(kept)}" if len(kept) == wanted else f"{len(kept)} of {wanted}"
        row = [system, seen, str(sum(record["prediction"] is None for record in kept))]
        for metric, _ in _COLUMNS:
            found = report.overall[metric]
            if found is None:
                row.append("-")
            elif metric == "value_f1":
                row.append(f"{found.mean:.3f} ({found.low:.2f}-{found.high:.2f})")
            else:
                row.append(f"{found.mean:.3f}")
        ran = [record for record in kept if record["calls"]]
        row.append(f"{sum(r['seconds'] for r in ran) / len(ran):.1f}" if ran else "-")
        read, written = (sum(_tokens(r, name) for r in ran) for name in ("input_tokens", "output_tokens"))
        row.append(f"{read / len(ran):.0f} / {written / len(ran):.0f}" if ran else "-")
        rows.append(row)
    return _table(head, rows)


def _by_dataset(reports: Mapping[str, Report]) -> str:
    """Value F1 by data set, in the order of their names."""
    scores: dict[str, dict[str, tuple[int, float]]] = {}
    for system, report in reports.items():
        for document in report.documents:
            dataset = document.score.case.groups.get("dataset", "")
            count, total = scores.setdefault(dataset, {}).get(system, (0, 0.0))
            scores[dataset][system] = (count + 1, total + float(document.metrics["value_f1"] or 0.0))
    rows = []
    for dataset, found in sorted(scores.items()):
        counts = max(count for count, _ in found.values())
        cells = [f"{found[s][1] / found[s][0]:.3f}" if s in found else "-" for s in reports]
        rows.append([dataset, str(counts), *cells])
    return _table(["value F1", "documents", *reports], rows)


def _failures(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What has no output, by data set and reason; one reason for all systems (no parser reads it) is one line."""
    reasons: dict[tuple[str, str], dict[str, list[str]]] = {}
    for system, kept in records.items():
        for record in kept:
            if record["prediction"] is None:
                why = " ".join(str(record["error"]).replace(_file(record["task"]), "it").split())
                found = reasons.setdefault((why[:160], _file(record["task"])), {})
                found.setdefault(system, []).append(record["task"])
    if not reasons:
        return ""
    lines: dict[tuple[str, str], list[str]] = {}
    for (why, name), found in reasons.items():
        lines.setdefault((", ".join(found), why), []).append(name)
    shown = [
        f"- {who}: {', '.join(names) if len(names) <= _NAMED else f'{len(names)} documents'}: {why}"
        for (who, why), names in sorted(lines.items())
    ]
    return "Documents without an output, which score 0:\n\n" + "\n".join(shown)


def _file(task: str) -> str:
    """A task's name without its folders: folders are part of names, joined by underscores."""
    return re.split(r"_(?:pdf|img|gold|eu)_|(?<=data)_", task)[-1]


def summary(reports: Mapping[str, Report], records: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return what is kept of a run: scores with intervals by group, costs, and every document's own."""
    return {system: _summary(report, records[system]) for system, report in reports.items()}


def _summary(report: Report, kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    by_task = {record["task"]: record for record in kept}
    return {
        "metrics": {name: _interval(found) for name, found in report.overall.items()},
        "confidence": dict(report.pooled),
        "groups": {
            kind: {
                value: {"documents": group.documents, **{n: _interval(e) for n, e in group.metrics.items()}}
                for value, group in values.items()
            }
            for kind, values in report.groups.items()
        },
        "cost": {name: _interval(found) for name, found in report.cost.items()},
        "models": sorted({str(record["model"]) for record in kept if record.get("model")}),
        "versions": {k: v for record in kept for k, v in (record.get("versions") or {}).items()},
        "dropped_keywords": sorted({k for r in kept for c in r["calls"] for k in c.get("dropped_keywords", ())}),
        "documents": [
            {
                "name": d.name,
                "status": d.score.case.prediction.status,
                "error": " ".join(str(by_task[d.name]["error"]).split())[:300] or None,
                "seconds": by_task[d.name]["seconds"],
                "calls": len(by_task[d.name]["calls"]),
                "input_tokens": _tokens(by_task[d.name], "input_tokens"),
                "output_tokens": _tokens(by_task[d.name], "output_tokens"),
                **{name: d.metrics[name] for name in ("value_f1", "record_recall", "page_f1", "word_f1")},
            }
            for d in report.documents
        ],
    }


def read_records(out: Path, system: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return the records of these tasks that exist, in their order."""
    paths = [out / system / "records" / f"{name}.json" for name in names]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def written_between(page: str, mark: str, text: str) -> str:
    """Return the page with `text` between the comments `<!-- mark -->` and `<!-- /mark -->`. Raises ValueError."""
    first, last = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if first not in page or last not in page:
        raise ValueError(f"The page has no {first} ... {last}: write both where the table belongs.")
    before, _, rest = page.partition(first)
    _, _, after = rest.partition(last)
    return f"{before}{first}\n{text.strip()}\n{last}{after}"


def _tokens(record: Mapping[str, Any], name: str) -> int:
    return sum(int(call.get("usage", {}).get(name, 0)) for call in record["calls"])


def _interval(found: Any) -> dict[str, Any] | None:
    if found is None:
        return None
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in found.model_dump().items()}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
