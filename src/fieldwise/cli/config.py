"""`fieldwise config`: the settings, each with where its value comes from."""

from __future__ import annotations

from pathlib import Path

import click
from rich import box
from rich.table import Table
from rich.text import Text

from fieldwise.settings import PROJECT_FILE, Setting, Settings, user_config_path

from .console.safe import one_line
from .console.secrets import without_password
from .options import CommonGroup
from .session import Session, with_session


@click.group(cls=CommonGroup, short_help="Show the settings and where each comes from.")
def command() -> None:
    """Settings come from flags, FIELDWISE_* variables, ./fieldwise.toml, your own config, then defaults."""


@command.command("show", short_help="Show every setting with its source.")
@with_session
def show(session: Session) -> int:
    """Show every setting with its value, where that comes from, and what it is for."""
    settings = session.explained_settings
    if session.options.json:
        session.output.json({s.name: {"value": _value(s), "source": s.source} for s in settings})
        return 0
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", overflow="fold")
    table.add_column("What it is", overflow="fold")
    for setting in settings:
        table.add_row(
            Text(setting.name),
            Text("" if setting.value is None else one_line(_value(setting))),
            Text(one_line(setting.source), style="dim" if setting.source == "default" else "bold"),
            Text(Settings.model_fields[setting.name].description or ""),
        )
    session.output.show(table)
    return 0


@command.command("path", short_help="Say where settings are read from.")
@with_session
def path(session: Session) -> int:
    """Print the path of your own config file; -v says whether it and ./fieldwise.toml exist."""
    files = {"user": user_config_path(), "project": Path.cwd() / PROJECT_FILE}
    if session.options.json:
        session.output.json({name: {"path": str(file), "exists": file.exists()} for name, file in files.items()})
        return 0
    session.output.text(str(files["user"]))
    if session.options.verbose:
        for name, file in files.items():
            session.talk.tell(f"{name}: {file} ({'exists' if file.exists() else 'does not exist'})")
    return 0


def _value(setting: Setting) -> object:
    value = setting.value
    return value if isinstance(value, bool | int | float) or value is None else without_password(str(value))
