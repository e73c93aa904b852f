"""Deleting a run leaves no trace of it in any file of the store."""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import fieldwise as fw
from fieldwise.errors import RunNotFound
from fieldwise.model import RunStatus
from harness import PROMPT, TEXT, Gate

Clients = Callable[..., fw.Fieldwise]

SECRETS = ("Ada Byron", "Loading at Scale", "whisper7431", "secretword", "loading.txt")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    document = tmp_path / "loading.txt"
    document.write_text(TEXT + "whisper7431 " * 3_000, encoding="utf-8")
    return document


def bytes_of(store: Path) -> bytes:
    """All bytes of the store's files: the database, its log, its shared memory."""
    return b"".join(path.read_bytes() for path in sorted(store.parent.glob(store.name + "*")))


def packed(store: Path) -> bytes:
    with sqlite3.connect(store) as connection:
        (body,) = connection.execute("SELECT body FROM documents").fetchone()
    connection.close()
    return bytes(body)


@pytest.mark.parametrize("reader", ["nobody", "another process's connection"])
def test_a_deleted_run_leaves_no_trace(client: fw.Fieldwise, store: Path, secret: Path, reader: str) -> None:
    other = sqlite3.connect(store) if reader != "nobody" else None
    run = client.start(secret, f"{PROMPT} of secretword").revise("drop year, secretword")
    if other is not None:
        # An open connection keeps the write-ahead log alive.
        other.execute("SELECT count(*) FROM runs").fetchone()
    body = packed(store)
    before = bytes_of(store)
    assert run.id.encode() in before
    assert b"secretword" in before
    assert body[100:200] in before
    assert b"whisper7431" in zlib.decompress(body)
    client.delete(run.id)
    after = bytes_of(store)
    assert run.id.encode() not in after
    for word in SECRETS:
        assert word.encode() not in after, word
    for start in range(0, len(body) - 32, 32):
        assert body[start : start + 32] not in after
    with pytest.raises(RunNotFound):
        client.get(run.id)
    assert client.runs() == []
    if other is not None:
        other.close()


def test_a_deleted_completed_run_takes_the_agent_with_it_that_nobody_named(
    client: fw.Fieldwise, store: Path, secret: Path
) -> None:
    run = client.start(secret, f"{PROMPT} of secretword")
    agent_id = run.approve().agent_id
    assert b"Ada Byron" in bytes_of(store)
    client.delete(run.id)
    after = bytes_of(store)
    for word in (*SECRETS, run.id, agent_id, run.id[-6:], "Year of publication"):
        assert word.encode() not in after, word
    assert client.agents() == []


def test_an_agent_that_a_person_named_stays_without_the_id_of_the_deleted_run(
    client: fw.Fieldwise, store: Path, secret: Path
) -> None:
    run = client.start(secret, PROMPT)
    agent_id = run.approve().agent_id
    # Even a name that looks made up is the person's once they gave it.
    name = f"papers-{run.id[-6:]}"
    client.rename_agent(agent_id, name)
    client.delete(run.id)
    (agent,) = client.agents()
    assert (agent.id, agent.name, agent.run_id, agent.prompt) == (agent_id, name, None, PROMPT)
    assert agent.schema == run.proposal.schema  # type: ignore[union-attr]  # it has one
    after = bytes_of(store)
    assert run.id.encode() not in after
    assert b"loading" not in after
    assert client.extract(secret, agent=name).data["title"] == "Loading at Scale"


def test_an_agent_that_another_run_has_stays_until_that_is_deleted_too(
    client: fw.Fieldwise, store: Path, secret: Path, tmp_path: Path
) -> None:
    first = client.start(secret, PROMPT)
    agent_id = first.approve().agent_id
    assert client.agent(agent_id).name.startswith("loading-")
    other = tmp_path / "other.txt"
    other.write_text(TEXT, encoding="utf-8")
    second = client.extract(other, agent=agent_id)
    assert second.agent_id == agent_id
    client.delete(first.id)
    agent = client.agent(agent_id)
    assert (agent.name, agent.run_id) == (f"agent-{agent_id[-6:]}", None)
    after = bytes_of(store)
    for word in (first.id, first.id[-6:], "loading"):
        assert word.encode() not in after, word
    client.delete(second.run_id)
    assert client.agents() == []
    assert agent_id.encode() not in bytes_of(store)


def test_an_agent_that_was_renamed_before_that_was_recorded_stays(
    client: fw.Fieldwise, store: Path, document: Path
) -> None:
    run = client.start(document, PROMPT)
    agent_id = run.approve().agent_id
    client.rename_agent(agent_id, "papers")
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE agents SET body = json_remove(body, '$.named')")
    connection.close()
    client.delete(run.id)
    assert client.agent("papers").id == agent_id


def test_a_document_that_another_run_has_stays(client: fw.Fieldwise, store: Path, secret: Path) -> None:
    first, second = client.start(secret, PROMPT), client.start(secret, PROMPT)
    client.delete(first.id)
    assert client.get(second.id).approve().data["title"] == "Loading at Scale"
    client.delete(second.id)
    with sqlite3.connect(store) as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    connection.close()


async def test_a_run_deleted_while_it_is_worked_on_comes_back_in_nothing(
    async_client_of: Clients, store: Path, secret: Path
) -> None:
    gate = Gate("propose")
    client = async_client_of(gate.model())
    starting = asyncio.create_task(client.astart(secret, PROMPT))
    await gate.reached.wait()
    (run,) = await client.aruns()
    assert run.status is RunStatus.PROPOSING
    await client.adelete(run.id)
    gate.open.set()
    with pytest.raises(RunNotFound):
        await starting
    await client.aclose()
    after = bytes_of(store)
    assert run.id.encode() not in after
    assert b"Loading at Scale" not in after
    assert b"secretword" not in after


def test_nothing_is_deleted_for_an_id_that_is_not_clear(client: fw.Fieldwise, document: Path) -> None:
    runs = [client.start(document, PROMPT) for _ in range(2)]
    with pytest.raises(RunNotFound):
        client.delete("run_")
    assert {run.id for run in client.runs()} == {run.id for run in runs}
