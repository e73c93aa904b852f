from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fieldwise.errors import (
    CredentialsMissing,
    ModelAnswerInvalid,
    ModelOverloaded,
    ModelUnavailable,
    SchemaInvalid,
)
from fieldwise.extract.engine import FieldwiseExtractor
from fieldwise.extract.extractor import Extractor
from fieldwise.llm import ModelReply, ModelRequest, Patience
from fieldwise.model import Document, Extraction, ParseIssue, Progress
from fieldwise.prompting import document_messages, whole_text
from fieldwise.testing import Answer, Fault, FaultyModel, ScriptedModel

LayOut = Callable[..., Document]

TEXT: dict[str, Any] = {"type": ["string", "null"]}
INVOICE = """
Corrigan Boatworks               Rechnung 181301674
4 Slipway Lane                   Date: 05.03.2024

Pos  Description                 Qty  Unit      Price      Amount
1    Planed larch                  2  sq m      10,00       20,00
     Item LB-1
2    Copper rivets                12  piece      0,85       10,20
     Item LB-2
3    Copper rivets                12  piece      0,85       10,20
     Item LB-3

Net  1.234,56 EUR
"""
LINE = {
    "type": "object",
    "properties": {
        "description": TEXT,
        "qty": {"type": ["number", "null"]},
        "price": {"type": ["number", "null"]},
        "amount": {"type": ["number", "null"]},
    },
}


def schema_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


async def extract(document: Document, schema: dict[str, Any], *answers: Answer, **options: Any) -> Extraction:
    script: Any = answers[0] if len(answers) == 1 and callable(answers[0]) else answers
    extraction = await FieldwiseExtractor(ScriptedModel(script), **options).extract(document, schema)
    return extraction


def codes(extraction: Extraction) -> list[tuple[str, str]]:
    return [(issue.path, issue.code) for issue in extraction.issues]


def test_it_is_an_extractor() -> None:
    assert isinstance(FieldwiseExtractor(ScriptedModel([])), Extractor)
    assert FieldwiseExtractor(ScriptedModel([])).name == "fieldwise/1"


async def test_values_are_typed_cited_and_complete(lay_out: LayOut) -> None:
    schema = schema_of(seller=TEXT, date={"type": "string", "format": "date"}, net={"type": "number"})
    answer = {"seller": "Corrigan Boatworks", "date": "05.03.2024", "net": "1.234,56"}
    result = await extract(lay_out(INVOICE), schema, answer)
    assert result.data == {"seller": "Corrigan Boatworks", "date": "2024-03-05", "net": 1234.56}
    assert (result.status, result.issues) == ("complete", ())
    assert [result.cite(path).match for path in ("/seller", "/date", "/net")] == ["exact", "normalized", "normalized"]  # type: ignore[union-attr]  # all cited
    assert result.confidence == {"/seller": 0.95, "/date": 0.9, "/net": 0.9}
    assert result.usage.calls == 1
    assert result.document_id == "0" * 64


async def test_the_prompt_begins_with_the_bytes_of_the_proposals_prompt(lay_out: LayOut) -> None:
    document = lay_out(INVOICE)
    model = ScriptedModel([{"a": None}, {"a": None}])
    for schema in (schema_of(a=TEXT), schema_of(a={"type": "number", "description": "net"})):
        await FieldwiseExtractor(model, attempts=0).extract(document, schema)
    prefix = document_messages(whole_text(document), "")[1].content
    assert all(request.messages[1].content.startswith(prefix) for request in model.requests)


async def test_a_model_may_say_null_for_every_leaf(lay_out: LayOut) -> None:
    model = ScriptedModel([{"a": "Corrigan Boatworks", "b": None, "c": None}])
    schema = schema_of(a={"type": "string"}, b={"type": "integer"}, c={"enum": ["x", "y"]})
    result = await FieldwiseExtractor(model).extract(lay_out(INVOICE), schema)
    form = model.requests[0].json_schema
    assert form is not None
    Draft202012Validator(form).validate({"a": None, "b": None, "c": None})
    assert form["additionalProperties"] is False
    assert result.data == {"a": "Corrigan Boatworks", "b": None, "c": None}
    assert codes(result) == [("/b", "missing"), ("/c", "missing")]
    assert result.status == "incomplete"


