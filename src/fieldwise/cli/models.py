"""`fieldwise models`: the models there are, and how to get one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
from rich import box
from rich.table import Table
from rich.text import Text

from fieldwise.errors import MissingExtra
from fieldwise.llm.weights import DEFAULT_WEIGHTS, find_parts, models_folder
from fieldwise.registry import names

from .console.safe import one_line
from .options import CommonGroup
from .session import Session, with_session


class Offer(NamedTuple):
    """A model as `--model` takes it, and what stands between it and its first answer."""

    name: str
    state: str
    detail: str
    bytes: int | None = None


@click.group(cls=CommonGroup, short_help="The models there are, and how to get one.")
def command() -> None:
    """Models run on this machine unless you name one that does not (see `fieldwise config show`, setting model)."""


@command.command("list", short_help="List the models that --model takes.")
@with_session
def list_models(session: Session) -> int:
    """List the models that --model takes, and whether they are ready."""
    offers = list(_offers(session.settings.cache_dir))
    if session.options.json:
        session.output.json([offer._asdict() for offer in offers])
        return 0
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("--model", overflow="fold")
    table.add_column("State", no_wrap=True)
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("What it is", overflow="fold")
    for offer in offers:
        size = f"{offer.bytes / 1e9:.1f} GB" if offer.bytes is not None else ""
        table.add_row(Text(one_line(offer.name)), Text(offer.state), Text(size), Text(one_line(offer.detail)))
    session.output.show(table)
    return 0


def _offers(cache_dir: Path) -> Iterator[Offer]:
    yield _default(cache_dir)
    folder = models_folder(cache_dir)
    for path in sorted(folder.glob("*.gguf")):
        if path.name != DEFAULT_WEIGHTS.file_name:
            yield Offer(f"embedded:{path}", "ready", "a GGUF file", path.stat().st_size)
    for name in names("model"):
        if name != "embedded":
            yield Offer(name, "known", "registered by a plugin")


def _default(cache_dir: Path) -> Offer:
    path = models_folder(cache_dir) / DEFAULT_WEIGHTS.file_name
    if path.exists() and path.stat().st_size == DEFAULT_WEIGHTS.size:
        return Offer("embedded", "ready", DEFAULT_WEIGHTS.name, DEFAULT_WEIGHTS.size)
    try:
        find_parts()
    except MissingExtra as error:
        return Offer("embedded", "missing", error.next_step, DEFAULT_WEIGHTS.size)
    return Offer(
        "embedded", "installed", f"{DEFAULT_WEIGHTS.name}; put together at its first use", DEFAULT_WEIGHTS.size
    )
