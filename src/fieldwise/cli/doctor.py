"""`fieldwise doctor`: what is installed and found, and how to fix what is not."""

from __future__ import annotations

import click
from rich import box
from rich.table import Table
from rich.text import Text

from .checkup import Finding, examine
from .console.safe import one_line
from .options import Common
from .session import Session, with_session

_SIGNS = {"ok": ("ok", "green"), "note": ("note", "cyan"), "wrong": ("WRONG", "bold red")}


@click.command(cls=Common, short_help="Say what is installed, and how to fix what is not.")
@with_session
def command(session: Session) -> int:
    """Say what is installed and found, and how to fix what is not; exit code 1 where something is wrong."""
    findings = list(examine(session))
    sound = all(finding.state != "wrong" for finding in findings)
    if session.options.json:
        session.output.json({"ok": sound, "checks": [finding._asdict() for finding in findings]})
    else:
        session.output.show(_table(findings), *_fixes(findings))
    return 0 if sound else 1


def _table(findings: list[Finding]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("", "Checked", "Found"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        sign, style = _SIGNS[finding.state]
        table.add_row(Text(sign, style=style), Text(finding.name), Text(one_line(finding.detail)))
    return table


def _fixes(findings: list[Finding]) -> list[Text]:
    fixes = [finding for finding in findings if finding.fix]
    return [Text(f"{finding.name}: {one_line(finding.fix)}") for finding in fixes]