async def test_a_value_that_stands_nowhere_is_kept_and_flagged(lay_out: LayOut) -> None:
    result = await extract(lay_out(INVOICE), schema_of(net={"type": "number"}), {"net": "23.475"})
    assert result.data == {"net": 23.475}
    assert codes(result) == [("/net", "ungrounded")]
    assert result.confidence["/net"] <= 0.1
    assert result.cite("/net") is None
    assert result.status == "unverified"


async def test_a_summary_is_not_called_an_invention(lay_out: LayOut) -> None:
    page = "The survey compared cameras with observers at three harbours.\nCameras were less accurate in every harbour."
    schema = schema_of(takeaways={"type": "array", "items": {"type": "string"}})
    summary = "In every harbour of the survey, observers were more accurate than cameras were"
    invention = (
        "Quarterly revenue exceeded analyst expectations because advertising expenses decreased considerably again"
    )
    result = await extract(lay_out(page), schema, {"takeaways": [summary, invention]})
    assert ("/takeaways/0", "not_verbatim") in codes(result)
    assert ("/takeaways/1", "ungrounded") in codes(result)
    assert result.status == "unverified"


async def test_a_label_that_was_copied_with_its_value_is_taken_off(lay_out: LayOut) -> None:
    schema = schema_of(invoice_number=TEXT, date=TEXT)
    result = await extract(
        lay_out(INVOICE), schema, {"invoice_number": "Rechnung 181301674", "date": "Date: 05.03.2024"}
    )
    assert result.data == {"invoice_number": "181301674", "date": "05.03.2024"}
    assert result.status == "complete"


async def test_the_city_is_taken_off_a_postcode(lay_out: LayOut) -> None:
    schema = schema_of(postcode=TEXT, city=TEXT, street=TEXT)
    answer = {"postcode": "80333 München", "city": "München", "street": "Rotwandstraße 20"}
    result = await extract(lay_out("Rotwandstraße 20\n80333 München"), schema, answer)
    assert result.data == {**answer, "postcode": "80333"}


async def test_a_country_code_is_no_label(lay_out: LayOut) -> None:
    result = await extract(lay_out("VAT id DE 123456789"), schema_of(vat_id=TEXT), {"vat_id": "DE 123456789"})
    assert result.data == {"vat_id": "DE 123456789"}


async def test_what_cannot_be_read_is_asked_for_again_with_the_error_and_nothing_else_is(lay_out: LayOut) -> None:
    model = ScriptedModel([{"net": "a lot", "seller": "Corrigan Boatworks"}, {"net": "1.234,56"}])
    schema = schema_of(net={"type": "number"}, seller=TEXT)
    result = await FieldwiseExtractor(model).extract(lay_out(INVOICE), schema)
    assert result.data == {"net": 1234.56, "seller": "Corrigan Boatworks"}
    assert result.status == "complete"
    again = model.requests[1]
    assert "a lot" in again.messages[-1].content
    assert list(again.json_schema["properties"]) == ["net"]  # type: ignore[index]  # it has one


async def test_what_stays_unreadable_is_null_and_the_issue_quotes_it(lay_out: LayOut) -> None:
    schema = schema_of(net={"type": ["number", "null"]})
    result = await extract(lay_out(INVOICE), schema, {"net": "a lot"}, {"net": "very much"}, {"net": None})
    assert result.data == {"net": None}
    assert [(i.path, i.code) for i in result.issues] == [("/net", "invalid")]
    assert "very much" in result.issues[0].message


