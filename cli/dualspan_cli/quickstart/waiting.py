"""Waiting for what a gateway does by itself, with its own words when it does not come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dualspan_cli.errors import CommandError

if TYPE_CHECKING:
    from dualspan_cli.quickstart.talk import Step

PATIENCE_S = 60.0
_POLL_S = 0.2


async def settled(
    state: Callable[[], Awaitable[tuple[bool, str]]], step: Step, what: str, remedy: str, patience: float = PATIENCE_S
) -> None:
    """Ask again and again until something has come about.

    Args:
        state: Whether it has, and what is said of it meanwhile.
        step: Shows that.
        what: What is waited for.
        remedy: What to do if it does not come.
        patience: Seconds.

    Raises:
        CommandError: It did not come; with what was said last.
    """
    deadline = time.monotonic() + patience
    while True:
        done, said = await state()
        if done:
            return
        step.progress(said)
        if time.monotonic() > deadline:
            last = f" It said: {said}" if said else ""
            raise CommandError("TIMED_OUT", f"Waited {patience:.0f} s for {what}.{last} {remedy}")
        await asyncio.sleep(_POLL_S)
