"""One call of the command line: its options, the settings they lead to, the client, and where words and results go."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec

import click

from fieldwise.client import Fieldwise
from fieldwise.errors import FieldwiseError
from fieldwise.handle import RunHandle
from fieldwise.model import JsonSchema, Run, now
from fieldwise.settings import Setting, Settings, explain_settings

from .console.output import Output
from .console.progress import ProgressView
from .console.talk import LogView, Talk
from .inputs import take_document
from .options import Options, options_of

P = ParamSpec("P")


def open_client(settings: Settings) -> Fieldwise:
    """Make the client of a command. The one place where the command line gets it from."""
    return Fieldwise(settings=settings)


class Session:
    """A context manager. The client is opened when first used, and closed at the end."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.talk = Talk(quiet=options.quiet)
        self.output = Output(options.output)
        self._log = LogView(self.talk, options.verbose)

    @cached_property
    def _explained(self) -> tuple[Settings, tuple[Setting, ...]]:
        return explain_settings(self.options.settings)

    @property
    def settings(self) -> Settings:
        return self._explained[0]

    @property
    def explained_settings(self) -> tuple[Setting, ...]:
        """Every setting with the source of its value."""
        return self._explained[1]

    @cached_property
    def client(self) -> Fieldwise:
        return open_client(self.settings)

    @contextmanager
    def progress(self) -> Iterator[ProgressView]:
        with ProgressView(self.talk.console, quiet=self.options.quiet) as view:
            yield view

    @contextmanager
    def keeping(self, run_id: str | Callable[[], str | None]) -> Iterator[None]:
        """On Ctrl-C say how to go on with the run, and let the interrupt through; note it on errors that do not."""
        try:
            yield
        except FieldwiseError:
            raise
        except Exception as error:
            if kept := run_id if isinstance(run_id, str) else run_id():
                error.add_note(f"The run is kept: {continue_command(kept)}")
            raise
        except KeyboardInterrupt:
            if kept := run_id if isinstance(run_id, str) else run_id():
                self.talk.tell(f"\nInterrupted; the run is kept. Continue with: {continue_command(kept)}")
            raise

    def decide(
        self, handle: RunHandle, kind: Any, *, version: int, feedback: str = "", schema: JsonSchema | None = None
    ) -> RunHandle:
        """Decide on a version and work on to the next pause, showing progress."""
        with self.progress() as view:
            return self.client.decide(
                handle.id, kind, version=version, feedback=feedback, schema=schema, on_event=view.on_event
            )

    def resume(self, handle: RunHandle) -> RunHandle:
        """Take up an interrupted or failed run where it stopped, showing progress."""
        with self.progress() as view:
            return self.client.resume(handle.id, on_event=view.on_event)

    @contextmanager
    def document(self, argument: str, prompt: str | None = None) -> Iterator[Path]:
        """Yield the path of the document that a run is to be started on (`-`: a copy of stdin).

        On Ctrl-C say how to go on with the run. The copy is removed unless a run that was kept has still to read it.
        """
        document = take_document(argument, max_mb=self.settings.max_file_mb)
        began = now()

        def started() -> Run | None:
            return self._newest_run(document.path, prompt, since=began)

        try:
            with self.keeping(lambda: run.id if (run := started()) else None):
                yield document.path
        except BaseException:
            run = started() if document.is_copy else None
            if run is not None and run.document_id is None:
                self.talk.tell(f"What came through stdin is kept in {document.path} until run {run.id} has read it.")
            else:
                document.remove_copy()
            raise
        document.remove_copy()

    def _newest_run(self, path: Path, prompt: str | None, *, since: datetime) -> Run | None:
        for run in self.client.runs(limit=20):
            of_this_call = run.file_path == str(path.absolute()) and run.created_at >= since
            if of_this_call and prompt in (None, run.prompt):
                return run
        return None

    def __enter__(self) -> Session:
        self.output.check()
        self._log.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if "client" in self.__dict__:
                self.client.close()
        finally:
            self._log.close()


def with_session(command: Callable[Concatenate[Session, P], int | None]) -> Callable[P, int | None]:
    """Hand a command its session as first argument. What the command returns is the exit code."""

    @functools.wraps(command)
    def call(*args: P.args, **kwargs: P.kwargs) -> int | None:
        with Session(options_of(click.get_current_context())) as session:
            return command(session, *args, **kwargs)

    return call


def continue_command(run_id: str) -> str:
    return f"fieldwise review {run_id}"