@pytest.mark.parametrize("kind", [["integer", "null"], "integer"])
async def test_a_value_that_could_not_be_kept_is_known_to_be_missing(lay_out: LayOut, kind: Any) -> None:
    optional = {"type": "object", "properties": {"qty": {"type": kind}, "net": {"type": ["number", "null"]}}}
    result = await extract(lay_out(INVOICE), optional, lambda request: {"qty": 12.5, "net": 1234.56})
    assert result.data.get("qty") is None
    assert result.data["net"] == 1234.56
    assert codes(result) == [("/qty", "invalid")]
    assert "12.5" in result.issues[0].message
    assert result.status == "incomplete"


async def test_a_value_that_the_schema_forbids_is_known_to_be_missing(lay_out: LayOut) -> None:
    schema = schema_of(net={"type": ["number", "null"], "maximum": 100})
    result = await extract(lay_out(INVOICE), schema, lambda request: {"net": 1234.56})
    assert (result.data, result.status, codes(result)) == ({"net": None}, "incomplete", [("/net", "invalid")])


async def test_what_the_schema_forbids_is_left_out_and_named(lay_out: LayOut) -> None:
    schema = {
        "type": "object",
        "properties": {
            "street": {"type": "string", "maxLength": 5},
            "net": {"type": ["number", "null"], "maximum": 10},
            "seller": {"type": "string", "pattern": "^[0-9]+$"},
        },
        "required": ["seller"],
    }
    answer = {"street": "4 Slipway Lane", "net": "1.234,56", "seller": "Corrigan Boatworks"}
    result = await extract(lay_out(INVOICE), schema, answer)
    assert result.data == {"net": None, "seller": None}
    assert codes(result) == [("/street", "invalid"), ("/net", "invalid"), ("/seller", "invalid")]
    assert "4 Slipway Lane" in next(i.message for i in result.issues if i.path == "/street")
    assert result.status == "incomplete"


async def test_rows_are_read_by_code_with_no_call_where_headings_say_what_they_are(lay_out: LayOut) -> None:
    result = await extract(lay_out(INVOICE), schema_of(lines={"type": "array", "items": LINE}))
    assert result.data["lines"] == [
        {"description": "Planed larch", "qty": 2, "price": 10, "amount": 20},
        {"description": "Copper rivets", "qty": 12, "price": 0.85, "amount": 10.2},
        {"description": "Copper rivets", "qty": 12, "price": 0.85, "amount": 10.2},
    ]
    # "Item LB-1" under a description may be its second line or a note: no code can say, so none says complete.
    assert (result.status, codes(result)) == ("unverified", [("/lines", "text_left")])
    tops = [result.cite(f"/lines/{i}/amount").boxes[0][1] for i in range(3)]  # type: ignore[union-attr]  # all cited
    assert tops == sorted(set(tops))
    assert result.usage.calls == 0


async def test_a_column_in_another_language_is_asked_for_once(lay_out: LayOut) -> None:
    page = "Kogus  Nimetus       Hind \n    2  Larch         10,00\n    3  Rivets         0,85"
    model = ScriptedModel([{"table": "T1"}, {"name": "Nimetus (C2)", "quantity": "Kogus (C1)", "cost": "Hind (C3)"}])
    item = {"type": "object", "properties": {"name": TEXT, "quantity": {"type": "integer"}, "cost": {"type": "number"}}}
    schema = schema_of(lines={"type": "array", "items": item})
    result = await FieldwiseExtractor(model).extract(lay_out(page), schema)
    assert result.data["lines"] == [
        {"name": "Larch", "quantity": 2, "cost": 10},
        {"name": "Rivets", "quantity": 3, "cost": 0.85},
    ]
    # What cannot be a column of that type is no choice.
    assert model.requests[1].json_schema["properties"]["cost"] == {"enum": ["Kogus (C1)", "Hind (C3)", None]}  # type: ignore[index]  # it has one
    assert result.status == "complete"


