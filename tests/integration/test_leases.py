"""Who may work on a run: leases that are renewed, lost, given back, and freed at once when their process has died."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fieldwise as fw
from fieldwise.errors import LeaseLost, NotAwaitingReview, RunError, StaleDecision, StoreLocked
from fieldwise.model import RunStatus
from fieldwise.settings import Settings
from harness import PROMPT, SCHEMA, Gate, TextParser, environment, purposes, python, result_of, scripted

Clients = Callable[..., fw.Fieldwise]


def row(store: Path, columns: str = "*") -> dict[str, Any]:
    with sqlite3.connect(store) as connection:
        connection.row_factory = sqlite3.Row
        found = dict(connection.execute(f"SELECT {columns} FROM runs").fetchone())  # noqa: S608  # the test's own words
    connection.close()
    return found


def change(store: Path, **values: Any) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute(f"UPDATE runs SET {', '.join(f'{name} = ?' for name in values)}", tuple(values.values()))  # noqa: S608  # as above
    connection.close()


# A process that begins a run and waits in a stage for ever.
STUCK = """
import asyncio, sys
import fieldwise as fw
from harness import PROMPT, Gate, TextParser

async def main():
    gate = Gate(sys.argv[3])
    client = fw.Fieldwise(store=sys.argv[1], model=gate.model(), parser=TextParser())
    starting = asyncio.create_task(client.astart(sys.argv[2], PROMPT))
    await gate.reached.wait()
    print("stuck", flush=True)
    await starting

