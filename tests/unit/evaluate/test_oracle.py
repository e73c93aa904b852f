"""The model that knows the answer, and the long lists whose answers are known."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.synthetic import KINDS, LAYOUTS, make_values, render

from fieldwise.errors import ModelError
from fieldwise.evaluate import Case, Gold, Prediction, score_document
from fieldwise.llm import Message, Model, ModelReply, ModelRequest
from fieldwise.oracle import OracleModel, PrintedText, occurring
from fieldwise.parse.local import LocalParser
from fieldwise.testing import FaultyModel

ROWS = [
    {"date": "2024-03-05", "text": "Oak board", "amount": 1234.5, "paid": True},
    {"date": "2024-03-05", "text": "Ash board", "amount": -12.0, "paid": False},
    {"date": "2024-04-01", "text": "Oak board", "amount": 1234.5, "paid": True},
]
GOLD = {"holder": "Ada Holm", "summary": "nothing of this is printed", "rows": ROWS}
PAGE_ONE = "Ada Holm\n\n| 05.03.2024 | Oak board | 1.234,50 |\n| 05.03.2024 | Ash board | 12,00- |"
PAGE_TWO = "| 01.04.2024 | Oak board | 1.234,50 |"
ITEM = {
    "type": "object",
    "properties": {
        "date": {"type": ["string", "null"]},
        "text": {"type": ["string", "null"]},
        "amount": {"type": ["string", "null"]},
        "paid": {"type": ["boolean", "null"]},
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "holder": {"type": ["string", "null"]},
        "summary": {"type": ["string", "null"]},
        "rows": {"type": "array", "items": ITEM},
    },
}


def ask(model: Model, shown: str, schema: dict[str, Any] | None = SCHEMA, **more: Any) -> ModelReply:
    message = Message("user", f"<document>\n{shown}\n</document>\n\nExtract.")
    return asyncio.run(model.generate(ModelRequest(messages=(message,), json_schema=schema, **more)))


def answer(model: Model, shown: str, schema: dict[str, Any] | None = SCHEMA) -> Any:
    return json.loads(ask(model, shown, schema).text)


def test_it_gives_only_the_records_that_it_is_shown_as_they_are_printed() -> None:
    model = OracleModel(GOLD, document=f"{PAGE_ONE}\n{PAGE_TWO}")
    first, second = answer(model, PAGE_ONE), answer(model, PAGE_TWO)
    assert first["rows"] == [
        {"date": "2024-03-05", "text": "Oak board", "amount": "1.234,50", "paid": True},
        {"date": "2024-03-05", "text": "Ash board", "amount": "12,00-", "paid": False},
    ]
    assert [row["date"] for row in second["rows"]] == ["2024-04-01"]


def test_a_value_printed_elsewhere_is_not_given_and_one_printed_nowhere_is() -> None:
    model = OracleModel(GOLD, document=f"{PAGE_ONE}\n{PAGE_TWO}")
    assert answer(model, PAGE_ONE)["holder"] == "Ada Holm"
    assert answer(model, PAGE_TWO)["holder"] is None
    assert answer(model, PAGE_TWO)["summary"] == "nothing of this is printed"


def test_it_gives_what_is_asked_for_and_refuses_what_it_cannot_know() -> None:
    model = OracleModel(GOLD)
    assert answer(model, PAGE_ONE, {"type": "object", "properties": {"holder": {"type": "string"}}}) == {
        "holder": "Ada Holm"
    }
    with pytest.raises(ModelError, match="no gold for nonsense"):
        answer(model, PAGE_ONE, {"type": "object", "properties": {"nonsense": {"type": "string"}}})
    with pytest.raises(ModelError, match="needs a JSON Schema"):
        answer(model, PAGE_ONE, None)


def test_equal_records_are_counted_by_their_places() -> None:
    line = "| 05.03.2024 | Oak board | 1.234,50 |\n"
    for times in (0, 1, 2, 3):
        assert len(occurring([ROWS[0]] * 3, PrintedText(line * times))) == times


def test_records_come_in_the_order_of_the_text() -> None:
    turned = PrintedText(f"{PAGE_TWO}\n{PAGE_ONE}")
    assert occurring(ROWS, turned) == [ROWS[2], ROWS[0], ROWS[1]]


def test_an_answer_longer_than_allowed_is_cut_and_says_so() -> None:
    reply = ask(OracleModel(GOLD), PAGE_ONE, max_output_tokens=5)
    assert reply.finish == "length"
    assert len(reply.text) == 20


def test_faults_can_be_mixed_in() -> None:
    model = FaultyModel(OracleModel(GOLD), {"malformed": 1.0})
    with pytest.raises(json.JSONDecodeError):
        answer(model, PAGE_ONE)


def test_records_can_be_dropped_and_repeated() -> None:
    both = f"{PAGE_ONE}\n{PAGE_TWO}"
    assert answer(OracleModel(GOLD, dropping=1.0), both)["rows"] == []
    assert len(answer(OracleModel(GOLD, repeating=1.0), both)["rows"]) == 6
    spoiled = [OracleModel(GOLD, dropping=0.3, repeating=0.3, seed=4) for _ in range(2)]
    assert answer(spoiled[0], both) == answer(spoiled[1], both)


def test_it_names_the_table_that_shows_the_wanted_records() -> None:
    task = f"T1:\nChapter | Page\nOak | 3\n\nT2:\n{PAGE_ONE}\n\nWanted is the list `rows`."
    schema = {"type": "object", "properties": {"table": {"enum": ["T1", "T2", "none"]}}}
    assert answer(OracleModel(GOLD), task, schema) == {"table": "T2"}
    elsewhere = task.replace(PAGE_ONE, "Elm | 9")
    assert answer(OracleModel(GOLD), elsewhere, schema) == {"table": "none"}


def test_a_record_of_scattered_values_is_given_whatever_is_shown() -> None:
    far = f"Oak board {'and so on ' * 200} 1.234,50 {'and so on ' * 200} 05.03.2024"
    model = OracleModel({"rows": [ROWS[0]]}, document=far)
    assert (
        len(answer(model, "something else", {**SCHEMA, "properties": {"rows": SCHEMA["properties"]["rows"]}})["rows"])
        == 1
    )


def test_it_names_the_column_that_holds_a_field() -> None:
    task = "- Day (C1): 05.03.2024 / 01.04.2024\n- What (C2): Oak board / Ash board\n- (C3): 1.234,50 / 12,00-\n"
    names = ["Day (C1)", "What (C2)", "(C3)", None]
    fields = {"date": {"enum": names}, "text": {"enum": names}, "amount": {"enum": names}, "paid": {"enum": names}}
    schema = {"type": "object", "properties": fields}
    found = answer(OracleModel(GOLD), task, schema)
    assert found == {"date": "Day (C1)", "text": "What (C2)", "amount": "(C3)", "paid": None}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_values_and_another_gives_others(kind: Any) -> None:
    assert make_values(kind, 40, 3).data == make_values(kind, 40, 3).data
    assert make_values(kind, 40, 3).data != make_values(kind, 40, 4).data
    assert len(make_values(kind, 40).data[make_values(kind, 40).list_field]) == 40


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_gold_box_lies_on_the_words_that_a_parser_sees_there(
    tmp_path: Path, kind: Any, layout: Any
) -> None:
    pytest.importorskip("reportlab", reason="reportlab is not installed: pip install --group examples")
    values = make_values(kind, 70, seed=5)
    rendered = render(values, layout, tmp_path / "list.pdf")
    parser = LocalParser()
    try:
        document = await parser.parse(tmp_path / "list.pdf")
    finally:
        await parser.aclose()
    assert len(document.pages) == rendered.pages > 1
    quotes: dict[str, str] = {}
    for pointer, places in rendered.citations.items():
        for place in places:
            words = [
                w for w in document.page(place["page"]).words if any(_inside(w.box, box) for box in place["boxes"])
            ]
            assert "".join(w.text for w in words) == place["quote"].replace(" ", ""), pointer
            quotes[pointer] = f"{quotes.get(pointer, '')} {place['quote']}".strip()
    split = [pointer for pointer, places in rendered.citations.items() if len(places) > 1]
    assert bool(split) <= (layout == "split"), "only this layout parts a row over two pages"
    # Every value that is printed has a place.
    listed = values.data[values.list_field]
    missing = [
        f"{n}/{k}"
        for n, r in enumerate(listed)
        for k, v in r.items()
        if v is not None and f"/{values.list_field}/{n}/{k}" not in quotes
    ]
    assert not missing


async def test_the_oracle_gives_every_record_of_a_long_list_from_its_pages(tmp_path: Path) -> None:
    pytest.importorskip("reportlab", reason="reportlab is not installed: pip install --group examples")
    values = make_values("events", 300, seed=2)
    render(values, "ruled", tmp_path / "list.pdf")
    parser = LocalParser()
    try:
        document = await parser.parse(tmp_path / "list.pdf")
    finally:
        await parser.aclose()
    model = OracleModel(values.data, document=document.markdown, context_tokens=10**9)
    found = []
    for page in document.pages:
        message = Message("user", f"<document>\n{page.markdown}\n</document>")
        request = ModelRequest(messages=(message,), json_schema=values.schema, max_output_tokens=10**6)
        found += json.loads((await model.generate(request)).text)["events"]
    score = score_document(
        Case(
            name="list",
            gold=Gold(data={"events": values.data["events"]}),
            prediction=Prediction(data={"events": found}),
            schema={"type": "object", "properties": {"events": values.schema["properties"]["events"]}},
        )
    )
    assert score.record_recall == score.record_precision == 1.0


def _inside(word: Any, box: Any) -> bool:
    middle, height = word[0] + word[2] / 2, word[1] + word[3] / 2
    return box[0] - 1e-3 <= middle <= box[0] + box[2] + 1e-3 and box[1] <= height <= box[1] + box[3]