async def test_a_column_named_for_several_fields_is_asked_for_again_field_by_field(lay_out: LayOut) -> None:
    page = "Kogus  Nimetus       Hind \n    2  Larch         10,00\n    3  Rivets         0,85"
    item = {"type": "object", "properties": {"name": TEXT, "quantity": {"type": "number"}, "cost": {"type": "number"}}}
    schema = schema_of(lines={"type": "array", "items": item})
    both = {"name": "Nimetus (C2)", "quantity": "Hind (C3)", "cost": "Hind (C3)"}
    answers = ({"table": "T1"}, both, {"quantity": "Kogus (C1)"}, {"cost": "Hind (C3)"})
    result = await extract(lay_out(page), schema, *answers)
    assert result.data["lines"][1] == {"name": "Rivets", "quantity": 3, "cost": 0.85}


async def test_a_table_of_something_else_is_not_taken_for_the_list(lay_out: LayOut) -> None:
    page = """
by Jay Shah and Tri Dao

Harbour  Method    Bias    SD
Port     eye        3.1  14.2
Haven    eye        5.7  24.6
"""
    item = {"type": "object", "properties": {"name": TEXT, "email": TEXT}}
    authors = {"authors": [{"name": "Jay Shah", "email": None}, {"name": "Tri Dao", "email": None}]}
    schema = schema_of(authors={"type": "array", "items": item})
    result = await extract(lay_out(page), schema, {"table": "none"}, authors)
    assert result.data == authors
    assert result.status == "unverified"


async def test_a_rows_number_is_never_taken_for_a_code(lay_out: LayOut) -> None:
    page = "Pos  Description   Qty     Price\n1    Larch           2     10,00\n2    Rivets         12      0,85"
    item = {"type": "object", "properties": {"description": TEXT, "qty": {"type": "number"}, "code": TEXT}}
    result = await extract(lay_out(page), schema_of(lines={"type": "array", "items": item}))
    assert [line["code"] for line in result.data["lines"]] == [None, None]
    assert ("/lines", "no_column") in codes(result)
    assert result.usage.calls == 0


async def test_what_stands_in_an_entrys_notes_is_asked_for_and_kept_only_if_it_stands_there(lay_out: LayOut) -> None:
    item = {"type": "object", "properties": {**LINE["properties"], "code": TEXT}}
    codes_given = {"entries": [{"code": "LB-1"}, {"code": "LB-1"}, {"code": "LB-3"}]}
    schema = schema_of(lines={"type": "array", "items": item})
    result = await extract(lay_out(INVOICE), schema, {"code": None}, codes_given)
    assert [line["code"] for line in result.data["lines"]] == ["LB-1", None, "LB-3"]


async def test_fewer_rows_than_the_table_shows_is_incomplete(lay_out: LayOut) -> None:
    nested = {"type": "object", "properties": {"name": TEXT, "tags": {"type": "array", "items": {"type": "string"}}}}
    page = "Item        Qty    Price\nRope          4    12,50\nSail          1   900,00\nOar           2    40,00"
    flat = {"type": "array", "items": {"type": "string"}}
    result = await extract(lay_out(page), schema_of(items=flat), {"items": ["Rope", "Sail"]})
    assert codes(result) == [("/items", "rows_missing")]
    assert "3 rows, 2 were returned" in result.issues[0].message
    assert result.status == "incomplete"
    whole = await extract(lay_out(page), schema_of(items=flat), {"items": ["Rope", "Sail", "Oar"]})
    assert whole.status == "complete"
    deep = await extract(
        lay_out(page), schema_of(items={"type": "array", "items": nested}), {"items": [{"name": "Rope", "tags": []}]}
    )
    assert deep.status == "unverified"


async def test_a_list_in_no_table_is_never_called_complete(lay_out: LayOut) -> None:
    schema = schema_of(authors={"type": "array", "items": {"type": "string"}})
    result = await extract(lay_out("by Jay Shah and Tri Dao"), schema, {"authors": ["Jay Shah", "Tri Dao"]})
    assert (result.status, codes(result)) == ("unverified", [("/authors", "unchecked")])


