"""The oracle with faults: what is lost is told, and the numbers of a run say so."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import pytest
from benchmarks.extract import running
from benchmarks.extract.scoring import score
from benchmarks.extract.systems import checked
from benchmarks.extract.table import read_records
from benchmarks.extract.tasks import Task, read_tasks

from fieldwise.settings import load_settings

_WORDS = [
    "bolt",
    "nut",
    "washer",
    "screw",
    "hinge",
    "latch",
    "bracket",
    "dowel",
    "rivet",
    "clamp",
    "spring",
    "shim",
    "gasket",
    "spacer",
    "collar",
]
_ROWS = [{"item": f"{word} {size}", "weight": 10 * i + size} for i, word in enumerate(_WORDS) for size in (1, 2)]
_SCHEMA = {
    "type": "object",
    "properties": {
        "supplier": {"type": "string", "description": "Name of the supplier"},
        "delivered": {"type": "string", "format": "date"},
        "parts": {
            "type": "array",
            "items": {"type": "object", "properties": {"item": {"type": "string"}, "weight": {"type": "number"}}},
        },
    },
}
_GOLD = {"supplier": "Marlow Fittings", "delivered": "2024-05-06", "parts": _ROWS}


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    """A list in sentences: no table's rows, so that every record comes from the model."""
    lines = [f"Of the {row['item']} the crate holds pieces of {row['weight']} grams each." for row in _ROWS]
    text = "# Delivery of 2024-05-06 by Marlow Fittings\n\n" + "\n\n".join(lines) + "\n"
    (tmp_path / "list.md").write_text(text)
    (tmp_path / "list.gold.json").write_text(json.dumps(_GOLD))
    (tmp_path / "s.json").write_text(json.dumps(_SCHEMA))
    line = {"dataset": "own", "doc": "list.md", "gold": "list.gold.json", "schema": "s.json", "pages": 1}
    (tmp_path / "MANIFEST.jsonl").write_text(json.dumps(line) + "\n")
    return read_tasks(tmp_path)[0]


@pytest.mark.parametrize(
    "system",
    [
        "oracle",
        "oracle+truncated=0.3",
        "oracle+malformed=0.3",
        "oracle+nonsense=0.5",
        "oracle+empty=0.5",
        "oracle+overloaded=0.6",
        "oracle+overloaded=0.95",
        "oracle+cut=120",
        "oracle+dropped=0.2",
        "oracle+repeated=0.2",
        "oracle+truncated=0.2+overloaded=0.2+dropped=0.1",
    ],
)
def test_with_any_fault_all_records_are_found_or_the_loss_is_told(
    system: str, tasks: list[Task], tmp_path: Path
) -> None:
    asyncio.run(running.run(tasks, [system], tmp_path / "out", load_settings(), seconds=60.0))
    report = score(tasks, tmp_path / "out", system)
    (kept,) = read_records(tmp_path / "out", system, [tasks[0].name])
    failed = [call for call in kept["calls"] if "error" in call]
    assert report.value("silent_loss_rate") == 0.0
    if kept["prediction"] is None:
        assert report.value("value_f1") == 0.0
        assert kept["error"]
        return
    status = kept["prediction"]["status"]
    assert report.value("record_recall") == 1.0 or status in ("incomplete", "unverified")
    (result,) = report.documents
    assert result.score.case.usage_by["calls"] == len(kept["calls"]) >= len(failed)
    assert all("ModelOverloaded" in call["error"] for call in failed)


def test_a_busy_model_is_asked_again_and_every_call_is_counted(tasks: list[Task], tmp_path: Path) -> None:
    for system in ("oracle", "oracle+overloaded=0.6"):
        asyncio.run(running.run(tasks, [system], tmp_path / "out", load_settings(), seconds=60.0))
    calm, busy = (score(tasks, tmp_path / "out", system) for system in ("oracle", "oracle+overloaded=0.6"))
    assert busy.value("value_f1") == calm.value("value_f1")
    assert busy.documents[0].score.case.usage_by["calls"] > calm.documents[0].score.case.usage_by["calls"]


@pytest.mark.parametrize("name", ["oracle+late=1", "oracle+cut", "fieldwise+cut=9", "nothing"])
def test_an_unknown_system_or_fault_is_refused(name: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        checked(name)
