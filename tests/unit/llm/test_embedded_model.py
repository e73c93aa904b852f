"""The embedded model's queue, process and clock, with a runtime that needs no weights."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fieldwise.errors import InputError, ModelError, ModelStalled, ModelUnavailable
from fieldwise.llm import Message, Model, ModelRequest
from fieldwise.llm import embedded as embedded_module
from fieldwise.llm.embedded import EmbeddedModel
from fieldwise.model import Progress

FAKES = Path(__file__).parent / "fakes"

Make = Callable[..., EmbeddedModel]


def ask(schema: dict[str, Any] | None = None, **order: Any) -> ModelRequest:
    return ModelRequest(messages=(Message("system", "s"), Message("user", json.dumps(order))), json_schema=schema)


@pytest.fixture(autouse=True)
def _no_turns_with_real_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Models of one user take turns, by a lock in the user's cache folder; these need no cores to themselves."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.fixture
async def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Make]:
    monkeypatch.syspath_prepend(str(FAKES))
    monkeypatch.setitem(embedded_module._RUNTIMES, "openvino", "fake_runtime:FakeRuntime")
    made: list[EmbeddedModel] = []

    def maker(**settings: Any) -> EmbeddedModel:
        model = EmbeddedModel(**{"cache_dir": tmp_path, "runtime": "openvino", **settings})
        made.append(model)
        return model

    yield maker
    for model in made:
        await model.aclose()
    for model in made:
        await gone(model)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  # another process tells no event of ours
        await asyncio.sleep(0.01)


async def gone(model: EmbeddedModel) -> None:
    await until(lambda: model.process_id is None)


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def ended(process_id: int) -> None:
    await until(lambda: not alive(process_id))


async def about(model: EmbeddedModel) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads((await model.generate(ask())).text)
    return reply


async def test_a_call_is_answered_with_its_usage(make: Make) -> None:
    model = make()
    reply = await model.generate(ask({"type": "object"}, say='{"a": 1}', finish="length"))
    assert (reply.text, reply.finish) == ('{"a": 1}', "length")
    assert (reply.constrained, reply.dropped_keywords) == (True, ("maxLength",))
    usage = reply.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.calls) == (10, 4, 3, 1)
    assert usage.seconds > 0
    assert isinstance(model, Model)


async def test_nulls_that_stand_for_absent_fields_are_taken_out(make: Make) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}}}
    reply = await make().generate(ask(schema, say='{"a": null, "b": null}'))
    assert json.loads(reply.text) == {"b": None}


async def test_tokens_are_counted(make: Make) -> None:
    assert await make().count_tokens("one two three") == 3


async def test_tokens_are_counted_while_a_call_is_being_answered(make: Make) -> None:
    model = make()
    task = asyncio.create_task(model.generate(ask(pause=0.05, steps=1000)))
    assert [await model.count_tokens("one two") for _ in range(5)] == [2] * 5
    assert not task.done()
    task.cancel()


async def test_progress_tells_what_is_read_and_written(make: Make) -> None:
    seen: list[Progress] = []
    await make().generate(ask(steps=3), seen.append)
    assert {(p.stage, p.unit) for p in seen} == {("model", "tokens")}
    assert [p.message for p in seen] == sorted(p.message for p in seen)
    assert {"reading", "writing"} == {p.message for p in seen}
    assert all(p.done is not None and p.total == 3 for p in seen)


async def test_models_of_several_processes_take_turns(make: Make, tmp_path: Path) -> None:
    one, two, log = make(), make(context_tokens=512), tmp_path / "log"
    first = asyncio.create_task(one.generate(ask(say="one", file=str(log), pause=0.02, steps=20)))
    await until(log.exists)
    seen: list[Progress] = []
    second = asyncio.create_task(two.generate(ask(say="two", file=str(log)), seen.append))
    await asyncio.gather(first, second)
    assert log.read_text().splitlines() == ["start one", "end one", "start two", "end two"]
    assert "waiting" in seen[0].message


async def test_calls_are_answered_one_at_a_time_in_turn(make: Make, tmp_path: Path) -> None:
    model, log = make(), tmp_path / "log"
    await asyncio.gather(*(model.generate(ask(say=str(n), file=str(log), pause=0.01)) for n in range(4)))
    expected = [f"{what} {n}" for n in range(4) for what in ("start", "end")]
    assert log.read_text().splitlines() == expected


async def test_cancelling_stops_the_call_and_leaves_the_process_usable(make: Make, tmp_path: Path) -> None:
    model, log = make(), tmp_path / "log"
    process = (await about(model))["pid"]
    task = asyncio.create_task(model.generate(ask(say="long", file=str(log), pause=0.02, steps=100_000)))
    await until(log.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await about(model))["pid"] == process
    assert log.read_text() == "start long\n"


async def test_a_call_that_waits_in_the_queue_can_be_cancelled(make: Make, tmp_path: Path) -> None:
    model, log = make(), tmp_path / "log"
    first = asyncio.create_task(model.generate(ask(say="first", file=str(log), pause=0.02, steps=30)))
    second = asyncio.create_task(model.generate(ask(say="second", file=str(log))))
    await until(log.exists)
    second.cancel()
    assert (await first).text == "first"
    with pytest.raises(asyncio.CancelledError):
        await second
    await about(model)
    assert "second" not in log.read_text()


async def test_a_call_without_progress_is_given_up_and_the_next_one_works(make: Make) -> None:
    model = make(stall_seconds=0.6)
    waiting = asyncio.create_task(model.generate(ask(hang=1000)))
    behind = asyncio.create_task(model.generate(ask(say="behind")))
    with pytest.raises(ModelStalled, match="no progress") as caught:
        await waiting
    assert "FIELDWISE_MODEL_STALL_SECONDS" in str(caught.value)
    assert (await behind).text == "behind"


async def test_a_call_that_spins_without_a_word_is_given_up(make: Make) -> None:
    with pytest.raises(ModelStalled):
        await make(stall_seconds=0.5).generate(ask(spin=1000))


async def test_a_slow_call_that_makes_progress_is_not_given_up(make: Make) -> None:
    reply = await make(stall_seconds=1.0).generate(ask(say="done", pause=0.15, steps=10))
    assert reply.text == "done"


async def test_a_process_that_crashes_is_reported_and_replaced(make: Make) -> None:
    model = make()
    with pytest.raises(ModelUnavailable, match="status 3: something native went wrong"):
        await model.generate(ask(crash=3))
    assert (await model.generate(ask(say="again"))).text == "again"


async def test_a_killed_process_is_taken_for_lack_of_memory(make: Make) -> None:
    model = make()
    process = (await about(model))["pid"]
    task = asyncio.create_task(model.generate(ask(pause=0.05, steps=1000)))
    await model.count_tokens("the call is being answered")
    os.kill(process, signal.SIGKILL)
    with pytest.raises(ModelUnavailable, match="memory"):
        await task


async def test_an_error_inside_the_runtime_is_a_model_error(make: Make) -> None:
    with pytest.raises(ModelError, match="RuntimeError: odd"):
        await make().generate(ask(**{"raise": "odd"}))


async def test_what_native_code_prints_does_not_reach_the_answers(make: Make) -> None:
    assert (await make().generate(ask(say="clean", print=True))).text == "clean"


async def test_the_event_loop_runs_on_while_the_model_works(make: Make) -> None:
    model = make()
    await about(model)
    task = asyncio.create_task(model.generate(ask(spin=0.5)))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5


async def test_an_idle_process_is_ended_and_started_again_when_asked(make: Make) -> None:
    model = make(idle_seconds=0.2)
    first = (await about(model))["pid"]
    await ended(first)
    assert (await about(model))["pid"] != first


async def test_models_with_the_same_settings_share_one_process(make: Make) -> None:
    one, two, other = make(), make(), make(context_tokens=512)
    first = (await about(one))["pid"]
    assert (await about(two))["pid"] == first
    assert (await about(other))["pid"] != first
    await one.aclose()
    assert (await about(two))["pid"] == first
    await two.aclose()
    await ended(first)


async def test_a_closed_model_can_be_asked_again(make: Make) -> None:
    model = make()
    first = (await about(model))["pid"]
    await model.aclose()
    await ended(first)
    assert (await about(model))["pid"] != first


async def test_a_forgotten_model_ends_its_process(make: Make, tmp_path: Path) -> None:
    model = EmbeddedModel(cache_dir=tmp_path, runtime="openvino", context_tokens=777)
    process = (await about(model))["pid"]
    del model
    gc.collect()
    await ended(process)


async def test_closing_while_a_call_works_fails_the_call(make: Make) -> None:
    model = make()
    await about(model)
    task = asyncio.create_task(model.generate(ask(pause=0.05, steps=1000)))
    await model.count_tokens("the call is being answered")
    await model.aclose()
    with pytest.raises(ModelError, match="closed"):
        await task


def test_one_model_serves_several_event_loops(make: Make) -> None:
    model = make()
    assert asyncio.run(about(model))["pid"] == asyncio.run(about(model))["pid"]


async def test_the_next_runtime_is_tried_where_one_cannot_run_the_model(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(embedded_module._RUNTIMES, "openvino", "fake_runtime:Unable")
    monkeypatch.setitem(embedded_module._RUNTIMES, "xllamacpp", "fake_runtime:FakeRuntime")
    model = make(runtime="auto")
    assert (await model.generate(ask(say="from the second"))).text == "from the second"


async def test_where_no_runtime_can_run_the_model_all_reasons_are_told(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(embedded_module._RUNTIMES, "openvino", "fake_runtime:Unable")
    monkeypatch.setitem(embedded_module._RUNTIMES, "xllamacpp", "fake_runtime:Unable")
    model = make(runtime="auto")
    for _ in range(2):
        with pytest.raises(ModelUnavailable) as caught:
            await model.generate(ask())
        assert caught.value.message == "Unable cannot read it. Unable cannot read it."
        assert caught.value.next_step == "Try another."


def test_an_unknown_runtime_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tensorrt") as caught:
        EmbeddedModel(runtime="tensorrt", cache_dir=tmp_path)
    assert "openvino, xllamacpp" in str(caught.value)


def test_the_context_is_no_longer_than_the_model_was_made_for(tmp_path: Path) -> None:
    assert EmbeddedModel(cache_dir=tmp_path, context_tokens=1_000_000).context_tokens == 32_768
    assert EmbeddedModel(cache_dir=tmp_path).name == "embedded:qwen2.5-coder-1.5b-instruct-q4_k_m"


SCRIPT = """
import asyncio, json, os, sys, threading
sys.path.insert(0, {fakes!r})
from fieldwise.llm import Message, ModelRequest, embedded
embedded._RUNTIMES["openvino"] = "fake_runtime:FakeRuntime"
model = embedded.EmbeddedModel(cache_dir={cache!r}, runtime="openvino")
def ask(**order):
    return model.generate(ModelRequest(messages=(Message("user", json.dumps(order)),)))
