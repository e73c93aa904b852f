"""The asking side of a model's process: starts it when first needed, queues the calls, passes on what it says, ends it
when it is idle, stuck or no longer wanted.

One thread owns the process and everything that is said to it; callers from any thread or event loop leave their orders
in a queue and hold a future. Models with the same settings share one engine, so that the weights are in memory once.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import fieldwise.errors
from fieldwise.errors import ModelError, ModelStalled, ModelUnavailable

OnEvent = Callable[[dict[str, Any]], None]

_TICK_SECONDS = 0.5
_LAST_WORDS = 4_000  # characters of the process's stderr that are kept for the error


class EngineKey(NamedTuple):
    """What two models must share to share a process. `runtimes` are tried in turn, as `module:Class`."""

    runtimes: tuple[str, ...]
    gguf: str
    cache_dir: str
    context_tokens: int
    threads: int

    def start_order(self) -> dict[str, Any]:
        model = {"gguf": self.gguf, "cache_dir": self.cache_dir}
        return {
            "op": "start",
            "runtimes": self.runtimes,
            "model": {**model, "context_tokens": self.context_tokens, "threads": self.threads},
        }


class Job:
    """One order and the future of its answer. `stall_seconds` is how long the process may be silent over it."""

    def __init__(self, number: int, order: dict[str, Any], on_event: OnEvent, stall_seconds: float) -> None:
        self.number = number
        self.line = _line({**order, "id": number})
        self.on_event = on_event
        self.stall_seconds = stall_seconds
        self.future: Future[dict[str, Any]] = Future()
        self.exclusive = order["op"] == "generate"


class Engine:
    """A model's process and its queue. Use `acquire` and `release`, which share one engine among equal settings."""

    def __init__(self, key: EngineKey) -> None:
        self.key = key
        self.users = 0
        self._numbers = itertools.count(1)
        self._reset()

    def _reset(self) -> None:
        # Reentrant: the garbage collector may release a forgotten model anywhere, also in a thread that holds it.
        self._lock = threading.RLock()
        self._inbox: deque[tuple[str, Any]] = deque()
        self._thread: threading.Thread | None = None
        self._wake: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def submit(self, order: dict[str, Any], on_event: OnEvent, *, stall_seconds: float, idle_seconds: float) -> Job:
        """Queue an order. The job's future ends with the answer, a ModelError, or cancelled."""
        job = Job(next(self._numbers), order, on_event, stall_seconds)
        job.future.add_done_callback(lambda future: self._send("cancel", job) if future.cancelled() else None)
        self._send("job", (job, idle_seconds), start=True)
        return job

    def stop(self) -> None:
        """End the process, at once; jobs that are not done fail. A later order starts a new one."""
        self._send("stop", None)

    @property
    def process_id(self) -> int | None:
        """The running process, for whoever measures it; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def _send(self, kind: str, what: Any, *, start: bool = False) -> None:
        with self._lock:
            if self._thread is None:
                if not start:
                    return
                self._inbox.append((kind, what))
                reading, self._wake = os.pipe()
                os.set_blocking(self._wake, False)
                # A daemon: an interpreter that wants to end must not wait for a model.
                self._thread = threading.Thread(target=_Session(self, reading).run, name="fieldwise-model", daemon=True)
                self._thread.start()
                return
            self._inbox.append((kind, what))
            if self._wake is not None:
                with contextlib.suppress(BlockingIOError):  # a full pipe wakes as well as one byte more
                    os.write(self._wake, b"!")

    def take(self) -> list[tuple[str, Any]]:
        with self._lock:
            taken, self._inbox = list(self._inbox), deque()
        return taken

    def end_unless_wanted(self) -> bool:
        """End the session, unless an order came in while it was ending. Called by the session's thread only."""
        with self._lock:
            if self._inbox:
                return False
            if self._wake is not None:
                os.close(self._wake)
            self._thread = self._wake = self._process = None
            return True

    def kill_now(self) -> None:
        """For the interpreter's end: the thread may not run any more."""
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
                process.wait(timeout=5)

    def forget_after_fork(self) -> None:
        """In a forked child: the process and the thread are the parent's."""
        process = self._process
        self._reset()
        if process is not None:
            process.returncode = 0  # not ours to wait for
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        os.close(pipe.fileno())


