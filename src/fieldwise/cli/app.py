"""The root command and `main`: finds a command by name, turns whatever it raises into a paragraph and an exit code.

Commands are imported when they are called: `fieldwise --help` loads nothing but click.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType, MappingProxyType
from typing import Any

import click

from .options import CommonGroup, options_from

# Name -> (module, its line in --help). A test holds these lines against the commands' own.
COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "run": ("run", "Agree on the fields of a document, then extract them."),
        "review": ("review", "List the runs that wait for you, or continue one."),
        "decide": ("decide", "Answer a proposal from a script."),
        "runs": ("runs", "List the runs."),
        "show": ("show", "Show one run: its proposal, or its result."),
        "extract": ("extract", "Extract the fields of an agent or a schema from files."),
        "evaluate": ("evaluate", "Compare predictions with gold, to the cell."),
        "parse": ("parse", "Read a document: markdown, or words, boxes and tables."),
        "agents": ("agents", "The agreed schemas, saved under a name."),
        "models": ("models", "The models there are, and how to get one."),
        "store": ("store", "Look after the store."),
        "config": ("config", "Show the settings and where each comes from."),
        "doctor": ("doctor", "Say what is installed, and how to fix what is not."),
    }
)

EXIT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "done",
        1: "failed",
        2: "the call is wrong",
        3: "rejected by the person",
        4: "credentials are missing",
        5: "done, but incomplete, invalid or under a threshold",
        8: "waiting for review; prints the run id and how to continue",
        130: "Ctrl-C; the run is kept",
    }
)

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
EPILOG += '\n\n\b\nCompletion, in ~/.bashrc:  eval "$(_FIELDWISE_COMPLETE=bash_source fieldwise)"'


class LazyGroup(CommonGroup):
    """The root group: knows its commands' names and one-line help without importing them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__package__}.{COMMANDS[name][0]}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, context: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = [CompletionItem(n, help=text) for n, (_, text) in COMMANDS.items() if n.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, context, incomplete)]


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"fieldwise {version('fieldwise')}")
        context.exit()


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Say which.")
def cli() -> None:
    """Agree with a model on the fields, then extract them from any document, every value cited to its place.

    \b
    Start here (nothing leaves this machine unless you name a cloud):
      fieldwise run paper.pdf "Extract the title, authors and key takeaways"
      fieldwise review
      fieldwise doctor
    """


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Raises nothing but SystemExit (shell completion)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character must not end the command
    given: dict[str, Any] = {}
    with _second_interrupt_ends_at_once():
        try:
            code = cli.main(args, prog_name="fieldwise", standalone_mode=False, obj=given)
            sys.stdout.flush()
        except BaseException as error:
            from .failure import report

            code = report(error, options_from(given))
    return code if isinstance(code, int) else 0


@contextmanager
def _second_interrupt_ends_at_once() -> Iterator[None]:
    """Let the first Ctrl-C stop cleanly, which takes up to a second, and the second end the process at once."""

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, second)
        raise KeyboardInterrupt

    def second(number: int, frame: FrameType | None) -> None:
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")  # the progress display had hidden the cursor
        os._exit(130)

    try:
        before = signal.signal(signal.SIGINT, first)
    except ValueError:  # not in the main thread: whoever runs us there handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
