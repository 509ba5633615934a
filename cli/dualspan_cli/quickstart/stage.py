"""What the halves of a quickstart have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dualspan_cli.session import required_tenant

if TYPE_CHECKING:
    from dualspan_cli.quickstart.plan import Plan, Reached
    from dualspan_cli.quickstart.talk import Talk
    from dualspan_cli.session import Session


class Stage:
    """A part of the way that takes up what the part before it has reached.

    Args:
        session: Who does it.
        talk: What is said and asked.
        plan: What was asked for.
        reached: What has been reached so far.
    """

    def __init__(self, session: Session, talk: Talk, plan: Plan, reached: Reached) -> None:
        self._session = session
        self._talk = talk
        self._plan = plan
        self._reached = reached
        self._tenant = required_tenant(session)
