"""`fieldwise agents`: the agreed schemas, saved under a name."""

from __future__ import annotations

from collections.abc import Iterable

import click
from rich import box
from rich.table import Table
from rich.text import Text

from fieldwise import wire
from fieldwise.errors import InputError
from fieldwise.model import Agent, walk_fields

from .complete import agent_names
from .console.run_table import local_time
from .console.safe import one_line
from .console.schema_table import schema_table
from .console.terminal import open_terminal
from .options import CommonGroup
from .session import Session, with_session


@click.group(cls=CommonGroup, short_help="The agreed schemas, saved under a name.", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int | None:
    """Agents: approved schemas that can be used again. Every completed run has one. Alone, it lists them."""
    if context.invoked_subcommand is not None:
        return None
    code: int = context.invoke(list_agents)
    return code


@command.command("list", short_help="List the agents.")
@with_session
def list_agents(session: Session) -> int:
    """List the agents."""
    found = session.client.agents()
    if session.options.json:
        session.output.json([wire.agent_json(agent) for agent in found])
    elif found:
        session.output.show(_table(found))
    else:
        session.talk.remark("There are no agents yet: every completed run leaves one.")
    return 0


@command.command("show", short_help="Show an agent's fields.")
@click.argument("agent", shell_complete=agent_names)
@with_session
def show_agent(session: Session, agent: str) -> int:
    """Show the fields of AGENT (name or id)."""
    found = session.client.agent(agent)
    if session.options.json:
        session.output.json(wire.agent_json(found))
        return 0
    title = Text(one_line(found.name), style="bold").append(f"  {found.id}, version {found.version}", style="dim")
    session.output.show(title, Text(f"“{one_line(found.prompt, 500)}”"), schema_table(found.schema))
    return 0


@command.command("rename", short_help="Give an agent another name.")
@click.argument("agent", shell_complete=agent_names)
@click.argument("name")
@with_session
def rename_agent(session: Session, agent: str, name: str) -> int:
    """Give AGENT (name or id) the name NAME."""
    renamed = session.client.rename_agent(agent, name)
    if session.options.json:
        session.output.json(wire.agent_json(renamed))
    session.talk.remark(f"Agent {renamed.id} is now called {one_line(renamed.name)}.")
    return 0


@command.command("delete", short_help="Delete an agent.")
@click.argument("agent", shell_complete=agent_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_session
def delete_agent(session: Session, agent: str, yes: bool) -> int:
    """Delete AGENT (name or id). The runs that used it stay."""
    found = session.client.agent(agent)
    if not yes and not _confirmed(found):
        session.talk.tell("Nothing was deleted.")
        return 0
    session.client.delete_agent(found.id)
    session.talk.remark(f"Agent {one_line(found.name)} ({found.id}) is deleted.")
    return 0


@command.command("export", short_help="Write an agent as JSON.")
@click.argument("agent", shell_complete=agent_names)
@click.option("--schema-only", is_flag=True, help="Only its JSON Schema, as `extract --schema` takes it.")
@with_session
def export_agent(session: Session, agent: str, schema_only: bool) -> int:
    """Write AGENT (name or id) as JSON: schema, prompt, settings."""
    found = session.client.agent(agent)
    session.output.json(found.schema if schema_only else wire.agent_json(found))
    return 0


def _table(found: Iterable[Agent]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Name", overflow="fold")
    table.add_column("Id", no_wrap=True)
    table.add_column("Version", justify="right")
    table.add_column("Fields", justify="right")
    table.add_column("Created", no_wrap=True)
    for agent in found:
        fields = sum(1 for _ in walk_fields(agent.schema))
        table.add_row(
            Text(one_line(agent.name)),
            Text(agent.id),
            Text(str(agent.version)),
            Text(str(fields)),
            Text(local_time(agent.created_at)),
        )
    return table


def _confirmed(agent: Agent) -> bool:
    with open_terminal() as terminal:
        if terminal is None:
            raise InputError("There is no terminal to ask at.", next_step="Add --yes to delete without a question.")
        answer = terminal.read_line(f"Delete the agent {one_line(agent.name)} ({agent.id})? [y/N] ")
        return (answer or "").strip().lower() in ("y", "yes")
