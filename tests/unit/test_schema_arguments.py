"""Schemas as people give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from fieldwise.errors import InputError, SchemaInvalid
from fieldwise.schemas import read_schema_argument

SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}


class Thing(BaseModel):
    """A thing."""

    b: str
    a: int | None = None


def test_a_dict_comes_back_as_it_is() -> None:
    assert read_schema_argument(SCHEMA) == SCHEMA


def test_a_pydantic_class_becomes_its_schema() -> None:
    found = read_schema_argument(Thing)
    assert (found["type"], list(found["properties"]), found["required"]) == ("object", ["b", "a"], ["b"])


def test_json_text_is_read_with_its_order_kept() -> None:
    assert list(read_schema_argument(f"\n {json.dumps(SCHEMA)}")["properties"]) == ["b", "a"]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_is_read(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    assert read_schema_argument(str(path) if as_text else path) == SCHEMA


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "not JSON"), ("[1]", "no JSON object but list"), ("3", "no JSON object but int"), ("", "not JSON")],
)
def test_a_file_that_holds_no_schema_is_an_error_that_names_it(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "schema.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaInvalid, match=words) as caught:
        read_schema_argument(path)
    assert str(path) in str(caught.value)


def test_text_nested_deeper_than_can_be_read_is_an_error() -> None:
    with pytest.raises(SchemaInvalid, match="not JSON"):
        read_schema_argument('{"a":' * 100_000)


def test_a_file_that_is_not_there_or_no_text_or_too_large_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be read: No such file"):
        read_schema_argument(tmp_path / "missing.json")
    with pytest.raises(InputError, match="could not be read"):
        read_schema_argument(tmp_path)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_schema_argument(binary)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(5_000_001)
    with pytest.raises(InputError, match="larger than 5 MB"):
        read_schema_argument(large)


@pytest.mark.parametrize("given", [3, None, [], int, Thing(b="x")])
def test_what_can_be_no_schema_is_an_error_that_says_what_can(given: Any) -> None:
    with pytest.raises(InputError, match="is no schema") as caught:
        read_schema_argument(given)
    assert "pydantic class" in caught.value.next_step
