"""Records of a run as an evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fieldwise.evaluate import Case, Prediction, Report, evaluate
from fieldwise.evaluate.files import read_prediction
from fieldwise.model import Usage

from .tasks import Task


def score(tasks: Sequence[Task], out: Path, system: str, *, recorded_only: bool = False) -> Report:
    """Evaluate what `out/SYSTEM` holds. A task without a record scores 0, unless `recorded_only`."""
    cases = []
    for task in tasks:
        path = out / system / "records" / f"{task.name}.json"
        if not path.exists() and recorded_only:
            continue
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"error": "not run"}
        cases.append(
            Case(
                name=task.name,
                gold=task.gold,
                prediction=_prediction(kept),
                schema=task.schema,
                groups=task.groups,
                pages=task.pages,
                day_first=task.day_first,
                decimal_mark=task.decimal_mark,
                document=str(task.document),
            )
        )
    return evaluate(cases)


def _prediction(kept: dict[str, Any]) -> Prediction:
    if kept.get("prediction") is None:
        found = Prediction(error=kept["error"] or "no output")
    else:
        found = read_prediction(kept["prediction"])
    # Cost is what the calls took, for every system alike, failed ones included.
    calls = kept.get("calls", [])
    usage = sum((Usage(**call["usage"]) for call in calls if "usage" in call), Usage())
    usage = usage.model_copy(update={"calls": len(calls), "seconds": float(kept.get("seconds", 0.0))})
    return found.model_copy(update={"usage": usage})
