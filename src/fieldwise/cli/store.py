"""`fieldwise store`: bring the store up to date, look whether it is sound."""

from __future__ import annotations

import click

from .console.secrets import without_password
from .options import CommonGroup
from .session import Session, with_session


@click.group(cls=CommonGroup, short_help="Look after the store.")
def command() -> None:
    """The store holds runs, documents, agents and the journal (see `fieldwise config show`, setting store)."""


@command.command("upgrade", short_help="Bring the store to this release's version.")
@with_session
def upgrade(session: Session) -> int:
    """Bring the store to this release's version. Opening a store of an older release does the same."""
    version = session.client.store_upgrade()
    if session.options.json:
        session.output.json({"store": without_password(session.settings.store), "version": version})
    else:
        session.output.text(f"The store {without_password(session.settings.store)} is at version {version}.")
    return 0


@command.command("check", short_help="Look for damage.")
@with_session
def check(session: Session) -> int:
    """Look for damage; exit code 1 where something is wrong."""
    problems = session.client.store_check()
    if session.options.json:
        session.output.json({"store": without_password(session.settings.store), "problems": problems})
    else:
        session.output.text("\n".join(problems) or f"The store {without_password(session.settings.store)} is sound.")
    return 1 if problems else 0
