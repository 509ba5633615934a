"""What a person sees while members start, crash and stop."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from dualspan_cli.output import messages, print_json
from dualspan_cli.supervisor import Member, MemberState

_MARKS = {
    MemberState.READY: "[green]✔[/]",
    MemberState.CRASHED: "[red]✘[/]",
    MemberState.STOPPED: "[dim]■[/]",
    MemberState.STARTING: "[yellow]…[/]",
}


class MemberScreen:
    """One line for each member that becomes ready, crashes or stops; a spinner while something starts.

    Args:
        as_json: One JSON object per change on standard output instead.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._status = messages.status("Starting…")
        self._starting: list[str] = []
        self._settled = False

    def __enter__(self) -> Self:
        if not self._as_json:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def settle(self) -> None:
        """The start is over: no spinner any more."""
        self._settled = True
        self._status.stop()

    def say(self, words: str, event: str, **fields: object) -> None:
        """Something that is not about a member: `words` for people, an event with its fields for programs."""
        if self._as_json:
            print_json({"event": event, **fields})
        else:
            messages.print(words)

    def report(self, member: Member, words: str) -> None:
        """Shows a change of a member's state."""
        if self._as_json:
            print_json({"event": str(member.state), "member": member.name, "detail": words})
            return
        if member.state is MemberState.STARTING:
            self._starting.append(member.name)
        elif member.name in self._starting:
            self._starting.remove(member.name)
        if member.state is not MemberState.STARTING or self._settled:
            messages.print(f"{_MARKS[member.state]} {member.name:<12} [dim]{words}[/]")
        self._status.update(f"Starting {', '.join(self._starting)}…" if self._starting else "Working…")
