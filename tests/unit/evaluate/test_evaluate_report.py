"""Intervals, confidence, grounding, and what a report says of many documents."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.errors import InputError
from fieldwise.evaluate import Case, Evidence, Gold, Prediction, evaluate, score_document
from fieldwise.evaluate.canonical import Locale
from fieldwise.evaluate.confidence import auroc, expected_calibration_error, reliability, review_yield
from fieldwise.evaluate.grounding import holds, measure_grounding, measure_support, overlap
from fieldwise.evaluate.page import render_html
from fieldwise.evaluate.report import HEADLINE, report_json
from fieldwise.evaluate.statistics import estimate
from fieldwise.evaluate.tables import write_csv
from fieldwise.model import Page, Usage, WordColumns
from fieldwise.model.document import Document

judged = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


def case(name: str, gold: dict[str, Any], predicted: dict[str, Any] | None, **more: Any) -> Case:
    prediction = {k: more.pop(k) for k in list(more) if k in Prediction.model_fields}
    evidence = more.pop("gold_evidence", {})
    return Case(
        name=name,
        gold=Gold(data=gold, evidence=evidence),
        prediction=Prediction(data=predicted, **prediction),
        **more,
    )


def test_the_interval_of_a_mean_is_that_of_its_resamples() -> None:
    values = [0.0, 1.0] * 50
    found = estimate(values)
    assert found is not None
    assert found.mean == 0.5
    # The standard error of 100 coin flips is 0.05.
    assert found.low == pytest.approx(0.40, abs=0.015)
    assert found.high == pytest.approx(0.60, abs=0.015)


def test_the_same_values_give_the_same_interval_in_any_order() -> None:
    chance = random.Random(3)
    values: list[float | None] = [chance.random() for _ in range(30)]
    assert estimate(values) == estimate(values[::-1]) == estimate([*values, None])
    assert estimate(values) != estimate(values, seed=1)
    assert estimate([None]) is None
    single = estimate([0.4])
    assert single is not None
    assert (single.n, single.low, single.high) == (1, 0.4, 0.4)


def test_auroc_by_hand() -> None:
    assert auroc([(0.9, True), (0.8, True), (0.2, False)]) == 1.0
    assert auroc([(0.1, True), (0.8, False)]) == 0.0
    assert auroc([(0.5, True), (0.5, False)]) == 0.5
    assert auroc([(0.5, True)]) is None


@settings(max_examples=80, deadline=None)
@given(judged)
def test_auroc_is_the_share_of_pairs_in_order(pairs: list[tuple[float, bool]]) -> None:
    good, bad = [c for c, ok in pairs if ok], [c for c, ok in pairs if not ok]
    if not good or not bad:
        assert auroc(pairs) is None
        return
    won = sum(1.0 if g > b else 0.5 if g == b else 0.0 for g in good for b in bad)
    assert auroc(pairs) == pytest.approx(won / (len(good) * len(bad)))


@settings(max_examples=80, deadline=None)
@given(judged, st.floats(0.5, 1.0))
def test_review_yield_is_the_best_threshold_of_all(pairs: list[tuple[float, bool]], precision: float) -> None:
    best = 0
    for threshold in {c for c, _ in pairs}:
        accepted = [ok for c, ok in pairs if c >= threshold]
        if sum(accepted) >= precision * len(accepted) - 1e-9:
            best = max(best, len(accepted))
    assert review_yield(pairs, precision) == (best / len(pairs) if pairs else None)


def test_calibration_by_hand() -> None:
    assert expected_calibration_error([(0.95, True)] * 95 + [(0.95, False)] * 5) == pytest.approx(0.0)
    assert expected_calibration_error([(0.95, False)] * 10) == pytest.approx(0.95)
    bins = reliability([(1.0, True), (0.0, False), (0.05, True)])
    assert [(b.low, b.cells) for b in bins] == [(0.0, 2), (0.9, 1)]


def test_places_overlap_as_areas_or_as_the_boxes_around_them() -> None:
    whole = Evidence(page=1, boxes=((0.1, 0.1, 0.4, 0.04),))
    assert overlap(whole, whole) == pytest.approx(1.0)
    assert overlap(whole, Evidence(page=2, boxes=whole.boxes)) == 0.0
    half = Evidence(page=1, boxes=((0.1, 0.1, 0.2, 0.04),))
    assert overlap(whole, half) == pytest.approx(0.5)
    lines = Evidence(page=1, boxes=((0.1, 0.1, 0.4, 0.018), (0.1, 0.122, 0.4, 0.018)))
    assert overlap(whole, lines) > 0.85
    assert overlap(whole, Evidence(page=1)) == 0.0


def test_grounding_counts_only_what_gold_can_judge() -> None:
    box, other = (0.1, 0.1, 0.2, 0.02), (0.6, 0.6, 0.2, 0.02)
    gold = {"a": "x", "b": "y", "c": "z", "d": "w"}
    places = {
        "/a": (Evidence(page=1, boxes=(box,)),),
        "/b": (Evidence(page=2, boxes=(box,)),),
        "/c": (Evidence(page=3),),
    }
    given = {
        "/a": (Evidence(page=1, boxes=(box,)),),  # right
        "/b": (Evidence(page=2, boxes=(other,)),),  # right page, wrong place
        "/c": (Evidence(page=3, boxes=(box,)),),  # wrong value
        "/d": (Evidence(page=9, boxes=(box,)),),  # not judged
    }
    score = score_document(case("d", gold, gold | {"c": "?"}, gold_evidence=places, evidence=given, cites=True))
    found = measure_grounding(score)
    assert found == (3, 3, 2, 1, 2, 2)
    assert found.page_f1 == pytest.approx(2 / 3)
    assert found.word_f1 == pytest.approx(1 / 2)


def test_a_system_that_cites_nothing_scores_nothing_on_grounding_where_gold_has_places() -> None:
    places = {"/a": (Evidence(page=1, boxes=((0.1, 0.1, 0.2, 0.02),)),)}
    report = evaluate([case("d", {"a": "x"}, {"a": "x"}, gold_evidence=places), case("e", {"a": "x"}, {"a": "x"})])
    assert [d.metrics["page_f1"] for d in report.documents] == [0.0, None]
    assert report.value("page_f1") == 0.0
    assert report.value("support_rate") is None


@pytest.mark.parametrize(
    ("quote", "value"),
    [
        ("Total: 1.234,50 EUR", 1234.5),
        ("Total: (12.00)", -12),
        ("on 5 March 2024 in Cork", "2024-03-05"),
        ("ACME Ltd., Cork", "acme ltd"),
        ("No. 2025-0317", "2025-0317"),
    ],
)
def test_a_quote_holds_a_value_in_any_usual_spelling(quote: str, value: Any) -> None:
    assert holds(quote, value, Locale())


@pytest.mark.parametrize(
    ("quote", "value"), [("Total: 12.50", 12.6), ("", "x"), ("5 March 2024", "2024-03-06"), ("a", True)]
)
def test_a_quote_that_says_something_else_does_not_hold_it(quote: str, value: Any) -> None:
    assert not holds(quote, value, Locale())


def test_support_counts_values_that_should_stand_on_a_page() -> None:
    data = {"name": "Acme", "total": 5.0, "paid": True, "city": "Cork", "none": None}
    evidence = {"/name": (Evidence(page=1, quote="Acme Ltd"),), "/total": (Evidence(page=1, quote="6.00"),)}
    score = score_document(case("d", data, data, evidence=evidence, cites=True))
    assert measure_support(score) == (3, 1, 1)  # the total's quote is wrong, the city is flagged by having none


def reported() -> Any:
    gold = {"number": "A1", "date": "2024-03-05", "items": [{"code": "x", "n": 1}, {"code": "y", "n": 2}]}
    wrong = {"number": "<script>alert('x')</script>", "date": None, "items": [{"code": "x", "n": 1}]}
    place = (Evidence(page=1, boxes=((0.1, 0.1, 0.3, 0.02),), quote="A1 & <b>"),)
    return evaluate(
        [
            case(
                "good", gold, gold, groups={"kind": "scan"}, confidence={"/number": 0.9}, pages=2, usage=Usage(calls=3),
            ),
            case(
                "bad <i>", gold, wrong, groups={"kind": "text"}, confidence={"/number": 0.8}, status="complete",
                evidence={"/number": place}, gold_evidence={"/number": place}, cites=True,
            ),
            case("lost", gold, None, groups={"kind": "text"}, error="timed out"),
        ],
        resamples=500,
    )  # fmt: skip


def test_the_json_has_the_headline_on_top_and_the_details_below() -> None:
    report = reported()
    found = json.loads(json.dumps(report_json(report), allow_nan=False))
    assert list(found)[: len(HEADLINE)] == list(HEADLINE)
    f1 = [1.0, 2 * 2 / (6 + 4), 0.0]
    assert found["value_f1"] == pytest.approx(sum(f1) / 3)
    assert found["silent_loss_rate"] == pytest.approx(1 / 3)
    assert found["metrics"]["value_f1"]["n"] == 3
    assert found["groups"]["kind"]["scan"]["value_f1"]["mean"] == 1.0
    assert found["confidence"]["auroc"] == 1.0
    assert found["cost"]["calls"]["mean"] == 3
    assert found["cost"]["calls_per_page"]["mean"] == 1.5
    by_name = {d["name"]: d for d in found["documents"]}
    assert by_name["lost"]["error"] == "timed out"
    assert {"path": "/date", "gold_path": "/date", "expected": "2024-03-05", "got": None} in by_name["bad <i>"][
        "wrong_cells"
    ]
    fields = {f["path"]: f for f in found["fields"]}
    assert fields["/items/*/code"]["gold"] == 6
    assert fields["/items/*/code"]["matched"] == 3
    assert fields["/date"]["omitted"] == 2


def test_an_unknown_metric_names_those_that_there_are() -> None:
    with pytest.raises(InputError, match="record_recall"):
        reported().value("accuracy")


def test_nothing_to_evaluate_is_said() -> None:
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluate([])


def test_the_page_asks_the_network_for_nothing_and_obeys_no_document() -> None:
    page = Document(
        id="0" * 64,
        media_type="application/pdf",
        parser="p",
        pages=(
            Page(
                number=1, width=600, height=800, markdown="<svg onload=x>",
                word_columns=WordColumns(texts=("<svg onload=x>",), boxes=(0.1, 0.1, 0.3, 0.02)),
            ),
        ),
    )  # fmt: skip
    text = render_html(reported(), title="<h1>&", find_document=lambda document: page)
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|src=|href=|https?://", text)
    assert "<svg onload" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in text
    assert "bad &lt;i&gt;" in text
    assert "A1 &amp; &lt;b&gt;" in text
    assert 'class="snippet"' in text
    assert 'class="wanted"' in text
    assert "default-src 'none'" in text


def test_the_csv_has_every_cell_and_no_formula(tmp_path: Path) -> None:
    report = evaluate([case("d", {"a": "=1+1", "n": -5}, {"a": "@x", "n": -5})])
    write_csv(report, tmp_path / "cells.csv")
    lines = (tmp_path / "cells.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["d,/a,/a,/a,'=1+1,'@x,no,string,,,", "d,/n,/n,/n,-5,-5,yes,integer,,,"]
