"""What was found, and how bad it is. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

EXIT_WARNING, EXIT_ERROR = 3, 10


class State(StrEnum):
    """How a part of the platform is."""

    WELL = "well"
    UNKNOWN = "unknown"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: Stable, for programs: `disk`, `database.password`.
        subject: Which one: a service, a folder, a gateway.
        state: How it is.
        message: What was seen, for a person.
        advice: What to do; empty if it is well.
    """

    check: str
    subject: str
    state: State
    message: str
    advice: str = ""


def exit_code(findings: Sequence[Finding]) -> int:
    """What the command ends with: 0 all is well, 3 somebody should look at it, 10 something does not work."""
    states = {finding.state for finding in findings}
    return EXIT_ERROR if State.ERROR in states else EXIT_WARNING if State.WARNING in states else 0


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """In the order in which a person should read them."""
    order = [State.ERROR, State.WARNING, State.UNKNOWN, State.WELL]
    return sorted(findings, key=lambda finding: order.index(finding.state))