asyncio.run(main())
"""


@contextmanager
def stuck(store: Path, document: Path, purpose: str = "propose") -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, store, document, purpose], env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "stuck\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_run_whose_process_was_killed_is_seen_as_interrupted_and_taken_up_at_once(
    client: fw.Fieldwise, store: Path, document: Path
) -> None:
    with stuck(store, document) as process:
        (run,) = client.runs()
        assert (run.status, run.interrupted) == (RunStatus.PROPOSING, False)
        with pytest.raises(RunError, match="Another process works on run"):
            client.resume(run.id)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (run,) = client.runs()
    assert run.interrupted
    assert row(store)["lease_until"] > time.time() + 5, "the lease alone would have kept it for longer"
    after = client.resume(run.id)
    assert (after.status, after.run.interrupted) == (RunStatus.AWAITING_REVIEW, False)
    claimed = [event.data for event in client.journal(run.id) if event.type == "run.claimed"]
    assert [c["stage"] for c in claimed] == ["parsing"]
    assert claimed[0]["owner"].split("/")[-2] == str(os.getpid())


def test_a_killed_process_that_nobody_buried_yet_is_seen_as_dead(
    client: fw.Fieldwise, store: Path, document: Path
) -> None:
    with stuck(store, document) as process:
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        (run,) = client.runs()
        assert run.interrupted, "it is a zombie"


async def test_a_worker_that_lost_its_lease_writes_nothing(
    async_client_of: Clients, store: Path, document: Path
) -> None:
    gate = Gate("propose")
    slow_model = gate.model()
    slow = async_client_of(slow_model)
    starting = asyncio.create_task(slow.astart(document, PROMPT))
    await gate.reached.wait()
    # As if this process had stood still for longer than its lease.
    change(store, lease_until=0.0)
    quick = async_client_of()
    (run,) = await quick.aruns()
    assert run.interrupted
    taken = await quick.aresume(run.id)
    before = await quick.ajournal(run.id)
    gate.open.set()
    with pytest.raises(LeaseLost):
        await starting
    assert purposes(slow_model) == ["propose"], "its work was done, and is not kept"
    assert await quick.ajournal(run.id) == before
    assert [v.created_at for v in await quick.aschemas(run.id)] == [v.created_at for v in taken.schemas]
    assert (await quick.aget(run.id)).status is RunStatus.AWAITING_REVIEW


async def test_a_worker_that_lost_its_lease_in_an_extraction_stores_no_second_one(
    async_client_of: Clients, store: Path, document: Path
) -> None:
    gate = Gate("extract")
    slow = async_client_of(gate.model())
    run = await slow.astart(document, PROMPT)
    approving = asyncio.create_task(run.aapprove())
    await gate.reached.wait()
    change(store, lease_until=0.0)
    done = await async_client_of().aresume(run.id)
    gate.open.set()
    with pytest.raises(LeaseLost):
        await approving
    after = await slow.aget(run.id)
    assert after == done
    events = [event.type for event in await slow.ajournal(run.id)]
    assert events.count("extraction.completed") == 1
    assert len(await slow.aagents()) == 1


async def test_a_lease_is_renewed_while_the_work_goes_on(async_client_of: Clients, store: Path, document: Path) -> None:
    gate = Gate("propose")
    client = async_client_of(gate.model(), settings=Settings(lease_seconds=2.0))
    starting = asyncio.create_task(client.astart(document, PROMPT))
    await gate.reached.wait()
    seen = {row(store, "lease_until")["lease_until"]}
    async with asyncio.timeout(60):
        while len(seen) < 3:
            await asyncio.sleep(0.05)
            seen.add(row(store, "lease_until")["lease_until"])
    gate.open.set()
    assert (await starting).status is RunStatus.AWAITING_REVIEW
    assert row(store, "lease_until, lease_token, lease_owner") == dict.fromkeys(
        ("lease_until", "lease_token", "lease_owner")
    )


async def test_a_cancelled_call_gives_the_run_back(async_client_of: Clients, store: Path, document: Path) -> None:
    gate = Gate("propose")
    client = async_client_of(gate.model())
    starting = asyncio.create_task(client.astart(document, PROMPT))
    await gate.reached.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    (run,) = await client.aruns()
    assert (run.status, run.interrupted) == (RunStatus.PROPOSING, True)
    assert row(store, "lease_token") == {"lease_token": None}
    assert [event.type for event in await client.ajournal(run.id)][-1] == "run.released"
    assert (await async_client_of().aresume(run.id)).status is RunStatus.AWAITING_REVIEW


@pytest.mark.parametrize("turns", range(0, 120, 6))
async def test_a_call_cancelled_at_any_moment_leaves_the_store_usable_and_the_run_resumable(
    async_client_of: Clients, document: Path, turns: int
) -> None:
    client = async_client_of()
    starting = asyncio.create_task(client.astart(document, PROMPT))
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    for run in await client.aruns():
        after = await client.aresume(run.id)
        assert after.status is RunStatus.AWAITING_REVIEW
        assert len(after.schemas) == 1
    assert await client.astore_check() == []


@pytest.mark.parametrize("longest", [0.012, 0.06], ids=["while the store is opened", "while a run is begun"])
async def test_a_call_cancelled_at_a_random_moment_leaves_no_lock_and_no_run_that_is_held(
    document: Path, tmp_path: Path, longest: float
) -> None:
    moments = random.Random(1)
    for number in range(40):
        settings = Settings(store=f"sqlite:///{tmp_path / f'{number}.db'}", store_busy_seconds=2.0)
        client = fw.Fieldwise(settings=settings, model=scripted(), parser=TextParser())
        starting = asyncio.create_task(client.astart(document, PROMPT))
        await asyncio.sleep(moments.random() * longest)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        for run in await client.aruns():
            assert (await client.aresume(run.id)).status is RunStatus.AWAITING_REVIEW
        await client.adelete((await client.astart(document, PROMPT)).id)
        await client.aclose()


async def test_a_burst_that_could_not_say_that_it_ended_does_not_keep_its_run(
    async_client_of: Clients, store: Path, document: Path
) -> None:
    gate = Gate("propose")
    client = async_client_of(gate.model(), settings=Settings(store_busy_seconds=0.1))
    starting = asyncio.create_task(client.astart(document, PROMPT))
    await gate.reached.wait()
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    gate.open.set()
    with pytest.raises(StoreLocked):
        await starting
    other.execute("ROLLBACK")
    other.close()
    assert row(store)["lease_until"] > time.time(), "nobody could be told"
    (run,) = await client.aruns()
    assert run.interrupted
    assert (await client.aresume(run.id)).status is RunStatus.AWAITING_REVIEW


DECIDE = """
import json, sys
import fieldwise as fw
from fieldwise.errors import ReviewError
from harness import TextParser, purposes, scripted

with fw.Fieldwise(store=sys.argv[1], model=(model := scripted()), parser=TextParser()) as client:
    client.runs()
    print("ready", flush=True)
    for line in sys.stdin:
        run_id, kind = line.split()
        model.requests.clear()
        try:
            client.decide(run_id, kind, version=1, feedback="drop year" if kind == "revise" else "")
            outcome = "won"
        except ReviewError as error:
            outcome = type(error).__name__
        print(json.dumps([outcome, purposes(model)]), flush=True)
