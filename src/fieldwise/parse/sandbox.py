"""One reading process, seen from outside: start it, ask it, kill it.

It reads untrusted files with native code that is known to abort, loop and swallow memory on hostile ones, so a file is
only ever read over there. The pipes are watched by whatever event loop is running, and only while a parse runs: a
process outlives the loop that started it (each `asyncio.run` makes a new one), and no child watcher is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable

from fieldwise.errors import ParseError, ParseLimit

from .child import too_much_memory
from .frames import FrameError, Message, Request, Unpacker, pack, unpack_answer

# The parent's import path is handed over, so that the child finds the same package whichever way the parent did;
# -I keeps everything else of the environment out.
# A page is hundreds of thousands of small objects without cycles, which live until the page is sent: looking through
# them for garbage every 700 objects is a quarter of the whole time of a PDF.
_START = """
import gc, json, sys
gc.set_threshold(200_000, 20, 20)
sys.path[:] = json.loads(sys.argv[1])
from fieldwise.parse.child import main
main(int(sys.argv[2]))
"""

_MEGABYTE = 1024 * 1024
_READ_BYTES = 1024 * 1024
_LARGE_BODY = 256 * 1024
_TAIL_BYTES = 8192

_MEMORY_SIGNS = (b"memory allocation", b"out of memory", b"bad_alloc", b"MemoryError", b"Out of memory")


class Child:
    """A process that parses one file at a time. Not usable any more after `kill`, or after an exchange that failed."""

    def __init__(self, memory_mb: int, output_mb: int = 512) -> None:
        """Start the process; it is ready to be asked at once. Raises ParseError where it cannot be started.

        `memory_mb` is the most address space that it may take, `output_mb` the most that it may answer to one request.
        """
        self.memory_mb = memory_mb
        self.output_mb = output_mb
        paths = [path for path in sys.path if os.path.isabs(path)]
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, json.dumps(paths), str(memory_mb)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
                # Ctrl-C at the terminal is answered by the parent, which then ends the child.
                start_new_session=True,
            )
        except OSError as error:
            raise ParseError(
                f"The process that reads documents could not be started: {error}.",
                next_step="Free memory or processes on this machine, and try again.",
            ) from None
        self._process = process
        self.pid = process.pid
        self._stderr = b""
        # Also at interpreter exit, and without a ResourceWarning when the owner forgot to close.
        self._end = weakref.finalize(self, _end, process)
        assert process.stdout  # noqa: S101  # asked for above
        assert process.stderr  # noqa: S101  # asked for above
        self._stderr_descriptor: int | None = process.stderr.fileno()
        os.set_blocking(process.stdout.fileno(), False)
        os.set_blocking(self._stderr_descriptor, False)

    @property
    def alive(self) -> bool:
        return self._end.alive and self._process.poll() is None

    def kill(self) -> None:
        """End the process now and take its exit status. Idempotent."""
        self._end()

    async def ask(self, request: Request, on_message: Callable[[Message], None]) -> None:
        """Send the request, hand on every answer up to the last one. Raises ParseError if the process dies over it."""
        assert self._process.stdin  # noqa: S101  # asked for when it was started
        assert self._process.stdout  # noqa: S101  # as above
        try:
            self._process.stdin.write(pack(request))
        except BrokenPipeError:
            raise await self._death() from None
        unpacker, received = Unpacker(), 0
        while data := await self._read(self._process.stdout.fileno()):
            received += len(data)
            if received > self.output_mb * _MEGABYTE:
                raise ParseLimit(
                    f"The document's text and layout take more than {self.output_mb:,} MB.",
                    next_step="Split the document, or raise the setting parse_output_mb (FIELDWISE_PARSE_OUTPUT_MB).",
                    limit="parse_output_mb",
                )
            try:
                for body in unpacker.feed(data):
                    # A large page takes long to validate: not on the event loop.
                    large = len(body) > _LARGE_BODY
                    message = await asyncio.to_thread(unpack_answer, body) if large else unpack_answer(body)
                    on_message(message)
                    if message.type in ("done", "failed"):
                        return
            except FrameError as error:
                raise ParseError(
                    f"The reading process answered nonsense ({error}).", next_step="Report this with the document."
                ) from None
        raise await self._death()

    async def _exit(self) -> tuple[int, int]:
        """Return the exit status and the peak of resident memory in MB, once the process has ended."""
        # Its pipes are closed, so its end is at most moments away; a process that only closed them is killed.
        with contextlib.suppress(ChildProcessError):
            for attempt in range(100):
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)  # noqa: ASYNC222  # does not wait
                if pid:
                    self._process.returncode = os.waitstatus_to_exitcode(status)
                    return self._process.returncode, usage.ru_maxrss // 1024
                if attempt == 50:
                    os.kill(self.pid, signal.SIGKILL)
                await asyncio.sleep(0.01)
        self.kill()
        return self._process.returncode, 0

    async def _read(self, descriptor: int) -> bytes:
        """Return what is there to read, as soon as something is; empty at the end."""
        while True:
            self._drain_stderr()
            # One turn for everyone else, however fast the pages come.
            await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError):
                return os.read(descriptor, _READ_BYTES)
            await self._readable(descriptor)

    async def _readable(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        stderr = self._stderr_descriptor

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        loop.add_reader(descriptor, wake)
        if stderr is not None:
            loop.add_reader(stderr, wake)
        try:
            await ready
        finally:
            loop.remove_reader(descriptor)
            if stderr is not None:
                loop.remove_reader(stderr)

    def _drain_stderr(self) -> None:
        """Keep the end of what native code prints, and keep its pipe from filling up."""
        while self._stderr_descriptor is not None:
            try:
                data = os.read(self._stderr_descriptor, _TAIL_BYTES)
            except BlockingIOError:
                return
            if data:
                self._stderr = (self._stderr + data)[-_TAIL_BYTES:]
            else:
                self._stderr_descriptor = None

    async def _death(self) -> ParseError:
        """Say why the process ended by itself."""
        self._drain_stderr()
        code, peak_mb = await self._exit()
        # An allocation that fails in native code aborts, and leaves no other sign than the memory taken before.
        aborted = code in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGTRAP, -signal.SIGILL)
        if any(sign in self._stderr for sign in _MEMORY_SIGNS) or (aborted and peak_mb > self.memory_mb / 5):
            return too_much_memory(self.memory_mb)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        if code == -signal.SIGKILL:
            return ParseLimit(
                f"The process that read the document {how}, most likely because the machine ran out of memory.",
                next_step="Free memory, or lower the setting parse_memory_mb (FIELDWISE_PARSE_MEMORY_MB).",
                exit_status=code,
            )
        detail = self._stderr.decode("utf-8", "replace").strip()
        return ParseError(
            f"The process that read the document {how}; other documents are not affected.",
            next_step="The document is damaged or malicious: print it to a new PDF from a viewer that opens it.",
            exit_status=code,
            detail=detail[-2000:],
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
