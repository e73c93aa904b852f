"""Whatever a command raises, as one paragraph on stderr and an exit code. Tracebacks only with -vv."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

import click

from fieldwise.errors import FieldwiseError

from .console.safe import dump_json, one_line, safe
from .options import Options

INTERRUPTED = 130


def report(error: BaseException, options: Options) -> int:
    """Say what happened and what to do next; return the exit code. With --json a JSON object goes to stdout as well."""
    if isinstance(error, BrokenPipeError):
        _close_stdout()
        return 1
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        _say(_usage(error))
        return error.exit_code
    if options.verbose >= 2 or os.environ.get("FIELDWISE_DEBUG"):
        _say(safe("".join(traceback.format_exception(error))).rstrip())
    _say(paragraph(error))
    if options.json and options.output is None:
        _print_json(error)
    return error.exit_code if isinstance(error, FieldwiseError) else 1


def paragraph(error: BaseException) -> str:
    """Return one paragraph: what happened, what to do next, the code."""
    if isinstance(error, FieldwiseError):
        run_id = error.fields.get("run_id")
        kept = f"The run is kept: fieldwise review {run_id}" if run_id and str(run_id) not in str(error) else ""
        return one_line(" ".join(filter(None, ["Error:", str(error), kept, f"[{error.code}]"])))
    if isinstance(error, OSError) and error.strerror:
        name = f" ({error.filename})" if error.filename else ""
        return one_line(f"Error: The system refused: {error.strerror}{name}. Run again with -vv to see where. [system]")
    if isinstance(error, MemoryError):
        return "Error: The memory is used up. Give the process more, or try a smaller document. [memory]"
    what = f"{type(error).__name__}: {error}".removesuffix(": ").removesuffix(".")
    kept = next(iter(getattr(error, "__notes__", ())), "")
    next_step = f"Run again with -vv and report what it shows. {kept}".rstrip()
    return one_line(f"Error: Something unexpected happened: {what}. {next_step} [bug]")


def error_json(error: BaseException) -> dict[str, object]:
    """Return the error as programs read it: code, message, next_step, and run_id where a run is kept."""
    if not isinstance(error, FieldwiseError):
        return {"code": "bug", "message": f"{type(error).__name__}: {error}", "next_step": "Run again with -vv."}
    told: dict[str, object] = {"code": error.code, "message": error.message, "next_step": error.next_step}
    if error.fields.get("run_id"):
        told["run_id"] = str(error.fields["run_id"])
    return told


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    told = one_line(f"Error: {error.format_message()}")
    return f"{told} Try: {context.command_path} --help" if context is not None else told


def _print_json(error: BaseException) -> None:
    try:
        print(dump_json({"error": error_json(error)}), flush=True)
    except OSError:
        _close_stdout()


def _say(text: str) -> None:
    with suppress(OSError):  # where nobody is left to tell, the exit code still says it
        print(text, file=sys.stderr, flush=True)


def _close_stdout() -> None:
    # The interpreter flushes stdout at exit and would complain about the closed pipe once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
