"""Shell completion of run ids and agents. One that fails says nothing: the person is in the middle of a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click
from click.shell_completion import CompletionItem

from .console.safe import one_line
from .options import options_of
from .session import Session

MOST = 50


def run_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the newest runs, with status and prompt."""

    def offers(session: Session) -> Iterator[tuple[str, str]]:
        for run in session.client.runs(limit=MOST):
            yield run.id, f"{run.status.value}: {one_line(run.prompt, 50)}"

    return _offer(context, incomplete, offers)


def agent_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the agents' names."""

    def offers(session: Session) -> Iterator[tuple[str, str]]:
        for agent in session.client.agents():
            yield one_line(agent.name), one_line(agent.prompt, 50)

    return _offer(context, incomplete, offers)


def _offer(
    context: click.Context, incomplete: str, offers: Callable[[Session], Iterator[tuple[str, str]]]
) -> list[CompletionItem]:
    try:
        with Session(options_of(context)) as session:
            return [CompletionItem(value, help=text) for value, text in offers(session) if value.startswith(incomplete)]
    except Exception:
        return []
