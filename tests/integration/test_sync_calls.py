"""Sync calls: in a running loop as Jupyter's, from threads, stopped by Ctrl-C, and in processes that end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fieldwise as fw
from fieldwise.errors import FieldwiseError
from fieldwise.model import RunStatus
from harness import FACTS, PROMPT, SCHEMA, environment, python, result_of

Clients = Callable[..., fw.Fieldwise]


async def test_sync_calls_work_inside_a_running_loop(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT)
    result = run.revise("drop year").approve()
    assert result.data["title"] == FACTS["title"]
    assert [item.extraction is not None for item in client.extract_many([document], schema=SCHEMA)] == [True]
    assert asyncio.get_running_loop().is_running()


async def test_async_and_sync_calls_mix_on_one_client(async_client_of: Clients, document: Path) -> None:
    client = async_client_of()
    run = await client.astart(document, PROMPT)
    run = run.revise("drop year")
    result = await run.aapprove()
    assert client.get(run.id).result == result
    client.close()


def test_many_threads_share_one_client(client: fw.Fieldwise, document: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(lambda _: client.start(document, PROMPT).revise("drop year"), range(12)))
    assert {run.status for run in runs} == {RunStatus.AWAITING_REVIEW}
    assert len({run.id for run in runs}) == 12


def test_a_client_can_be_used_again_after_it_was_closed(client: fw.Fieldwise, document: Path) -> None:
    run = client.start(document, PROMPT)
    client.close()
    client.close()
    assert run.approve().data["year"] == 1991


def test_a_closed_client_leaves_no_thread(client_of: Clients, document: Path) -> None:
    before = set(threading.enumerate())
    client = client_of()
    client.start(document, PROMPT)
    assert set(threading.enumerate()) - before
    client.close()
    assert set(threading.enumerate()) - before == set()


async def test_clients_leave_the_loop_of_async_code_as_they_found_it(async_client_of: Clients, document: Path) -> None:
    before = asyncio.all_tasks()
    client = async_client_of()
    await (await client.astart(document, PROMPT)).aapprove()
    await client.aclose()
    assert asyncio.all_tasks() == before


def test_a_sync_call_from_within_a_sync_call_is_an_error_not_a_deadlock(client: fw.Fieldwise, document: Path) -> None:
    errors: list[BaseException] = []

    def ask(progress: Any) -> None:
        try:
            client.runs()
        except FieldwiseError as error:
            errors.append(error)

    client.start(document, PROMPT, on_event=ask)
    assert "async twin" in str(errors[0])


def test_a_listener_that_fails_ends_the_call_with_its_own_error(client: fw.Fieldwise, document: Path) -> None:
    def fail(progress: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.start(document, PROMPT, on_event=fail)
    (run,) = client.runs()
    assert client.resume(run.id).status is RunStatus.AWAITING_REVIEW


INTERRUPTED = """
import json, sys
import fieldwise as fw
from harness import PROMPT, Gate, TextParser, scripted

store, document = sys.argv[1:]
gate = Gate("propose")
client = fw.Fieldwise(store=store, model=gate.model(), parser=TextParser())
tell = lambda progress: progress.stage == "propose" and "Asking" in progress.message and print("asking", flush=True)
try:
    client.start(document, PROMPT, on_event=tell)
except KeyboardInterrupt:
    (run,) = client.runs()
    print(json.dumps([run.status, run.interrupted, [event.type for event in client.journal(run.id)]]))
"""


def test_control_c_gives_the_run_back_before_the_call_ends(client: fw.Fieldwise, store: Path, document: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, store, document], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    seconds = time.monotonic() - began
    status, interrupted, events = json.loads(output.splitlines()[-1])
    assert process.returncode == 0
    assert (status, interrupted) == ("proposing", True)
    assert events == ["run.created", "document.parsed", "run.released"]
    # The cleanup may take five seconds before it is given up: it ended by itself.
    assert seconds < 5
    assert client.resume(client.runs()[0].id).status is RunStatus.AWAITING_REVIEW


@pytest.mark.parametrize(
    "use",
    [
        "client.start(document, PROMPT)",
        "asyncio.run(client.astart(document, PROMPT))",
        "client.start(document, PROMPT); asyncio.run(client.aruns())",
        "next(client.extract_many([document, document], schema=SCHEMA))",
        "items = client.extract_many([document, document], schema=SCHEMA); next(items)",
        "threading.Thread(target=lambda: client.start(document, PROMPT), daemon=True).start()",
    ],
)
def test_a_process_ends_with_a_client_left_open(store: Path, document: Path, use: str) -> None:
    code = f"""
import asyncio, sys, threading
import fieldwise as fw
from harness import PROMPT, SCHEMA, TextParser, scripted
store, document = sys.argv[1:]
client = fw.Fieldwise(store=store, model=scripted(), parser=TextParser())
{use}
"""
    process = python(code, store, document, timeout=30)
    assert process.returncode == 0
    assert process.stderr == ""


def test_a_process_ends_with_a_client_and_a_reading_process_left_open(store: Path, document: Path) -> None:
    code = """
import sys
import fieldwise as fw
from harness import PROMPT, scripted
client = fw.Fieldwise(store=sys.argv[1], model=scripted())
client.start(sys.argv[2], PROMPT)
"""
    process = python(code, store, document, timeout=30)
    assert (process.returncode, process.stderr) == (0, "")


def test_a_forked_process_uses_its_parents_client(store: Path, document: Path) -> None:
    code = """
import json, os, signal, sys
import fieldwise as fw
from harness import PROMPT, TextParser, scripted
client = fw.Fieldwise(store=sys.argv[1], model=scripted(), parser=TextParser())
run = client.start(sys.argv[2], PROMPT)
pid = os.fork()
if pid == 0:
    signal.alarm(20)
    client.get(run.id).revise("drop year")
    os._exit(0)
_, status = os.waitpid(pid, 0)
print(json.dumps([status, len(client.get(run.id).schemas)]))
"""
    assert result_of(python(code, store, document, timeout=30)) == [0, 2]


def test_the_functions_of_the_package_use_the_store_of_the_settings(store: Path, document: Path) -> None:
    code = """
import json, sys
import fieldwise as fw
from fieldwise.registry import register
from harness import PROMPT, SCHEMA, TextParser, scripted
register("model", "scripted", lambda order: scripted())
register("parser", "text", lambda order: TextParser())
run = fw.start(sys.argv[1], PROMPT)
result = run.approve()
again = fw.extract(sys.argv[1], agent=result.agent_id)
many = [item.extraction.data for item in fw.extract_many([sys.argv[1]], schema=SCHEMA)]
print(json.dumps([result.data, again.data, many, fw.parse(sys.argv[1]).markdown]))
"""
    process = python(
        code,
        document,
        FIELDWISE_STORE=f"sqlite:///{store}",
        FIELDWISE_MODEL="scripted",
        FIELDWISE_PARSER="text",
    )
    expected = {name: FACTS[name] for name in SCHEMA["properties"]}
    assert result_of(process) == [expected, expected, [expected], document.read_text()]
    assert store.exists()
