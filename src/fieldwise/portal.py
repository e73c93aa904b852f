"""A private event loop in a thread of its own: what the sync calls run in, so that they work inside Jupyter's loop too.

anyio's blocking portal is not used: its thread keeps the interpreter from exiting while the portal is open, and a
library cannot know when its user is done.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from fieldwise.errors import FieldwiseError

T = TypeVar("T")
P = ParamSpec("P")

# A cancelled call hands its run back to the store; a model stops between two tokens.
_CLEANUP_SECONDS = 5.0


class Portal:
    """`run(coroutine)` from any thread but its own. Started on first use, ends with the process or on `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the coroutine's result. On KeyboardInterrupt it is cancelled, and has cleaned up when this raises."""
        if sys.is_finalizing():
            # The loop's thread stands still by now: to wait for it would keep the process from ending.
            coroutine.close()
            raise FieldwiseError("The process is ending: no call can be made any more.")
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise FieldwiseError(
                "A sync call was made from within another one (from `on_event`, or from a backend): it would wait for "
                "itself for ever.",
                next_step="Use the async twin there, whose name begins with an a.",
            )
        loop = self._started()
        done = threading.Event()

        async def supervised() -> T:
            try:
                return await coroutine
            finally:
                done.set()

        future = asyncio.run_coroutine_threadsafe(supervised(), loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                future.cancel()
                done.wait(_CLEANUP_SECONDS)
            raise

    def close(self) -> None:
        """End the loop; a later `run` starts another."""
        with self._lock:
            loop, self._loop, thread, self._thread = self._loop, None, self._thread, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLEANUP_SECONDS)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # After a fork the child has the loop but not its thread.
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="fieldwise-loop", daemon=True)
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


class HasPortal(Protocol):
    @property
    def portal(self) -> Portal: ...


S = TypeVar("S", bound=HasPortal)


def in_portal(method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[S, P], T]:
    """Make the sync twin of an async method: same parameters, same result, run in the object's portal."""

    @functools.wraps(method)
    def twin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.portal.run(method(self, *args, **kwargs))

    twin.__name__ = method.__name__.removeprefix("a")
    twin.__qualname__ = twin.__qualname__.rpartition(".")[0] + f".{twin.__name__}"
    return twin