class _Session:
    """The life of an engine's thread: from the first order until the process is idle or stopped."""

    def __init__(self, engine: Engine, wake: int) -> None:
        self._engine = engine
        self._wake = wake
        self._process: subprocess.Popen[bytes] | None = None
        self._queue: deque[Job] = deque()
        self._asked: dict[int, Job] = {}
        self._mark_time()
        self._idle_seconds = 0.0
        self._partial = b""
        self._last_words = b""
        self._stopping = False

    def run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception as error:  # whatever happened, nobody may be left waiting
                self._end_process()
                self._fail_all(ModelError(f"The embedded model's process could not be used: {error}."))
            if self._process is None and not self._queue and self._engine.end_unless_wanted():
                os.close(self._wake)
                return

    def _turn(self) -> None:
        for kind, what in self._engine.take():
            self._obey(kind, what)
        if self._stopping:
            self._stopping = False
            self._end_process()
            self._fail_all(ModelError("The embedded model was closed while it worked.", next_step="Ask again."))
            return
        self._ask_next()
        if self._process is None:
            return
        self._listen()
        self._check_clock()

    def _obey(self, kind: str, what: Any) -> None:
        if kind == "job":
            job, self._idle_seconds = what
            self._queue.append(job)
        elif kind == "stop":
            self._stopping = True
        elif what in self._queue:
            self._queue.remove(what)
        elif what.number in self._asked:
            self._write(_line({"op": "cancel", "id": what.number}))

    def _ask_next(self) -> None:
        """Ask whatever can be asked now: counts at once, answers one at a time."""
        for job in list(self._queue):
            if job.exclusive and any(other.exclusive for other in self._asked.values()):
                continue
            self._queue.remove(job)
            if not job.future.cancelled():
                if self._process is None:
                    self._start_process()
                if not self._asked:
                    self._mark_time()
                self._asked[job.number] = job
                self._write(job.line)

    def _start_process(self) -> None:
        environment = {**os.environ, "PYTHONPATH": _python_path()}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fieldwise.llm.worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C at the terminal is for us; we cancel what it means to cancel
        )
        self._engine._process = self._process
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None  # noqa: S101  # asked for above
            os.set_blocking(pipe.fileno(), False)
        self._partial = self._last_words = b""
        self._write(_line(self._engine.key.start_order()))

    def _write(self, line: bytes) -> None:
        assert self._process is not None  # noqa: S101  # callers start it
        assert self._process.stdin is not None  # noqa: S101  # a pipe, by _start_process
        # A process that is gone is noticed by _listen, which knows how it ended.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _listen(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101  # checked by _turn
        with selectors.DefaultSelector() as selector:
            for source in (self._wake, process.stdout, process.stderr):
                assert source is not None  # noqa: S101  # pipes, by _start_process
                selector.register(source, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(_TICK_SECONDS)}
        if self._wake in ready:
            os.read(self._wake, 4096)
        if process.stderr in ready:
            self._last_words = (self._last_words + (process.stderr.read() or b""))[-_LAST_WORDS:]
        if process.stdout in ready:
            said = process.stdout.read()
            if said == b"":
                self._died()
            elif said:
                *lines, self._partial = (self._partial + said).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))

    def _hear(self, event: dict[str, Any]) -> None:
        self._mark_time()
        job = self._asked.get(event["id"])
        if job is None:
            return
        if event["event"] == "progress":
            job.on_event(event)
            return
        del self._asked[job.number]
        if event["event"] == "error":
            _fail(job, _error_from(event))
        elif event["event"] == "cancelled":
            job.future.cancel()
        elif job.future.set_running_or_notify_cancel():
            job.future.set_result(event)

    def _check_clock(self) -> None:
        silent = time.monotonic() - self._heard_at
        if not self._asked and not self._queue:
            if silent > self._idle_seconds:
                self._end_process()
            return
        if any(self._is_stalled(silent, job.stall_seconds) for job in self._asked.values()):
            self._end_process()
            for job in self._asked.values():
                _fail(
                    job,
                    ModelStalled(
                        f"The embedded model made no progress for {silent:.0f} seconds and was stopped.",
                        next_step="Close what else uses the processor, or raise FIELDWISE_MODEL_STALL_SECONDS.",
                        seconds=silent,
                    ),
                )
            self._asked.clear()

    def _mark_time(self) -> None:
        """Begin to wait anew: something was said, or asked."""
        self._heard_at = self._worked_at = time.monotonic()
        self._spent_at_mark = self._spent = self._processor_seconds()

    def _processor_seconds(self) -> float:
        return _processor_seconds(self._process.pid) if self._process is not None else 0.0

    def _is_stalled(self, silent: float, limit: float) -> bool:
        """Tell stuck from starved: on a crowded machine, loading may take minutes in which the process cannot speak.

        Stuck is who waits (no processor time used for `limit` seconds) or spins (`limit` seconds of it used up).
        """
        spent = self._processor_seconds()
        if spent > self._spent:
            self._spent, self._worked_at = spent, time.monotonic()
        waited = time.monotonic() - self._worked_at
        return silent > limit and (waited > limit or spent - self._spent_at_mark > limit)

    def _died(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101  # its pipe has just ended
        self._end_process()
        words = self._last_words.decode(errors="replace").strip().splitlines()
        if process.returncode == -signal.SIGKILL:
            reason = "it was killed, most likely because memory ran out"
            step = "Close other programs; the default model needs about 3.5 GB. Or give a smaller model file."
        else:
            reason = f"it ended with status {process.returncode}" + (f": {words[-1][:300]}" if words else "")
            step = "Try again; if it happens again, try FIELDWISE_EMBEDDED_RUNTIME=xllamacpp (or openvino)."
        error = ModelUnavailable(
            f"The embedded model's process is gone: {reason}.", next_step=step, last_words=words[-20:]
        )
        for job in self._asked.values():
            _fail(job, error)
        self._asked.clear()

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.kill()  # it holds nothing that could be saved; files are put in place in one step
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _fail_all(self, error: ModelError) -> None:
        jobs = [*self._asked.values(), *self._queue]
        self._asked.clear()
        self._queue.clear()
        for job in jobs:
            _fail(job, error)


def _line(order: dict[str, Any]) -> bytes:
    return json.dumps(order).encode() + b"\n"


def _fail(job: Job, error: ModelError) -> None:
    if job.future.set_running_or_notify_cancel():
        job.future.set_exception(error)


def _processor_seconds(process_id: int) -> float:
    """Return the processor time that the process has used, or 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _error_from(event: dict[str, Any]) -> ModelError:
    named = getattr(fieldwise.errors, event["error"], ModelError)
    cls = named if isinstance(named, type) and issubclass(named, ModelError) else ModelError
    return cls(event["message"], next_step=event["next_step"], **event["fields"])


def _python_path() -> str:
    """Have the process find what this one finds, whatever was put on sys.path since the start."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys(entry for entry in [*given, *sys.path] if entry))


_engines: dict[EngineKey, Engine] = {}
_alive: weakref.WeakSet[Engine] = weakref.WeakSet()
_lock = threading.RLock()


def acquire(key: EngineKey) -> Engine:
    """Return the engine for these settings, counting one user more."""
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = Engine(key)
            _alive.add(engine)
        engine.users += 1
        return engine


def release(engine: Engine) -> None:
    """Count one user less; the last one stops the process."""
    with _lock:
        engine.users -= 1
        if engine.users > 0:
            return
        if _engines.get(engine.key) is engine:
            del _engines[engine.key]
    engine.stop()


def _kill_all() -> None:
    for engine in list(_alive):
        engine.kill_now()


def _forget_all() -> None:
    global _lock
    _lock = threading.RLock()
    for engine in list(_alive):
        engine.forget_after_fork()


atexit.register(_kill_all)
os.register_at_fork(after_in_child=_forget_all)
