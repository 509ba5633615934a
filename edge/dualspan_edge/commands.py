"""What the platform asks of the gateway beside configuration: carried out, bounded, and told until it was heard.

A command outlives the stream that brought it. When the stream is lost the work goes on; the next stream tells how it
stands. What the platform sends again while it is being done, or after it was done, is not begun a second time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.errors import GatewayError
from dualspan_edge.opcua.words import failure_words

_log = structlog.get_logger(__name__)
_AT_ONCE = 4
_LONGEST_SECONDS = 1800.0
# More than this many are not taken: the platform asks for at most as many per gateway.
_MOST_UNFINISHED = 200
_MOST_REMEMBERED = 50
_MOST_REMEMBERED_BYTES = 8 * 1024 * 1024
_REMEMBERED_SECONDS = 600.0
# The platform gives up what it hears nothing of.
_HEARTBEAT_SECONDS = 30.0

Progress = Callable[[str, int], None]
"""Says what is being done now, and how much of it is done, 0 to 100."""

Handler = Callable[[gateway.ConnectResponse.Command, Progress], Awaitable[gateway.ConnectRequest.CommandReport]]
"""Carries a command out and returns a report with the outcome and nothing else. Whatever it raises is told in words."""


class Expired(GatewayError):
    """A command came too late to be begun."""


@dataclass(slots=True)
class _Kind:
    handler: Handler
    slots: asyncio.Semaphore
    longest: float
    begins_itself: bool


@dataclass(slots=True)
class _Run:
    """One command, from its coming to when nobody needs to hear of it any more."""

    command: gateway.ConnectResponse.Command
    report: gateway.ConnectRequest.CommandReport
    begun: bool = False
    cancelled: bool = False
    task: "asyncio.Task[None] | None" = None
    untold: bool = True
    told_at: float = 0.0
    ended_at: float = 0.0


class CommandRegistry:
    """Which kinds of commands there are, and those that are being carried out.

    Args:
        platform_now: The platform's clock, microseconds, as far as it is known.
    """

    def __init__(self, platform_now: Callable[[], int]) -> None:
        self._platform_now = platform_now
        self._kinds: dict[str, _Kind] = {}
        self._runs: dict[str, _Run] = {}
        self.changed = asyncio.Event()

    def register(
        self,
        kind: str,
        handler: Handler,
        *,
        at_once: int = _AT_ONCE,
        longest: float = _LONGEST_SECONDS,
        begins_itself: bool = False,
    ) -> None:
        """Says who carries out commands of a kind.

        Args:
            kind: The name of the field in `ConnectResponse.Command.work`, and of the outcome in the report.
            handler: Who.
            at_once: So many of them run at the same time; the others wait.
            longest: Seconds after which one is stopped.
            begins_itself: The handler looks at the clock itself (`check_in_time`) and says when it begins what cannot
                be taken back (`begin`); until then it can be cancelled.
        """
        self._kinds[kind] = _Kind(handler, asyncio.Semaphore(at_once), longest, begins_itself)

    def accept(self, command: gateway.ConnectResponse.Command) -> None:
        """Takes a command; one that is known already goes on as it is."""
        key = _key(command.command_id)
        known = self._runs.get(key)
        if known is not None:
            known.command, known.untold = command, True
            self.changed.set()
            return
        self._forget_old()
        run = _Run(command, gateway.ConnectRequest.CommandReport())
        self._runs[key] = run
        kind = self._kinds.get(command.WhichOneof("work") or "")
        if kind is None:
            self._end(run, error="this gateway does not know how to do this; update its software")
        elif sum(not one.report.done for one in self._runs.values()) > _MOST_UNFINISHED:
            self._end(run, error="this gateway has too much to do already; ask again later")
        else:
            run.task = asyncio.ensure_future(self._carry_out(run, kind))

    def cancel(self, command_id: str) -> None:
        """Stops a command, unless it has begun and must not be done twice: its outcome would be unknown."""
        run = self._runs.get(_key(command_id))
        if run is None or run.task is None or (run.begun and not run.command.repeatable):
            return
        run.cancelled = True
        run.task.cancel()

    def tell_again(self) -> None:
        """A new stream: the platform may not have heard what was told on the last one."""
        self._forget_old()
        for run in self._runs.values():
            run.untold = True
        self.changed.set()

    def take(self) -> list[gateway.ConnectRequest.CommandReport]:
        """What has to be told; it counts as told."""
        self.changed.clear()
        now = time.monotonic()
        reports: list[gateway.ConnectRequest.CommandReport] = []
        for run in self._runs.values():
            silent = not run.report.done and now - run.told_at >= _HEARTBEAT_SECONDS
            if run.untold or silent:
                run.untold, run.told_at = False, now
                report = gateway.ConnectRequest.CommandReport()
                report.CopyFrom(run.report)
                # The attempt that the platform asked for last.
                report.command_id = run.command.command_id
                reports.append(report)
        return reports

    async def stop(self) -> None:
        """Ends everything that is being done; the platform learns it from the silence."""
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_out(self, run: _Run, kind: _Kind) -> None:
        """Supervised: whatever a handler does, its command ends with an outcome or with words."""
        try:
            async with kind.slots:
                if not kind.begins_itself:
                    self.begin(run.command)
                async with asyncio.timeout(kind.longest):
                    outcome = await kind.handler(run.command, lambda step, percent: self._progress(run, step, percent))
            self._end(run, outcome)
        except asyncio.CancelledError:
            if not run.cancelled:
                raise
            self._end(run, gateway.ConnectRequest.CommandReport(cancelled=True), error="it was cancelled")
        except Exception as failure:  # noqa: BLE001 - supervised: a command that fails says why and harms nothing else
            words = failure_words(failure)
            _log.warning("command_failed", command=run.command.command_id, error=words)
            self._end(run, error=words)

    def begin(self, command: gateway.ConnectResponse.Command) -> None:
        """From now on the command may have an effect; raises Expired if it came too late for that."""
        self.check_in_time(command)
        run = self._runs.get(_key(command.command_id))
        if run is not None:
            run.begun = True

    def check_in_time(self, command: gateway.ConnectResponse.Command) -> None:
        """Raises Expired if the command must not be begun any more."""
        if command.HasField("expire_time") and self._platform_now() > command.expire_time.ToMicroseconds():
            raise Expired("the gateway came to it too late and did not begin it; ask again")

    def _progress(self, run: _Run, step: str, percent: int) -> None:
        run.report.step, run.report.percent = step, min(max(percent, 0), 100)
        run.untold = True
        self.changed.set()

    def _end(self, run: _Run, outcome: gateway.ConnectRequest.CommandReport | None = None, *, error: str = "") -> None:
        if outcome is not None:
            run.report.MergeFrom(outcome)
        run.report.done, run.report.error = True, error
        run.task, run.ended_at, run.untold = None, time.monotonic(), True
        self.changed.set()

    def _forget_old(self) -> None:
        """The oldest of what is over and was told goes: outcomes may be large, and the platform has heard them."""
        told = ((run.ended_at, key) for key, run in self._runs.items() if run.report.done and not run.untold)
        horizon = time.monotonic() - _REMEMBERED_SECONDS
        size = 0
        for number, (ended_at, key) in enumerate(sorted(told, reverse=True)):
            size += self._runs[key].report.ByteSize()
            if number >= _MOST_REMEMBERED or ended_at < horizon or size > _MOST_REMEMBERED_BYTES:
                del self._runs[key]


def _key(command_id: str) -> str:
    """What all attempts of a command share: `{command}.{attempt}`."""
    return command_id.rpartition(".")[0] or command_id
