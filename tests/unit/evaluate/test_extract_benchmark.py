"""The harness: documents of a MANIFEST, one system after the other, recorded once and then scored."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.extract import running
from benchmarks.extract.scoring import score
from benchmarks.extract.systems import SYSTEMS
from benchmarks.extract.tasks import read_tasks

from fieldwise import registry
from fieldwise.llm import ModelRequest
from fieldwise.settings import load_settings
from fieldwise.testing import ScriptedModel

SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "description": "Invoice number", "x-eval": "exact"},
        "total": {"type": "number", "description": "Total"},
    },
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two invoices as text, and one that no parser reads."""
    folder = tmp_path / "data"
    folder.mkdir()
    lines = []
    for name, number, total in (("one", "A-1", 10.5), ("two", "B-2", 99.0), ("bad", "C-3", 1.0)):
        content = b"\x00\x01" if name == "bad" else f"# Invoice\n\nNumber: {number}\n\nTotal: {total:.2f}\n".encode()
        (folder / f"{name}.md").write_bytes(content)
        (folder / f"{name}.gold.json").write_text(json.dumps({"number": number, "total": total}))
        lines.append(
            {
                "dataset": "own",
                "doc": f"{name}.md",
                "gold": f"{name}.gold.json",
                "schema": "s.json",
                "pages": 1,
                "kind": "text",
            }
        )
    lines.append({"dataset": "other", "doc": "x.pdf", "gold": "x.xml", "schema": None, "pages": 1})
    (folder / "s.json").write_text(json.dumps(SCHEMA))
    (folder / "MANIFEST.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def records(out: Path, system: str) -> dict[str, Any]:
    return {p.stem: json.loads(p.read_text()) for p in (out / system / "records").glob("*.json")}


def run(tasks: Any, system: str, out: Path, *, seconds: float = 30.0) -> None:
    asyncio.run(running.run(tasks, [system], out, load_settings({"model": "counted"}), seconds=seconds))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[ModelRequest]:
    """A model under the name `counted` that answers one-shot calls, and what it was asked."""
    model = ScriptedModel(lambda request: {"number": "A-1", "total": "10.50"})
    monkeypatch.setitem(registry._makers, ("model", "counted"), lambda order: model)
    return model.requests


def test_what_cannot_be_a_task_is_told_with_the_reason(data: Path) -> None:
    tasks, excluded = read_tasks(data)
    assert {t.name for t in tasks} == {"one.md", "two.md", "bad.md"}
    assert [(e.name, "no schema" in e.reason) for e in excluded] == [("x.pdf", True)]
    assert len(read_tasks(data, limit=1)[0]) == 1
    assert tasks[0].groups == {"dataset": "own", "kind": "text", "length": "short"}
    assert "x-eval" not in json.dumps(tasks[0].asked)
    assert "x-eval" in json.dumps(tasks[0].schema)


def test_one_shot_asks_once_and_everything_is_recorded(data: Path, tmp_path: Path, asked: list[ModelRequest]) -> None:
    tasks, _ = read_tasks(data)
    run(tasks, "one-shot", tmp_path / "out")
    kept = records(tmp_path / "out", "one-shot")
    assert len(asked) == 2
    call = kept["one.md"]["calls"][0]
    assert json.loads(call["answer"]) == {"number": "A-1", "total": "10.50"}
    assert len(call["prompt_sha256"]) == 64
    assert call["usage"]["calls"] == 1
    assert kept["bad.md"]["prediction"] is None
    assert kept["bad.md"]["error"]
    about = json.loads((tmp_path / "out" / "one-shot" / "run.json").read_text())
    assert about["results"]["settings"]["model"] == "counted"
    report = score(tasks, tmp_path / "out", "one-shot")
    assert {d.name: d.metrics["value_f1"] for d in report.documents} == {"one.md": 1.0, "two.md": 0.0, "bad.md": 0.0}
    assert report.value("failed_rate") == pytest.approx(1 / 3)


def test_a_run_goes_on_where_it_stopped(data: Path, tmp_path: Path, asked: list[ModelRequest]) -> None:
    tasks, _ = read_tasks(data)
    good = [t for t in tasks if t.name != "bad.md"]
    run(good[:1], "one-shot", tmp_path / "out")
    assert len(asked) == 1
    run(good, "one-shot", tmp_path / "out")
    run(good, "one-shot", tmp_path / "out")
    assert len(asked) == 2


def test_a_document_that_takes_too_long_is_stopped_and_the_next_one_runs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = ScriptedModel(lambda request: {"number": "A-1", "total": 10.5}, delay_seconds=600.0)
    monkeypatch.setitem(registry._makers, ("model", "counted"), lambda order: slow)
    tasks, _ = read_tasks(data)
    run([t for t in tasks if t.name != "bad.md"], "one-shot", tmp_path / "out", seconds=0.2)
    kept = records(tmp_path / "out", "one-shot")
    assert [k["error"] for k in kept.values()] == ["stopped after 0.2 s"] * 2
    assert all("CancelledError" in k["calls"][0]["error"] for k in kept.values())


def test_the_oracle_finds_what_is_printed(data: Path, tmp_path: Path) -> None:
    tasks, _ = read_tasks(data)
    good = [t for t in tasks if t.name != "bad.md"]
    asyncio.run(running.run(good, ["oracle"], tmp_path / "out", load_settings(), seconds=30.0))
    report = score(good, tmp_path / "out", "oracle")
    assert report.value("value_f1") == 1.0
    assert report.value("support_rate") == 1.0


def test_a_document_too_long_for_one_call_is_a_failure_that_says_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ScriptedModel([], context_tokens=100)
    monkeypatch.setitem(registry._makers, ("model", "counted"), lambda order: small)
    tasks, _ = read_tasks(data)
    run([t for t in tasks if t.name == "one.md"], "one-shot", tmp_path / "out")
    assert "the model holds 100" in records(tmp_path / "out", "one-shot")["one.md"]["error"]
    assert set(SYSTEMS) == {"fieldwise", "one-shot", "oracle", "langextract", "contextgem", "instructor"}
