"""Predictions and gold in files, the command over them, and the form of run-llama/ExtractBench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldwise.cli import main
from fieldwise.errors import InputError
from fieldwise.evaluate.extractbench import path_from, pointer_from, to_extractbench
from fieldwise.evaluate.files import document_name, load_cases, read_gold, read_prediction
from fieldwise.model import Citation, Extraction

GOLD = {"number": "A1", "items": [{"code": "x"}, {"code": "y"}]}


def put(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def lines(path: Path, *values: Any) -> Path:
    return put(path, "".join(f"{v if isinstance(v, str) else json.dumps(v)}\n" for v in values))


def test_two_single_files_belong_together_whatever_their_names(tmp_path: Path) -> None:
    matched = load_cases(put(tmp_path / "p.json", GOLD), put(tmp_path / "g.json", GOLD), None)
    assert [c.name for c in matched.cases] == ["g"]
    assert matched.cases[0].prediction.data == GOLD


@pytest.mark.parametrize(
    "file", ["scan.json", "scan.gold.json", "scan.pdf.json", "/a/b/scan.PDF", "scan.pred.json", "scan"]
)
def test_a_file_is_named_after_its_document(file: str) -> None:
    assert document_name(file) == "scan"


def test_folders_are_matched_by_name_and_sub_folder(tmp_path: Path) -> None:
    for where in ("a/one", "b/one", "b/two"):
        put(tmp_path / "gold" / f"{where}.gold.json", {"n": where})
    for where in ("a/one", "b/one"):
        put(tmp_path / "pred" / f"{where}.json", {"n": where})
    put(tmp_path / "pred" / "b/stray.json", {})
    matched = load_cases(tmp_path / "pred", tmp_path / "gold", None)
    assert [(c.name, c.prediction.data) for c in matched.cases] == [
        ("a/one", {"n": "a/one"}),
        ("b/one", {"n": "b/one"}),
        ("b/two", None),
    ]
    assert matched.cases[2].prediction.error == "there is no prediction"
    assert matched.cases[0].groups == {"folder": "a"}
    assert matched.without_gold == ("b/stray",)


def test_lines_of_a_batch_find_their_gold_in_a_folder(tmp_path: Path) -> None:
    put(tmp_path / "gold" / "one.json", GOLD)
    put(tmp_path / "gold" / "two.json", GOLD)
    put(tmp_path / "gold" / "three.json", GOLD)
    batch = lines(
        tmp_path / "batch.jsonl",
        {"file": "/in/one.pdf", "status": "complete", "data": GOLD, "citations": {}},
        {"file": "/in/two.pdf", "error": {"code": "x", "message": "it is damaged"}},
        '{"file": "/in/three.pdf", "data": {broken',
    )
    cases = {c.name: c for c in load_cases(batch, tmp_path / "gold", None).cases}
    assert cases["one"].prediction.status == "complete"
    assert cases["two"].prediction.error == "it is damaged"
    assert cases["three"].prediction.data is None


def test_lines_without_names_belong_together_by_number(tmp_path: Path) -> None:
    ours = lines(tmp_path / "gold.jsonl", {"n": 1}, {"n": 2})
    theirs = lines(tmp_path / "pred.jsonl", {"n": 1}, "not json")
    cases = load_cases(theirs, ours, None).cases
    assert [c.prediction.data for c in cases] == [{"n": 1}, None]
    assert "not JSON" in cases[1].prediction.error


def test_files_that_do_not_fit_are_refused_with_the_reason(tmp_path: Path) -> None:
    one, two = put(tmp_path / "g" / "a.json", GOLD), put(tmp_path / "p" / "z.json", GOLD)
    put(tmp_path / "g" / "b.json", GOLD)
    with pytest.raises(InputError, match="No prediction has the name"):
        load_cases(two.parent, one.parent, None)
    with pytest.raises(InputError, match="could not be read"):
        load_cases(tmp_path / "absent.json", one, None)
    with pytest.raises(InputError, match="not JSON"):
        load_cases(two, put(tmp_path / "bad.json", "{"), None)
    with pytest.raises(InputError, match="no JSON object"):
        load_cases(two, put(tmp_path / "list.json", "[1]"), None)
    put(tmp_path / "p" / "sub.z.json", GOLD)
    put(tmp_path / "twice" / "a.json", GOLD)
    put(tmp_path / "twice" / "a.pdf.json", GOLD)
    with pytest.raises(InputError, match="2 predictions named 'a'"):
        load_cases(tmp_path / "twice", one.parent, None)


def test_gold_may_say_where_values_stand_and_what_is_not_scored() -> None:
    place = {"page": 2, "boxes": [[0.1, 0.2, 0.3, 0.04]], "quote": "A1"}
    gold = read_gold({"data": GOLD, "citations": {"/number": [place]}, "skip": ["/items"]})
    assert gold is not None
    assert gold.data == GOLD
    assert gold.evidence["/number"][0].boxes == ((0.1, 0.2, 0.3, 0.04),)
    assert gold.skip == {"/items"}
    told = read_gold({"gold": GOLD, "not_printed": ["/number"], "absent_in_xml": []})
    assert told is not None
    assert (told.data, told.skip) == (GOLD, {"/number"})
    plain = read_gold({"data": {"a": 1}, "other": 2})
    assert plain is not None
    assert plain.data == {"data": {"a": 1}, "other": 2}


@pytest.mark.parametrize("value", [None, [], "text", [1, 2], 5])
def test_a_prediction_that_is_no_object_has_failed(value: Any) -> None:
    found = read_prediction(value)
    assert found.data is None
    assert found.error


def test_malformed_evidence_is_left_out_and_breaks_nothing() -> None:
    bad = {"/a": [{"page": 0}, {"page": "1"}, "x", {"page": 1, "boxes": [[1, 2], "no", [0.1, 0.1, 0.1, 0.1]]}], "/b": 5}
    found = read_prediction({"data": {"a": 1}, "citations": bad, "confidence": {"/a": "high"}, "usage": {"calls": "x"}})
    assert [e.boxes for e in found.evidence["/a"]] == [((0.1, 0.1, 0.1, 0.1),)]
    assert found.confidence == {}


EXTRACTION = Extraction(
    status="complete",
    data={"number": "A1", "items": [{"code": "x"}], "by year": {"2024": "y"}},
    citations={
        "/number": (
            Citation(page=1, boxes=((0.1, 0.1, 0.2, 0.02), (0.1, 0.13, 0.2, 0.02)), quote="A1", match="exact"),
        ),
        "/items/0/code": (Citation(page=3, quote="x", match="exact"),),
        "/by year/2024": (Citation(page=2, boxes=((0.5, 0.5, 0.1, 0.1),), quote="y", match="fuzzy"),),
    },
    confidence={"/number": 0.9},
)


def test_predictions_are_written_as_extractbench_scores_them() -> None:
    written = to_extractbench(EXTRACTION)
    assert written["extracted_data"] == EXTRACTION.data
    assert [(c["field_path"], c["page"], c["bbox"], c.get("confidence")) for c in written["field_citations"]] == [
        ("number", 1, [0.1, 0.1, 0.2, 0.02], 0.9),
        ("number", 1, [0.1, 0.13, 0.2, 0.02], 0.9),
        ("items[0].code", 3, None, None),
        ("by year.2024", 2, [0.5, 0.5, 0.1, 0.1], None),
    ]


def test_what_was_written_for_extractbench_is_read_back() -> None:
    read = read_prediction(json.loads(json.dumps(to_extractbench(EXTRACTION))))
    assert read.data == EXTRACTION.data
    assert read.cites
    for pointer, citations in EXTRACTION.citations.items():
        assert [(e.page, e.boxes, e.quote) for e in read.evidence[pointer]] == [
            (c.page, c.boxes, c.quote) for c in citations
        ]
    assert read.confidence == {"/number": 0.9}


@pytest.mark.parametrize("pointer", ["/a", "/a/0/b", "/a/0", "/a b/c"])
def test_paths_of_both_forms_name_the_same_place(pointer: str) -> None:
    data = {"a": [{"b": 1}], "a b": {"c": 1}}
    assert pointer_from(path_from(pointer, data)) == pointer


def test_the_command_prints_json_and_ends_under_a_threshold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = put(tmp_path / "g.json", GOLD)
    theirs = put(tmp_path / "p.json", {"number": "A1", "items": [{"code": "x"}]})
    assert main(["evaluate", str(theirs), str(ours), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["value_f1"] == pytest.approx(0.8)
    assert found["record_recall"] == 0.5
    assert main(["evaluate", str(theirs), str(ours), "--json", "--fail-under", "value_f1=80%"]) == 0
    assert main(["evaluate", str(theirs), str(ours), "--fail-under", "record_recall=0.9"]) == 5
    assert "record_recall is 0.5000, less than 0.9" in capsys.readouterr().err
    # A rate of losses is worse when it is higher.
    assert main(["evaluate", str(theirs), str(ours), "--fail-under", "silent_loss_rate=0"]) == 5
    # What cannot be measured has not been reached.
    assert main(["evaluate", str(theirs), str(ours), "--fail-under", "page_f1=0.5"]) == 5


def test_the_command_shows_tables_and_writes_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        put(tmp_path / "g" / f"{name}.json", GOLD)
        put(tmp_path / "p" / f"{name}.json", GOLD if name == "one" else "nonsense \x1b[31m")
    schema = put(tmp_path / "s.json", {"type": "object", "properties": {"number": {"type": "string"}}})
    arguments = ["evaluate", str(tmp_path / "p"), str(tmp_path / "g"), "--schema", str(schema)]
    files = ["--csv", str(tmp_path / "o.csv"), "--html", str(tmp_path / "o.html"), "-o", str(tmp_path / "o.json")]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert "Value F1" in shown.out
    assert "50.0" in shown.out
    assert "/number" in shown.out
    assert "no field for gold values: /items" in shown.err
    assert "two: scored 0: not JSON" in shown.err
    assert "\x1b" not in shown.out + shown.err
    assert main([*arguments, *files]) == 0
    assert json.loads((tmp_path / "o.json").read_text())["value_f1"] == 0.5
    assert (tmp_path / "o.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "o.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--fail-under", "f1"], "METRIC=VALUE"),
        (["--fail-under", "beauty=1"], "no metric"),
        (["--schema", "absent.json"], "could not be read"),
    ],
)
def test_a_wrong_call_of_the_command_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], said: str
) -> None:
    ours = put(tmp_path / "g.json", GOLD)
    assert main(["evaluate", str(ours), str(ours), *extra]) == 2
    assert said in capsys.readouterr().err


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import find_spec

    from fieldwise.errors import MissingExtra
    from fieldwise.evaluate import extra

    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "lap" else find_spec(name))
    with pytest.raises(MissingExtra, match=r"fieldwise\[evaluate\]"):
        extra.require_extra()
