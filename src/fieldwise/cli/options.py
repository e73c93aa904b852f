"""The options that every command takes, before or after its name, and what they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from click.core import ParameterSource

SETTING_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "store": "Where runs, documents and agents are kept (a file, or sqlite:///PATH).",
        "parser": "Who reads the document: local.",
        "model": "embedded, embedded:/path/to/model.gguf, or a plugin's name.",
        "extractor": "Who extracts: fieldwise.",
        "base_url": "The endpoint of an OpenAI-compatible model.",
    }
)
TALK_FLAGS = ("json", "quiet", "verbose", "output")


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line. `settings` holds the settings flags that were given, and no others."""

    json: bool = False
    quiet: bool = False
    verbose: int = 0
    output: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def options_from(given: Mapping[str, Any]) -> Options:
    """Sort what the command line gave (see `Common`) into `Options`."""
    output = given.get("output")
    return Options(
        json=bool(given.get("json")),
        quiet=bool(given.get("quiet")),
        verbose=int(given.get("verbose", 0)),
        output=Path(output) if output not in (None, "-") else None,
        settings={name: _setting(name, given[name]) for name in SETTING_FLAGS if name in given},
    )


def _setting(name: str, value: str) -> str:
    # A store is a URL; at a command line people name files.
    return f"sqlite:///{Path(value).expanduser().absolute()}" if name == "store" and "://" not in value else value


def options_of(context: click.Context) -> Options:
    """Return the common options given so far, before and after the command's name."""
    return options_from(context.ensure_object(dict))


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    # One dict for the whole call: contexts hand it down, so what stood before the command's name is known after it.
    given = context.ensure_object(dict)
    if context.get_parameter_source(parameter.name) is not ParameterSource.COMMANDLINE:
        return
    given[parameter.name] = given.get("verbose", 0) + value if parameter.name == "verbose" else value


def _common_options() -> list[click.Parameter]:
    def option(*names: str, **attributes: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_remember, **attributes)

    talk = [
        option("--json", is_flag=True, help="Print JSON."),
        option("-o", "--output", metavar="FILE", help="Write the result to FILE instead of stdout."),
        option("-q", "--quiet", is_flag=True, help="No progress and no remarks on stderr."),
        option("-v", "--verbose", count=True, help="Log to stderr; -vv also shows tracebacks."),
    ]
    flags = [
        option(f"--{name.replace('_', '-')}", name, metavar="URL" if name == "base_url" else "NAME", help=text)
        for name, text in SETTING_FLAGS.items()
    ]
    return [*talk, *flags]


class Common(click.Command):
    """A command with the common options, which its help lists after its own."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params = [*self.params, *_common_options()]

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None:
                is_common = parameter.name in SETTING_FLAGS or parameter.name in TALK_FLAGS
                (common if is_common else own).append(record)
        for title, records in (("Options", own), ("Common options", common)):
            with formatter.section(title):
                formatter.write_dl(records)


class CommonGroup(Common, click.Group):
    """A group with the common options. Its commands take them too."""

    command_class = Common

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        Common.format_options(self, context, formatter)
        self.format_commands(context, formatter)
