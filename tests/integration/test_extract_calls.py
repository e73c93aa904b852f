"""Extracting without a loop: with a schema in any form, with a saved agent, from many files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

import fieldwise as fw
from fieldwise.errors import (
    AgentNotFound,
    EmptyDocument,
    InputError,
    ModelUnavailable,
    SchemaInvalid,
    StoreError,
    StoreFull,
)
from fieldwise.model import Document, OnProgress, RunStatus, ignore_progress
from harness import FACTS, PROMPT, SCHEMA, TEXT, TextParser, answering, purposes, scripted

Clients = Callable[..., fw.Fieldwise]


class Work(BaseModel):
    """A work, as a user would write it down."""

    title: str = Field(description="Title of the work.")
    year: int


PLAIN = {"type": "object", "properties": {"title": {"type": "string"}, "year": {"type": "integer"}}}


def in_a_file(folder: Path) -> Path:
    path = folder / "schema.json"
    path.write_text(json.dumps(PLAIN), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "schema",
    [
        lambda folder: Work,
        lambda folder: PLAIN,
        lambda folder: json.dumps(PLAIN),
        in_a_file,
        lambda folder: str(in_a_file(folder)),
    ],
    ids=["class", "dict", "text", "path", "path as text"],
)
def test_a_schema_is_taken_in_any_form(client_of: Clients, document: Path, schema: Callable[[Path], Any]) -> None:
    model = scripted()
    result = client_of(model).extract(document, schema=schema(document.parent))
    assert result.data == {"title": FACTS["title"], "year": FACTS["year"]}
    assert result.citations["/title"][0].quote == FACTS["title"]
    assert purposes(model) == ["extract"]


def test_an_extraction_without_a_loop_is_a_run_as_any_other(client: fw.Fieldwise, document: Path) -> None:
    result = client.extract(document, schema=PLAIN)
    run = client.get(result.run_id)
    assert (run.status, run.result, run.agent_id) == (RunStatus.COMPLETED, result, result.agent_id)
    assert [(v.version, v.origin, v.schema) for v in run.schemas] == [(1, "given", PLAIN)]
    assert [event.type for event in client.journal(run.id)] == [
        "run.created",
        "document.parsed",
        "schema.proposed",
        "extraction.completed",
    ]


def test_an_agent_is_used_by_its_id_or_its_name(client_of: Clients, document: Path) -> None:
    model = scripted()
    client = client_of(model)
    agreed = client.start(document, PROMPT).revise("drop year").approve()
    agent = client.rename_agent(agreed.agent_id, "works")
    assert agent.name == "works"
    for name in (agreed.agent_id, "works"):
        result = client.extract(document, agent=name)
        assert result.data == {"title": FACTS["title"], "authors": FACTS["authors"]}
        assert PROMPT in model.requests[-1].messages[-1].content, "an agent keeps what the person asked for"
    assert client.extract(document, agent="works", prompt="In Latin").data
    assert "In Latin" in model.requests[-1].messages[-1].content
    assert "propose" not in purposes(model)[2:]


def test_agents_are_listed_renamed_and_deleted(client: fw.Fieldwise, document: Path) -> None:
    first = client.extract(document, schema=PLAIN).agent_id
    second = client.extract(document, schema=Work).agent_id
    assert {agent.id for agent in client.agents()} == {first, second}
    client.rename_agent(first, "plain")
    with pytest.raises(InputError, match="Another agent is named 'plain'"):
        client.rename_agent(second, "plain")
    with pytest.raises(InputError, match="needs a name"):
        client.rename_agent(second, "  ")
    client.delete_agent("plain")
    assert [agent.id for agent in client.agents()] == [second]
    with pytest.raises(AgentNotFound):
        client.delete_agent("plain")


def test_an_unknown_agent_is_an_error_that_names_the_known_ones(client: fw.Fieldwise, document: Path) -> None:
    with pytest.raises(AgentNotFound, match="None is saved yet"):
        client.extract(document, agent="works")
    client.rename_agent(client.extract(document, schema=PLAIN).agent_id, "plain")
    with pytest.raises(AgentNotFound, match="Known are: plain"):
        client.extract(document, agent="works")


@pytest.mark.parametrize("given", [{}, {"schema": PLAIN, "agent": "works"}])
def test_either_a_schema_or_an_agent_is_wanted(client: fw.Fieldwise, document: Path, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="either a schema or an agent"):
        client.extract(document, **given)
    assert client.runs() == []


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, "[]", "missing.json", 7])
def test_a_schema_that_cannot_be_used_is_an_error_before_anything_is_kept(
    client: fw.Fieldwise, document: Path, schema: Any
) -> None:
    with pytest.raises(InputError):
        client.extract(document, schema=schema)
    assert client.runs() == []


def test_an_extraction_that_failed_is_kept_and_goes_on(client_of: Clients, document: Path) -> None:
    def gone(request: Any) -> Any:
        return ModelUnavailable("The model is gone.")

    with pytest.raises(ModelUnavailable) as caught:
        client_of(answering(extract=gone)).extract(document, schema=PLAIN)
    done = client_of().resume(caught.value.fields["run_id"])
    assert done.result is not None
    assert done.result.data["title"] == FACTS["title"]
    assert [v.version for v in done.schemas] == [1]


# Many files


def test_a_file_that_fails_does_not_keep_the_others_from_their_results(client: fw.Fieldwise, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    (tmp_path / "two.txt").write_text(TEXT + "again\n", encoding="utf-8")
    files = [tmp_path / name for name in ("one.txt", "missing.txt", "empty.txt", "two.txt")]
    items = list(client.extract_many(files, schema=PLAIN))
    assert [item.file for item in items] == [str(file) for file in files]
    assert [type(item.error) for item in items] == [type(None), InputError, EmptyDocument, type(None)]
    assert [item.extraction.data["year"] for item in items if item.extraction] == [1991, 1991]


def test_a_store_that_fails_ends_the_batch(client_of: Clients, tmp_path: Path, document: Path) -> None:
    class Filling(TextParser):
        async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
            raise StoreFull("The disk is full.")

    items = client_of(parser=Filling()).extract_many([document, document], schema=PLAIN)
    with pytest.raises(StoreError):
        next(items)


def test_results_come_as_they_are_ready(client_of: Clients, tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text(f"{TEXT}{number}\n", encoding="utf-8")
    model = scripted()
    items = client_of(model).extract_many(files, schema=PLAIN)
    assert next(items).extraction is not None
    assert purposes(model) == ["extract"]
    items.close()  # type: ignore[attr-defined]  # it is a generator
    assert purposes(model) == ["extract"], "whoever stops asking is not charged for the rest"


def test_one_agent_serves_the_whole_batch(client: fw.Fieldwise, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"{TEXT}{number}\n", encoding="utf-8")
    items = list(client.extract_many(sorted(tmp_path.glob("*.txt")), schema=SCHEMA))
    assert len({item.extraction.agent_id for item in items if item.extraction}) == 1
    assert len(client.agents()) == 1


async def test_a_schema_that_cannot_be_used_ends_an_async_batch_before_it_begins(
    async_client_of: Clients, document: Path
) -> None:
    with pytest.raises(SchemaInvalid):
        await anext(aiter(async_client_of().aextract_many([document], schema={"type": "object"})))


def test_a_file_is_parsed_without_anything_being_kept(client: fw.Fieldwise, store: Path, document: Path) -> None:
    parsed = client.parse(document, keep=False)
    assert parsed.markdown == TEXT
    assert not store.exists()
