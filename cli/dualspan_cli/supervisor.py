"""Starts members in order, waits until they are healthy, brings back the ones that crash, stops them in reverse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from dualspan_cli.errors import CommandError
from dualspan_cli.processes import ChildProcess

_POLL_S = 0.25
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 30.0
_STEADY_AFTER_S = 60.0


class MemberState(StrEnum):
    """What a member does, as the screen shows it."""

    STARTING = "starting"
    READY = "ready"
    CRASHED = "crashed"
    STOPPED = "stopped"


class Server(Protocol):
    """What can be supervised: `ChildProcess`, or an embedded server that knows when it is ready by itself."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def child(self) -> ChildProcess:
        """Its process."""
        ...

    def start(self) -> None:
        """Starts it."""
        ...

    def restart(self) -> None:
        """Starts it again after it ended by itself."""
        ...

    def stop(self) -> None:
        """Stops it and waits."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """A `Server` that is one child process and does nothing else."""

    child: ChildProcess

    @property
    def name(self) -> str:
        """What people call it."""
        return self.child.name

    def start(self) -> None:
        """Starts it."""
        self.child.start()

    def restart(self) -> None:
        """Starts it again."""
        self.child.start()

    def stop(self) -> None:
        """Stops it and waits."""
        self.child.stop()


async def ready_at_once() -> bool:
    """For members that are ready as soon as they run."""
    return True


@dataclass(slots=True)
class Member:
    """One member: what runs, how to tell that it is healthy, and how it has fared.

    Attributes:
        server: What runs.
        is_ready: Asks it; must not raise and must answer within seconds.
        start_timeout: How many seconds it may take to become ready.
    """

    server: Server
    is_ready: Callable[[], Awaitable[bool]] = ready_at_once
    start_timeout: float = 60.0
    state: MemberState = field(default=MemberState.STOPPED, init=False)
    backoff: float = field(default=_FIRST_BACKOFF_S, init=False)
    started: float = field(default=0.0, init=False)
    retry_at: float = field(default=0.0, init=False)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.server.name


class Supervisor:
    """Runs members as child processes.

    Args:
        report: Told of each change of a member's state, with words for a person.
    """

    def __init__(self, report: Callable[[Member, str], None]) -> None:
        self._report = report
        self._stages: list[Sequence[Member]] = []

    @property
    def members(self) -> Sequence[Member]:
        """In the order of their start."""
        return [member for stage in self._stages for member in stage]

    async def start(self, *stage: Member) -> None:
        """Starts the members of one stage together and waits until all of them are ready.

        Raises:
            CommandError: One of them ended, or was not ready in time. The message has the end of its log.
        """
        self._stages.append(stage)
        for member in stage:
            self._launch(member)
        for member in stage:
            await self._until_ready(member)

    async def watch(self) -> None:
        """Brings back what crashes, with growing pauses. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(_POLL_S)
            for member in self.members:
                await self._look_after(member)

    def stop(self) -> None:
        """Stops all members: the last stage first, the members of a stage together."""
        while self._stages:
            self.stop_last()

    def stop_last(self) -> None:
        """Stops the members of the stage that was started last; the others go on."""
        stage = self._stages.pop()
        for member in stage:
            if member.state is not MemberState.STOPPED:
                member.server.child.ask_to_stop()
        for member in stage:
            member.server.stop()
            self._change(member, MemberState.STOPPED, "stopped")

    def _launch(self, member: Member) -> None:
        member.started = time.monotonic()
        self._change(member, MemberState.STARTING, "starting")
        try:
            member.server.start()
        except BaseException:
            self._change(member, MemberState.STOPPED, "did not start")
            raise

    async def _until_ready(self, member: Member) -> None:
        deadline = member.started + member.start_timeout
        while not await member.is_ready():
            code = member.server.child.exit_code
            if code is not None or time.monotonic() > deadline:
                what = f"ended with code {code}" if code is not None else "is not ready in time"
                raise CommandError(
                    "MEMBER_FAILED",
                    f"{member.name} {what}. The end of {member.server.child.log_path}:\n"
                    f"{member.server.child.log_tail()}",
                    exit_code=4,
                )
            await asyncio.sleep(0.1)
        self._change(member, MemberState.READY, f"ready after {time.monotonic() - member.started:.1f} s")

    async def _look_after(self, member: Member) -> None:
        now = time.monotonic()
        code = member.server.child.exit_code
        if code is None:
            member.server.child.rotate_log()
            if member.state is MemberState.STARTING and await member.is_ready():
                self._change(member, MemberState.READY, "ready again")
            if now - member.started > _STEADY_AFTER_S:
                member.backoff = _FIRST_BACKOFF_S
        elif member.state is not MemberState.CRASHED:
            member.retry_at = now + member.backoff
            ending = f"ended with code {code}" if code >= 0 else f"was ended by signal {-code}"
            self._change(member, MemberState.CRASHED, f"{ending}; starting again in {member.backoff:.1f} s")
            member.backoff = min(member.backoff * 2, _LONGEST_BACKOFF_S)
        elif now >= member.retry_at:
            self._relaunch(member, now)

    def _relaunch(self, member: Member, now: float) -> None:
        member.started = now
        try:
            member.server.restart()
        except CommandError as err:
            member.retry_at = now + member.backoff
            member.backoff = min(member.backoff * 2, _LONGEST_BACKOFF_S)
            self._change(member, MemberState.CRASHED, f"{err} Trying again in {member.backoff:.1f} s.")
        else:
            self._change(member, MemberState.STARTING, "starting again")

    def _change(self, member: Member, state: MemberState, words: str) -> None:
        member.state = state
        self._report(member, words)
