"""Evidence: examples are shown with their place, or not at all."""

from __future__ import annotations

from fieldwise.model import Citation, Document, FieldEvidence, JsonSchema, Page, walk_fields
from fieldwise.propose import carry_evidence, find_evidence
from fieldwise.propose.labels import labelled_values

DOCUMENT = Document(
    id="b" * 64,
    media_type="text/markdown",
    parser="test/1",
    pages=(
        Page(number=1, markdown="Order 17\n\nBolt 4.50\n\nNut 0.20"),
        Page(number=2, markdown="Paid on 3 May 2024\n\nTotal 1,234.50"),
    ),
)

SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {
        "paid_on": {"type": "string", "format": "date"},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}},
        },
        "total": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def test_examples_are_found_in_the_schemas_order_with_page_and_quote() -> None:
    found = find_evidence(
        DOCUMENT,
        SCHEMA,
        {"/total": "1234.50", "/paid_on": "2024-05-03", "/items/*/name": "Nut", "/items/*/price": "0.20"},
    )

    assert [e.path for e in found] == ["/paid_on", "/items/*/name", "/items/*/price", "/total"]
    assert [e.citation.page for e in found if e.citation] == [2, 1, 1, 2]
    assert [e.citation.match for e in found if e.citation] == ["normalized", "exact", "exact", "normalized"]


def test_an_example_that_stands_nowhere_is_dropped() -> None:
    assert find_evidence(DOCUMENT, SCHEMA, {"/total": "99.99", "/tags": "urgent"}) == ()


def test_of_a_list_written_as_one_text_an_item_is_example_enough() -> None:
    found = find_evidence(DOCUMENT, SCHEMA, {"/tags": "Nut, Washer and Bolt", "/total": "Nut, Bolt"})

    assert [(e.path, e.example) for e in found] == [("/tags", "Nut")]


def test_no_example_is_taken_for_a_container_or_a_field_that_is_not_there() -> None:
    assert find_evidence(DOCUMENT, SCHEMA, {"/items": "Nut", "/foo": "Nut", "/total": " "}) == ()


def test_evidence_moves_with_its_field_and_not_with_another_kind_of_value() -> None:
    cited = Citation(page=1, quote="x", match="exact")
    old = tuple(FieldEvidence(path=p, example="x", citation=cited) for p in ("/a", "/b", "/c", "/d"))
    schema: JsonSchema = {
        "type": "object",
        "properties": {"d": {"type": "string"}, "z": {"type": "string"}, "c": {"type": "number"}},
    }

    kept = carry_evidence(old, schema, {"/a": "/z", "/c": "/c", "/d": "/d"}, frozenset({"/c"}))

    assert [e.path for e in kept] == ["/d", "/z"]


LABELLED = Document(
    id="c" * 64,
    media_type="text/markdown",
    parser="test/1",
    pages=(
        Page(
            number=1,
            markdown="The delivery date is agreed later.\n\n**Delivery date:** 3 May 2024  **Place:** Bristol\n\n"
            "| Customer No | 00417 |\n\nThe total of it\n\nTotal EUR 1,234.50\n\nThe buyer pays. Note: " + "x" * 90,
        ),
    ),
)


def labelled(**kinds: str) -> dict[str, str]:
    date = {"type": "string", "format": "date"}
    properties = {name: date if kind == "date" else {"type": kind} for name, kind in kinds.items()}
    return labelled_values(LABELLED, walk_fields({"type": "object", "properties": properties}))


def test_a_value_beside_its_name_is_an_example() -> None:
    found = labelled(delivery_date="date", place="string", customer_no="string", total="number")

    assert found == {
        "/delivery_date": "3 May 2024",
        "/place": "Bristol",
        "/customer_no": "00417",
        "/total": "1,234.50",
    }


def test_prose_that_mentions_a_name_is_no_example() -> None:
    assert labelled(buyer="string", note="string", agreed="date", it="string") == {}