"""

AFTERWARDS = {
    "approve": (RunStatus.COMPLETED, 1),
    "revise": (RunStatus.AWAITING_REVIEW, 2),
    "reject": (RunStatus.REJECTED, 1),
}


def test_of_two_processes_that_decide_at_once_exactly_one_wins(
    client: fw.Fieldwise, store: Path, document: Path
) -> None:
    rounds = [("approve", "approve"), ("approve", "revise"), ("revise", "approve"), ("reject", "approve")] * 2
    runs = [client.start(document, PROMPT) for _ in rounds]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DECIDE, store],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for run, kinds in zip(runs, rounds, strict=True):
            for process, kind in zip(processes, kinds, strict=True):
                assert process.stdin is not None
                process.stdin.write(f"{run.id} {kind}\n")
                process.stdin.flush()
            outcomes = [json.loads(process.stdout.readline()) for process in processes if process.stdout is not None]
            won = [kind for kind, (outcome, _) in zip(kinds, outcomes, strict=True) if outcome == "won"]
            lost = [(outcome, asked) for outcome, asked in outcomes if outcome != "won"]
            assert len(won) == 1, outcomes
            assert lost[0][0] in (StaleDecision.__name__, NotAwaitingReview.__name__)
            assert lost[0][1] == [], "the loser asks no model"
            assert [event.type for event in client.journal(run.id)].count("decision.made") == 1
            after = client.get(run.id)
            assert (after.status, len(after.schemas)) == AFTERWARDS[won[0]]
    finally:
        for process in processes:
            process.communicate(timeout=30)


def test_a_dead_process_on_another_machine_frees_its_run_when_its_time_is_over(
    client: fw.Fieldwise, store: Path, document: Path
) -> None:
    with stuck(store, document):
        pass
    change(store, lease_owner="another-machine/pid:[1]/7/100", lease_until=time.time() + 60)
    (run,) = client.runs()
    assert not run.interrupted, "whether it is alive cannot be seen from here"
    change(store, lease_until=time.time() - 1)
    (run,) = client.runs()
    assert run.interrupted
    assert client.resume(run.id).status is RunStatus.AWAITING_REVIEW


TAKE_UP = """
import json, sys
import fieldwise as fw
from fieldwise.errors import RunError
from harness import TextParser, purposes, scripted

with fw.Fieldwise(store=sys.argv[1], model=(model := scripted(delay_seconds=1.0)), parser=TextParser()) as client:
    client.runs()
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        client.resume(sys.argv[2])
    except RunError:
        pass
    print(json.dumps(purposes(model)))
"""


def test_a_run_taken_up_by_several_processes_at_once_is_worked_on_by_one(
    client: fw.Fieldwise, store: Path, document: Path
) -> None:
    with stuck(store, document):
        pass
    (run,) = client.runs()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE_UP, store, run.id],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    asked = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert sorted(asked) == [[], [], ["propose"]]
    assert [v.version for v in client.schemas(run.id)] == [1]


def test_a_given_schema_that_was_approved_is_taken_up_after_a_kill_in_its_extraction(
    client_of: Clients, store: Path, document: Path
) -> None:
    code = STUCK.replace("client.astart(sys.argv[2], PROMPT)", "client.aextract(sys.argv[2], schema=SCHEMA)").replace(
        "PROMPT, Gate", "SCHEMA, Gate"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, store, document, "extract"], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    process.kill()
    process.communicate()
    model = scripted()
    client = client_of(model)
    (run,) = client.runs()
    assert (run.status, run.interrupted) == (RunStatus.EXTRACTING, True)
    done = client.resume(run.id)
    assert done.status is RunStatus.COMPLETED
    assert [v.origin for v in done.schemas] == ["given"]
    assert done.schemas[0].schema == SCHEMA
    assert purposes(model) == ["extract"]


def test_the_same_lease_is_not_seen_as_held_by_a_process_that_got_the_same_number(store: Path) -> None:
    code = """
import json, os
from fieldwise.store import owner
name = owner.this_process()
host, pid, started = name.rsplit("/", 2)
print(json.dumps([owner.has_died(name), owner.has_died(f"{host}/{pid}/1"), owner.has_died(f"{host}/999999999/1")]))
"""
    assert result_of(python(code)) == [False, True, True]