async def main():
    print(json.loads((await ask()).text)["pid"], flush=True)
    {body}
asyncio.run(main())
"""


def start(tmp_path: Path, body: str) -> subprocess.Popen[str]:
    text = SCRIPT.format(fakes=str(FAKES), cache=str(tmp_path), body=body)
    text = text.replace(f"cache_dir={str(tmp_path)!r}", f"cache_dir=__import__('pathlib').Path({str(tmp_path)!r})")
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(text)], stdout=pipe, stderr=pipe, text=True)


def wait_until_gone(process_id: int) -> None:
    while alive(process_id):
        time.sleep(0.01)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "body",
    [
        "task = asyncio.create_task(ask(pause=0.05, steps=100000)); await asyncio.sleep(0.2)",
        "task = asyncio.create_task(ask(hang=1000)); await asyncio.sleep(0.2)",
        "await asyncio.sleep(0)",
        "task = asyncio.create_task(ask(hang=1000)); await asyncio.sleep(0.2); os._exit(0)",
    ],
    ids=["a call running", "a call stuck", "no call", "no clean end"],
)
def test_the_interpreter_ends_at_once_and_takes_the_model_with_it(tmp_path: Path, body: str) -> None:
    with start(tmp_path, body) as script:
        out, err = script.communicate()
    assert script.returncode == 0, err
    assert "Traceback" not in err
    wait_until_gone(int(out))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_the_program_and_the_model_with_it(tmp_path: Path, how: signal.Signals) -> None:
    body = "task = asyncio.create_task(ask(hang=1000)); await asyncio.sleep(0.2); print('now', flush=True); await task"
    with start(tmp_path, body) as script:
        assert script.stdout is not None
        process = int(script.stdout.readline())
        assert script.stdout.readline() == "now\n"
        script.send_signal(how)
        _, err = script.communicate()
    assert script.returncode != 0
    if how == signal.SIGINT:
        assert err.rstrip().endswith("KeyboardInterrupt")
    wait_until_gone(process)


@pytest.mark.timeout(60)
def test_a_forked_child_gets_a_process_of_its_own(tmp_path: Path) -> None:
    body = """
    child = os.fork()
    if child == 0:
        os._exit(0 if threading.active_count() == 1 and model.process_id is None else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), json.loads((await ask()).text)["pid"], flush=True)
    """.strip()
    with start(tmp_path, body) as script:
        out, err = script.communicate()
    first, second = out.splitlines()
    assert second.split() == ["0", first], err