async def test_endless_repetition_is_cut_back_to_what_the_page_shows(lay_out: LayOut) -> None:
    schema = schema_of(authors={"type": "array", "items": {"type": "string"}})
    result = await extract(
        lay_out("by Jay Shah, Tri Dao, Tri Dao"), schema, {"authors": ["Jay Shah", *["Tri Dao"] * 9]}
    )
    assert result.data == {"authors": ["Jay Shah", "Tri Dao", "Tri Dao"]}
    assert ("/authors", "repeated") in codes(result)


async def test_a_truncated_answer_is_asked_for_in_smaller_parts(lay_out: LayOut) -> None:
    values = {"a": "Corrigan Boatworks", "b": "4 Slipway Lane", "c": "Planed larch"}

    def answer(request: ModelRequest) -> Answer:
        names = list(request.json_schema["properties"])  # type: ignore[index]  # it has one
        text = json.dumps({name: values[name] for name in names})
        return ModelReply(text=text[:-5], finish="length") if len(names) > 1 else text

    result = await extract(lay_out(INVOICE), schema_of(a=TEXT, b=TEXT, c=TEXT), answer)
    assert result.data == values
    assert result.status == "complete"


async def test_what_was_answered_before_the_cut_is_not_asked_for_again(lay_out: LayOut) -> None:
    cut = ModelReply(text='{"a": "Corrigan Boatworks", "b": "4 Slipway Lane", "c":    ', finish="length")
    model = ScriptedModel([cut, {"b": "4 Slipway Lane", "c": "Planed larch"}])
    result = await FieldwiseExtractor(model).extract(lay_out(INVOICE), schema_of(a=TEXT, b=TEXT, c=TEXT))
    assert result.data == {"a": "Corrigan Boatworks", "b": "4 Slipway Lane", "c": "Planed larch"}
    assert list(model.requests[1].json_schema["properties"]) == ["b", "c"]  # type: ignore[index]  # it has one
    assert result.status == "complete"


def rows_in(request: ModelRequest) -> list[str]:
    return re.findall(r"entry (\d+) of", request.messages[1].content)


async def test_a_truncated_list_is_read_in_windows_and_no_row_is_lost(lay_out: LayOut) -> None:
    pages = ["\n".join(f"entry {n} of the log" for n in range(start, start + 8)) for start in (0, 8, 16, 24)]

    def answer(request: ModelRequest) -> Answer:
        found = rows_in(request)
        text = json.dumps({"log": [{"n": n} for n in found]})
        return ModelReply(text=text[:60], finish="length") if len(found) > 8 else text

    item = {"type": "object", "properties": {"n": {"type": "integer"}}}
    result = await extract(lay_out(*pages), schema_of(log={"type": "array", "items": item}), answer)
    assert [row["n"] for row in result.data["log"]] == list(range(32))
    assert result.cite("/log/31/n").page == 4  # type: ignore[union-attr]  # it is cited


async def test_a_list_that_cannot_be_made_smaller_keeps_its_whole_records_and_says_so(lay_out: LayOut) -> None:
    item = {"type": "object", "properties": {"n": {"type": "integer"}, "m": TEXT}}
    cut = ModelReply(text='{"log": [{"n": "1", "m": "entry"}, {"n": "2", "m": "ent', finish="length")
    result = await extract(lay_out("entry 1 entry 2"), schema_of(log={"type": "array", "items": item}), lambda _: cut)
    assert result.data == {"log": [{"n": 1, "m": "entry"}]}
    assert ("/log", "truncated") in codes(result)
    assert result.status == "incomplete"


async def test_malformed_json_is_asked_for_again_and_then_repaired(lay_out: LayOut) -> None:
    schema = schema_of(authors={"type": "array", "items": {"type": "string"}}, title=TEXT)
    broken = '{"title": "On boats", "authors": ["Jay Shah", "Tri Dao", "Ga'
    whole = {"title": "On boats", "authors": ["Jay Shah"]}
    document = lay_out("On boats\nby Jay Shah and Tri Dao")
    assert (await extract(document, schema, broken, whole)).data == whole
    result = await extract(document, schema, broken, broken, attempts=1)
    assert result.data["title"] == "On boats"
    assert result.status == "incomplete"
    assert ("/authors", "truncated") in codes(result)


