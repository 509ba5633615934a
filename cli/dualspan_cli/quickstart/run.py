"""The quickstart from start to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dualspan_cli.output import messages, print_json, screen
from dualspan_cli.quickstart.connect import Connecting
from dualspan_cli.quickstart.flow import Flowing
from dualspan_cli.quickstart.plan import Reached
from dualspan_cli.report_screen import summary

if TYPE_CHECKING:
    from dualspan_cli.quickstart.plan import Plan
    from dualspan_cli.quickstart.talk import Talk
    from dualspan_cli.session import Session


async def quickstart(session: Session, plan: Plan, talk: Talk, *, as_json: bool) -> Reached:
    """Discover, trust, browse, propose, accept, stream, prove. What is there already is gone on with.

    Args:
        session: Who does it.
        plan: What was asked for.
        talk: What is said and asked.
        as_json: The result as a JSON line, instead of the report for people.

    Raises:
        CommandError: A step failed; the words say why and what to do.
    """
    reached = Reached()
    connecting = Connecting(session, talk, plan, reached)
    await connecting.gateway()
    await connecting.add(await connecting.discover())
    await connecting.trust()
    flowing = Flowing(session, talk, plan, reached)
    await flowing.browse()
    await flowing.name_machines()
    await flowing.accept()
    await flowing.stream()
    statement = await flowing.prove()
    reached.seconds = round(talk.seconds, 1)
    if as_json:
        print_json(reached.as_json())
        return reached
    screen.print()
    screen.print(summary(statement))
    _farewell(reached)
    return reached


def _farewell(reached: Reached) -> None:
    for note in reached.notes:
        messages.print(f"[yellow]Note:[/] {note}", markup=True, soft_wrap=True)
    messages.print(f"\n[bold green]Done in {reached.seconds:.0f} s.[/]", markup=True)
    if reached.gateway_pid:
        messages.print(f"The gateway goes on; stop it with: kill {reached.gateway_pid}", markup=False)
    messages.print("Look at the values: dualspan query latest temperature", markup=False)
