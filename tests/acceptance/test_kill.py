"""`kill -9` in every stage, at random moments, real processes on one store: no run is lost, nothing happens twice."""

from __future__ import annotations

import json
import multiprocessing
import random
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import fieldwise as fw
import mortal
from fieldwise.model import RunStatus
from harness import FACTS, PROMPT, TEXT, TextParser, environment, scripted

KILLS_A_STAGE = 10
STAGES = ("parse", "propose", "revise", "wait", "extract")
AT_ONCE = 5

# Children are forked from a process that has imported everything: each is ready in a few milliseconds.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["mortal"])


@dataclass(frozen=True)
class Death:
    """One process that was killed: in which stage, and how long after it began."""

    stage: str
    prompt: str
    seconds: float


@dataclass(frozen=True)
class Aftermath:
    store: Path
    deaths: tuple[Death, ...]
    statuses: dict[str, RunStatus]
    """Each run's status before anybody took it up, by its prompt."""


def kill_in(stage: str, number: int, folder: Path, seconds: float) -> Death:
    prompt = f"{PROMPT} ({stage} {number})"
    document = folder / f"{stage}-{number}.txt"
    document.write_text(f"{TEXT}{stage} {number}\n", encoding="utf-8")
    hear, tell = processes.Pipe(duplex=False)
    process = processes.Process(
        target=mortal.die_in, args=(stage, str(folder / "store.db"), str(document), prompt, tell), daemon=True
    )
    process.start()
    tell.close()
    try:
        assert hear.poll(60), f"{stage} never began"
        assert hear.recv() == "began"
        time.sleep(seconds)
    finally:
        process.kill()
        process.join()
    return Death(stage, prompt, seconds)


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    """Kill KILLS_A_STAGE processes in each stage, then let two new ones bring all runs to their end."""
    folder = tmp_path_factory.mktemp("kill")
    store = folder / "store.db"
    moments = random.Random(20_261_122)
    plan = [
        (stage, number, folder, moments.uniform(0.0, mortal.STAGE_SECONDS * 1.1))
        for number in range(KILLS_A_STAGE)
        for stage in STAGES
    ]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_ONCE) as pool:
        # The process that children are forked from finds what it imports ahead on this path alone.
        patch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
        deaths = tuple(pool.map(lambda planned: kill_in(*planned), plan))
    with fw.Fieldwise(store=store, model=scripted(), parser=TextParser()) as client:
        statuses = {run.prompt: run.status for run in client.runs(limit=1_000)}
    saviors = [processes.Process(target=mortal.take_up, args=(str(store), len(plan))) for _ in range(2)]
    for savior in saviors:
        savior.start()
    for savior in saviors:
        savior.join(120)
    assert [savior.exitcode for savior in saviors] == [0, 0]
    return Aftermath(store, deaths, statuses)


def rows(store: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(query).fetchall()


def test_every_run_is_completed_after_new_processes_took_it_up(aftermath: Aftermath) -> None:
    found = {str(prompt): status for prompt, status in rows(aftermath.store, "SELECT prompt, status FROM runs")}
    assert set(found) == {death.prompt for death in aftermath.deaths}
    assert set(found.values()) == {"completed"}


def test_the_kills_met_the_runs_in_every_stage(aftermath: Aftermath) -> None:
    met = Counter(aftermath.statuses.values())
    for status in (RunStatus.PARSING, RunStatus.PROPOSING, RunStatus.AWAITING_REVIEW, RunStatus.EXTRACTING):
        assert met[status] >= 3, met


def test_one_extraction_is_stored_for_each_run_and_it_is_right(aftermath: Aftermath) -> None:
    stored = rows(aftermath.store, "SELECT run_id, body FROM extractions")
    assert len(stored) == len({run_id for run_id, _ in stored}) == len(aftermath.deaths)
    ended = Counter(
        run_id for (run_id,) in rows(aftermath.store, "SELECT run_id FROM events WHERE type = 'extraction.completed'")
    )
    assert set(ended.values()) == {1}
    assert len(ended) == len(aftermath.deaths)
    for _, body in stored:
        data = json.loads(str(body))["data"]
        assert data["title"] == FACTS["title"]
        assert data["authors"] == FACTS["authors"]


def test_no_decision_is_lost_and_none_is_applied_twice(aftermath: Aftermath) -> None:
    with fw.Fieldwise(store=aftermath.store, model=scripted(), parser=TextParser()) as client:
        runs = {run.prompt: run.id for run in client.runs(limit=1_000)}
        for death in aftermath.deaths:
            events = client.journal(runs[death.prompt])
            decisions = [event.data["decision"] for event in events if event.type == "decision.made"]
            revised = death.stage == "revise"
            expected = [("revise", 1), ("approve", 2)] if revised else [("approve", 1)]
            assert [(d["kind"], d["version"]) for d in decisions] == expected, death
            versions = client.schemas(runs[death.prompt])
            assert [v.version for v in versions] == [version for _, version in expected], death
            assert versions[-1].feedback == (mortal.FEEDBACK if revised else None)
            assert ("year" in versions[-1].schema["properties"]) is not revised
            proposed = [event.data["version"] for event in events if event.type == "schema.proposed"]
            assert proposed == [v.version for v in versions], death


def test_the_journals_tell_one_consistent_story(aftermath: Aftermath) -> None:
    with fw.Fieldwise(store=aftermath.store, model=scripted(), parser=TextParser()) as client:
        for run in client.runs(limit=1_000):
            events = client.journal(run.id)
            types = [event.type for event in events]
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert types[0] == "run.created"
            assert types[-1] == "extraction.completed"
            assert types.count("run.created") == 1
            assert types.index("document.parsed") < types.index("schema.proposed") < types.index("decision.made")
            assert "run.failed" not in types
            assert len(client.get(run.id).schemas) == types.count("schema.proposed")


def test_no_run_is_held_any_more_and_the_store_is_whole(aftermath: Aftermath) -> None:
    assert rows(aftermath.store, "SELECT id FROM runs WHERE lease_token IS NOT NULL") == []
    assert rows(aftermath.store, "PRAGMA integrity_check") == [("ok",)]
    assert rows(aftermath.store, "PRAGMA foreign_key_check") == []
    documents = rows(aftermath.store, "SELECT count(*), count(DISTINCT id) FROM documents")
    assert documents == [(len(aftermath.deaths), len(aftermath.deaths))]