async def test_one_part_that_fails_loses_nothing_else(lay_out: LayOut) -> None:
    def answer(request: ModelRequest) -> Answer:
        if "log" in request.json_schema["properties"]:  # type: ignore[index]  # it has one
            return ModelUnavailable("The model is gone.")
        return {"seller": "Corrigan Boatworks"}

    item = {"type": "object", "properties": {"n": TEXT, "tags": {"type": "array", "items": TEXT}}}
    schema = schema_of(seller=TEXT, log={"type": "array", "items": item})
    result = await extract(lay_out(INVOICE), schema, answer)
    assert result.data == {"seller": "Corrigan Boatworks", "log": []}
    assert ("/log", "part_failed") in codes(result)
    assert result.status == "incomplete"


def parted(answers: dict[str, Answer]) -> Callable[[ModelRequest], Answer]:
    """Answer by the first field that is asked for: each list is a question of its own."""
    return lambda request: answers.get(next(iter(request.json_schema["properties"])), {})  # type: ignore[index]  # it has one


PARTS = schema_of(net={"type": ["number", "null"]}, lines={"type": "array", "items": schema_of(name=TEXT)})


async def test_nonsense_as_often_as_settings_allow_is_a_failed_part(lay_out: LayOut) -> None:
    answers = parted({"net": "no", "lines": {"lines": [{"name": "Planed larch"}]}})
    result = await extract(lay_out(INVOICE), PARTS, answers, attempts=2)
    assert result.data == {"net": None, "lines": [{"name": "Planed larch"}]}
    assert codes(result)[0] == ("/net", "part_failed")
    assert result.status == "incomplete"


@pytest.mark.parametrize("said", ["no", "", '{"net', "[1, 2]"])
async def test_nonsense_for_every_part_is_an_error_and_no_extraction_of_nulls(lay_out: LayOut, said: str) -> None:
    with pytest.raises(ModelAnswerInvalid, match="6 times in all") as caught:
        await extract(lay_out(INVOICE), PARTS, parted({"net": said, "lines": said}), attempts=2)
    assert [attempt["text"] for attempt in caught.value.fields["attempts"]] == [said] * 6
    assert caught.value.next_step


def busy(times: int, field: str) -> tuple[list[str], Callable[[ModelRequest], Answer]]:
    """A model that has no room, so many times, for questions after a field; and what it was asked."""
    asked: list[str] = []

    def answer(request: ModelRequest) -> Answer:
        first = next(iter(request.json_schema["properties"]))  # type: ignore[index]  # it has one
        asked.append(first)
        if first == field and asked.count(field) <= times:
            return ModelOverloaded("Busy.")
        return {"net": 1234.56} if first == "net" else {"lines": [{"name": "Planed larch"}]}

    return asked, answer


AT_ONCE = Patience(first_seconds=0.0)


@pytest.mark.parametrize("field", ["net", "lines"])
async def test_a_model_that_is_busy_in_one_part_is_waited_for_and_asked_again(lay_out: LayOut, field: str) -> None:
    asked, answer = busy(3, field)
    seen: list[Progress] = []
    engine = FieldwiseExtractor(ScriptedModel(answer), patience=AT_ONCE)
    result = await engine.extract(lay_out(INVOICE), PARTS, on_progress=seen.append)
    assert result.data == {"net": 1234.56, "lines": [{"name": "Planed larch"}]}
    assert "part_failed" not in dict(codes(result)).values()
    assert asked.count(field) == 4
    told = [progress.message for progress in seen if "busy" in progress.message]
    assert told == [f"The model is busy: call {n} of at most 4 in 0 s" for n in (2, 3, 4)]


