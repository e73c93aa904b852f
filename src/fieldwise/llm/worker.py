"""The model's process: questions come in as lines of JSON on stdin, progress and answers go out as lines on stdout.

Started by `engine` as `python -m fieldwise.llm.worker`. A process of its own because the runtimes hold the interpreter
lock for up to a second at a time, crash as native code does, and give memory back only when they end.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from fieldwise.errors import ModelError, ModelUnavailable
from fieldwise.settings import default_cache_dir

from .files import locked
from .grammar import restore
from .protocol import Message
from .runtime import Answer, Call, ModelFile, NotRunnable, Report, Runtime, Stopped

log = logging.getLogger("fieldwise.llm")

_PR_SET_PDEATHSIG = 1
_BEAT_SECONDS = 0.1


class Worker:
    """Answers one question at a time. Counting is answered between two steps of a longer piece of work."""

    def __init__(self, orders: queue.SimpleQueue[dict[str, Any]], out: BinaryIO) -> None:
        self._orders = orders
        self._out = out
        self._waiting: deque[dict[str, Any]] = deque()
        self._cancelled: set[int] = set()
        self._factories: list[str] = []
        self._model: ModelFile | None = None
        self._runtime: Runtime | None = None
        self._failures: list[str] = []
        self._proven = False

    def run(self) -> None:
        while True:
            order = self._waiting.popleft() if self._waiting else self._orders.get()
            if not self._accept(order):
                self._work(order)

    def _accept(self, order: dict[str, Any]) -> bool:
        """Take an order that needs no work."""
        if order["op"] == "start":
            model = order["model"]
            self._factories = list(order["runtimes"])
            self._model = ModelFile(
                gguf=Path(model["gguf"]) if model["gguf"] else None,
                cache_dir=Path(model["cache_dir"]),
                context_tokens=model["context_tokens"],
                threads=model["threads"],
            )
        elif order["op"] == "cancel":
            self._cancelled.add(order["id"])
        else:
            return False
        return True

    def _work(self, order: dict[str, Any]) -> None:
        number = order["id"]
        told_at, told = 0.0, ""

        def report(message: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
            nonlocal told_at, told
            self._look_at_orders()
            if number in self._cancelled:
                raise Stopped
            now = time.monotonic()
            if message != told or now - told_at >= _BEAT_SECONDS:
                told_at, told = now, message
                self._tell(number, "progress", message=message, done=done, total=total, unit=unit)

        try:
            if number in self._cancelled:
                raise Stopped
            if order["op"] == "count":
                text = _clean(order["text"])
                tokens = self._with_runtime(report, lambda runtime: runtime.count(text, report))
                self._tell(number, "count", tokens=tokens)
            else:
                call = _read_call(order["call"])
                with self._turn(report):
                    started = time.monotonic()  # what we waited for others is not the model's work
                    answer: Answer = self._with_runtime(report, lambda runtime: runtime.generate(call, report))
                self._tell(number, "answer", **_finished(answer, call), seconds=time.monotonic() - started)
        except Stopped:
            self._tell(number, "cancelled")
        except ModelError as error:
            self._tell_error(number, error)
        except MemoryError:
            self._tell_error(number, ModelUnavailable("There is not enough memory for the model.", next_step=""))
        except Exception as error:
            log.exception("the model's process failed")
            self._tell_error(number, ModelError(f"The embedded model failed: {type(error).__name__}: {error}."))
        finally:
            self._cancelled.discard(number)

    @contextmanager
    def _turn(self, report: Report) -> Iterator[None]:
        """Wait until no other process on this machine asks its model.

        Two models that share the cores do not run at half the speed each but at a tenth: their threads wait for each
        other in busy loops (measured: 20 tokens a second alone, less than one beside three others).

        Whoever waits holds the queue, so that a process with many calls cannot take every turn.
        """
        assert self._model is not None  # noqa: S101  # engine starts every process with "start"
        # The user's own folder, whatever cache the settings name: it is the cores that are shared.
        folder = default_cache_dir()
        if not os.access(folder, os.W_OK):
            folder = self._model.cache_dir

        def wait() -> None:
            report("waiting for another process's model")

        with ExitStack() as turn:
            with locked(folder / "queue.lock", wait):
                turn.enter_context(locked(folder / "turn.lock", wait))
            yield

    def _with_runtime(self, report: Report, ask: Callable[[Runtime], Any]) -> Any:
        """Ask the runtime. Until one has answered, a runtime that cannot run the model gives way to the next."""
        while True:
            if self._runtime is None:
                self._runtime = self._open()
            try:
                result = ask(self._runtime)
            except NotRunnable as error:
                self._failures.append(error.message)
                if self._proven or len(self._failures) == len(self._factories):
                    self._failures.pop()
                    raise ModelUnavailable(
                        " ".join([*self._failures, error.message]), next_step=error.next_step, **error.fields
                    ) from error
                log.warning("%s The next runtime is tried.", error.message)
                self._runtime = None
                continue
            self._proven = True
            return result

    def _open(self) -> Runtime:
        assert self._model is not None  # noqa: S101  # engine starts every process with "start"
        module, _, name = self._factories[len(self._failures)].partition(":")
        runtime: Runtime = getattr(import_module(module), name)(self._model)
        return runtime

    def _look_at_orders(self) -> None:
        """Between two steps: note what was cancelled, count what is to be counted, leave the rest for later."""
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return
            if self._accept(order):
                continue
            if order["op"] == "count" and self._runtime is not None and self._runtime.counts_at_once:
                tokens = self._runtime.count(_clean(order["text"]), _no_report)
                self._tell(order["id"], "count", tokens=tokens)
            else:
                self._waiting.append(order)

    def _tell_error(self, number: int, error: ModelError) -> None:
        known = {cls.__name__ for cls in type(error).__mro__} & {cls.__name__ for cls in ModelError.__subclasses__()}
        self._tell(
            number,
            "error",
            error=next(iter(known), "ModelError"),
            message=error.message,
            next_step=error.next_step,
            fields=error.fields,
        )

    def _tell(self, number: int, event: str, **facts: Any) -> None:
        line = json.dumps({"id": number, "event": event, **facts}, default=str)
        self._out.write(line.encode() + b"\n")
        self._out.flush()


def _no_report(message: str, done: int | None = None, total: int | None = None, unit: str = "") -> None:
    """For work so short that nobody watches."""


def _clean(text: str) -> str:
    """Replace halves of surrogate pairs, which broken PDFs hold and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def _read_call(order: dict[str, Any]) -> Call:
    return Call(
        messages=tuple(Message(role, _clean(content)) for role, content in order["messages"]),
        json_schema=order["json_schema"],
        max_output_tokens=order["max_output_tokens"],
        temperature=order["temperature"],
    )


def _finished(answer: Answer, call: Call) -> dict[str, Any]:
    """Take out the nulls that stand for absent fields."""
    facts = answer._asdict()
    if call.json_schema is not None and answer.finish == "stop":
        data = json.loads(answer.text)
        restored = restore(data, call.json_schema)
        if restored != data:
            facts["text"] = json.dumps(restored, ensure_ascii=False)
    return facts


def _read_orders(source: BinaryIO, orders: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in source:
        orders.put(json.loads(line))
    os._exit(0)  # whoever asked is gone; native threads must not keep the process


def _die_with(parent: int) -> None:
    """Have the system end this process when its starter does, even by kill -9 and in the middle of a native call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def main() -> None:
    _die_with(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the starter's to handle: it cancels the call
    # Native libraries print what they like on descriptor 1; ours is a copy that they do not know.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(sys.stdin.buffer, orders), daemon=True).start()
    try:
        Worker(orders, out).run()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
