"""The private loop of the sync calls."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fieldwise.errors import FieldwiseError
from fieldwise.portal import Portal, in_portal


async def value(result: Any) -> Any:
    await asyncio.sleep(0)
    return result


def test_a_result_and_an_error_come_back() -> None:
    portal = Portal()

    async def fail() -> None:
        raise KeyError("mine")

    assert portal.run(value(3)) == 3
    with pytest.raises(KeyError, match="mine"):
        portal.run(fail())
    portal.close()


def test_all_calls_share_one_loop_in_one_thread() -> None:
    portal = Portal()

    async def where() -> tuple[int, int]:
        return id(asyncio.get_running_loop()), threading.get_ident()

    first = portal.run(where())
    assert portal.run(where()) == first
    assert first[1] != threading.get_ident()
    portal.close()


def test_nothing_is_started_before_the_first_call() -> None:
    before = threading.active_count()
    Portal()
    assert threading.active_count() == before


def test_closing_ends_the_thread_and_what_still_runs_in_it() -> None:
    portal = Portal()
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    async def start() -> asyncio.Task[None]:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return task

    before = threading.active_count()
    portal.run(start())
    portal.close()
    portal.close()
    assert ended == ["cleaned up"]
    assert threading.active_count() == before
    assert portal.run(value(4)) == 4, "and it can be used again"
    portal.close()


def test_an_interrupted_call_has_cleaned_up_when_it_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal()
    began = threading.Event()
    order: list[str] = []

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            order.append("cleaned up")
            raise

    original = asyncio.run_coroutine_threadsafe

    class Interrupted:
        """A future whose waiter is interrupted, as by Ctrl-C, once the work has begun."""

        def __init__(self, future: Any) -> None:
            self._future = future

        def result(self) -> Any:
            began.wait(10)
            raise KeyboardInterrupt

        def __getattr__(self, name: str) -> Any:
            return getattr(self._future, name)

    monkeypatch.setattr(
        asyncio, "run_coroutine_threadsafe", lambda coroutine, loop: Interrupted(original(coroutine, loop))
    )
    with pytest.raises(KeyboardInterrupt):
        portal.run(work())
    order.append("raised")
    assert order == ["cleaned up", "raised"]
    monkeypatch.undo()
    portal.close()


def test_a_call_from_the_portals_own_thread_is_an_error() -> None:
    portal = Portal()

    async def again() -> None:
        portal.run(value(1))

    with pytest.raises(FieldwiseError, match="async twin"):
        portal.run(again())
    portal.close()


def test_a_twin_has_the_name_the_text_and_the_parameters_of_its_async_method() -> None:
    class Client:
        def __init__(self) -> None:
            self.portal = Portal()

        async def aadd(self, one: int, *, other: int = 2) -> int:
            """Add."""
            return one + other

        add = in_portal(aadd)

    client = Client()
    assert client.add(1) == 3
    assert client.add(1, other=5) == 6
    assert (Client.add.__name__, Client.add.__doc__) == ("add", "Add.")
    assert Client.add.__qualname__.endswith("Client.add")
    client.portal.close()