@pytest.mark.parametrize("field", ["net", "lines"])
async def test_a_part_for_which_the_model_stays_busy_is_a_failed_part(lay_out: LayOut, field: str) -> None:
    asked, answer = busy(99, field)
    result = await FieldwiseExtractor(ScriptedModel(answer), patience=AT_ONCE).extract(lay_out(INVOICE), PARTS)
    assert (f"/{field}", "part_failed") in codes(result)
    assert result.status == "incomplete"
    other = "lines" if field == "net" else "net"
    assert result.data[other]
    assert asked.count(field) == 4


async def test_a_model_that_stays_busy_for_every_part_is_an_error(lay_out: LayOut) -> None:
    engine = FieldwiseExtractor(ScriptedModel(lambda request: ModelOverloaded("Busy.")), patience=AT_ONCE)
    with pytest.raises(ModelOverloaded) as caught:
        await engine.extract(lay_out(INVOICE), PARTS)
    assert caught.value.fields["waited_seconds"] == 0.0


async def test_a_model_that_cannot_be_reached_at_all_is_an_error(lay_out: LayOut) -> None:
    with pytest.raises(ModelUnavailable):
        await extract(lay_out(INVOICE), schema_of(a=TEXT), ModelUnavailable("gone"))
    with pytest.raises(CredentialsMissing):
        await extract(lay_out(INVOICE), schema_of(a=TEXT), CredentialsMissing("no key"))


async def test_what_no_call_read_is_said(lay_out: LayOut) -> None:
    pages = [
        f"Chapter {n}\n" + "\n".join(f"filler words number {n} {i} and so on" for i in range(30)) for n in range(40)
    ]
    pages[20] += "\nThe governing law is that of Ireland."
    model = ScriptedModel(lambda request: {"governing_law": "Ireland", "title": "Chapter 0"})
    schema = schema_of(title=TEXT, governing_law={**TEXT, "description": "the governing law of the contract"})
    result = await FieldwiseExtractor(model, document_tokens=2_000).extract(lay_out(*pages), schema)
    shown = model.requests[0].messages[1].content
    assert "The governing law is that of Ireland." in shown
    assert '<page number="1">' in shown
    assert '<page number="40">' in shown
    assert len(shown) < 12_000
    assert ("", "not_read") in codes(result)
    assert result.status == "incomplete"
    assert result.cite("/governing_law").page == 21  # type: ignore[union-attr]  # it is cited


async def test_a_list_of_a_long_document_is_read_window_by_window(lay_out: LayOut) -> None:
    pages = ["\n".join(f"entry {n} of the log" for n in range(start, start + 40)) for start in range(0, 400, 40)]
    item = {"type": "object", "properties": {"n": {"type": "integer"}, "deep": {"type": "array", "items": TEXT}}}
    model = ScriptedModel(lambda request: {"log": [{"n": n, "deep": []} for n in rows_in(request)]})
    schema = schema_of(log={"type": "array", "items": item})
    result = await FieldwiseExtractor(model, document_tokens=600).extract(lay_out(*pages), schema)
    assert [row["n"] for row in result.data["log"]] == list(range(400))
    assert "not_read" not in [code for _, code in codes(result)]


async def test_what_the_parser_could_not_do_is_no_complete_extraction(lay_out: LayOut) -> None:
    issue = ParseIssue(code="page_failed", message="page 3 could not be read", page=3)
    document = lay_out(INVOICE).model_copy(update={"issues": (issue,)})
    result = await extract(document, schema_of(seller=TEXT), {"seller": "Corrigan Boatworks"})
    assert result.status == "incomplete"
    assert codes(result) == [("", "parse")]


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"type": "object", "properties": {"a": {"type": "nonsense"}}}]
)
async def test_a_schema_that_cannot_be_used_is_refused(lay_out: LayOut, schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaInvalid):
        await extract(lay_out(INVOICE), schema)


async def test_a_reference_outside_the_schema_is_never_fetched(lay_out: LayOut) -> None:
    schema = schema_of(a={"$ref": "https://example.com/schema.json"}, seller=TEXT)
    result = await extract(lay_out(INVOICE), schema, {"a": "x", "seller": "Corrigan Boatworks"})
    assert result.data["seller"] == "Corrigan Boatworks"
    assert result.status != "complete"


async def test_a_model_without_constraints_is_told_the_form(lay_out: LayOut) -> None:
    model = ScriptedModel(['```json\n{"seller": "Corrigan Boatworks"}\n```'], constrains=False)
    result = await FieldwiseExtractor(model).extract(lay_out(INVOICE), schema_of(seller=TEXT), "who sells?")
    assert result.data == {"seller": "Corrigan Boatworks"}
    task = model.requests[0].messages[-1].content
    assert '"additionalProperties":false' in task
    assert "<request>\nwho sells?\n</request>" in task


async def test_progress_is_told_in_parts(lay_out: LayOut) -> None:
    told: list[Progress] = []
    model = ScriptedModel([{"seller": "Corrigan Boatworks"}])
    await FieldwiseExtractor(model).extract(lay_out(INVOICE), schema_of(seller=TEXT), "", told.append)
    assert [p.message for p in told if p.stage == "extract"] == ["reading seller", "checking"]


async def test_a_recursive_schema_ends(lay_out: LayOut) -> None:
    node = {"type": "object", "properties": {"name": TEXT, "child": {"$ref": "#/$defs/node"}}}
    schema = {"type": "object", "properties": {"tree": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}}
    answer = {"tree": {"name": "Corrigan Boatworks", "child": {"name": "4 Slipway Lane"}}}
    result = await extract(lay_out(INVOICE), schema, answer)
    assert result.data["tree"]["child"]["name"] == "4 Slipway Lane"
    Draft202012Validator(schema).validate(result.data)


async def test_a_schema_of_hundreds_of_fields_is_asked_for_in_groups(lay_out: LayOut) -> None:
    fields = {f"field_{n}": TEXT for n in range(369)}
    model = ScriptedModel(lambda request: dict.fromkeys(request.json_schema["properties"]))  # type: ignore[index]  # it has one
    result = await FieldwiseExtractor(model).extract(lay_out(INVOICE), schema_of(**fields))
    assert set(result.data) == set(fields)
    assert 5 <= len(model.requests) <= 8


TRUTH = {
    "seller": "Corrigan Boatworks",
    "street": "4 Slipway Lane",
    "net": 1234.56,
    "lines": [
        {"name": "Planed larch", "codes": ["LB-1"]},
        {"name": "Copper rivets", "codes": ["LB-2"]},
        {"name": "Copper rivets", "codes": ["LB-3"]},
    ],
}


@pytest.mark.parametrize("fault", ["nonsense", "truncated", "malformed", "overloaded", "empty"])
@pytest.mark.parametrize("seed", range(20))
async def test_whatever_a_model_breaks_no_loss_is_silent(lay_out: LayOut, fault: Fault, seed: int) -> None:
    line = {"type": "object", "properties": {"name": TEXT, "codes": {"type": "array", "items": TEXT}}}
    schema = schema_of(seller=TEXT, street=TEXT, net={"type": "number"}, lines={"type": "array", "items": line})

    def answer(request: ModelRequest) -> Answer:
        return {name: TRUTH[name] for name in request.json_schema["properties"]}  # type: ignore[index]  # it has one

    model = FaultyModel(ScriptedModel(answer), {fault: 0.5}, seed=seed)
    expected = ModelOverloaded if fault == "overloaded" else ModelAnswerInvalid
    try:
        engine = FieldwiseExtractor(model, patience=Patience(attempts=2, first_seconds=0.0))
        result = await engine.extract(lay_out(INVOICE), schema)
    except expected:
        return
    if result.data != TRUTH:
        assert result.status == "incomplete"
        missing = {key for key in TRUTH if result.data.get(key) != TRUTH[key]}
        named = {issue.path.split("/")[1] for issue in result.issues if issue.path}
        assert missing <= named
