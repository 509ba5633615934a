"""The steps of a test, in order, each with what was found and what to do. No I/O."""

import re
import time
from collections.abc import Callable

from dualspan.onboarding.v1 import discovery_pb2

STEPS = [
    discovery_pb2.ConnectionStep.ValueType(number)
    for number in sorted(discovery_pb2.ConnectionStep.values())
    if number != discovery_pb2.CONNECTION_STEP_UNSPECIFIED
]
_NOT_TRIED = "not tried, because an earlier step failed"


def finding_and_remedy(words: str) -> tuple[str, str]:
    """What is wrong and what to do, from words that say both, as all of the gateway's do."""
    finding, remedy = re.split(r"[;.] ", words, maxsplit=1) if re.search(r"[;.] ", words) else (words, "")
    return finding, remedy or "look into the server's log, then try again"


class CannotGoOn(Exception):
    """A step failed that all later ones need."""


class Checklist:
    """What a test has found so far.

    Args:
        progress: Told what is being done and how much of all is done, 0 to 100.
    """

    def __init__(self, progress: Callable[[str, int], None]) -> None:
        self._progress = progress
        self._checks: dict[discovery_pb2.ConnectionStep.ValueType, discovery_pb2.ConnectionCheck] = {}
        self._began = time.monotonic()

    def begin(self, step: discovery_pb2.ConnectionStep.ValueType) -> None:
        """A step is tried now; its time counts from here."""
        self._began = time.monotonic()
        name = discovery_pb2.ConnectionStep.Name(step).removeprefix("CONNECTION_STEP_").lower().replace("_", " ")
        self._progress(name, 100 * STEPS.index(step) // len(STEPS))

    def passed(self, step: discovery_pb2.ConnectionStep.ValueType, finding: str) -> None:
        """All is well."""
        self._note(step, discovery_pb2.CONNECTION_VERDICT_PASSED, finding)

    def warn(self, step: discovery_pb2.ConnectionStep.ValueType, finding: str, remedy: str) -> None:
        """It works, and somebody should look at it."""
        self._note(step, discovery_pb2.CONNECTION_VERDICT_WARNING, finding, remedy)

    def fail(
        self, step: discovery_pb2.ConnectionStep.ValueType, finding: str, remedy: str, status_code: int = 0
    ) -> None:
        """Nobody can connect like this; what does not depend on it is tried all the same."""
        self._note(step, discovery_pb2.CONNECTION_VERDICT_FAILED, finding, remedy, status_code)

    def stop(
        self, step: discovery_pb2.ConnectionStep.ValueType, finding: str, remedy: str, status_code: int = 0
    ) -> CannotGoOn:
        """The same, and nothing can be tried after it: raise what is returned."""
        self.fail(step, finding, remedy, status_code)
        return CannotGoOn(finding)

    def skip(self, step: discovery_pb2.ConnectionStep.ValueType, finding: str) -> None:
        """It does not apply, or must not be tried."""
        self._note(step, discovery_pb2.CONNECTION_VERDICT_SKIPPED, finding)

    def failed(self, step: discovery_pb2.ConnectionStep.ValueType) -> bool:
        """Whether a step was tried and failed."""
        check = self._checks.get(step)
        return check is not None and check.verdict == discovery_pb2.CONNECTION_VERDICT_FAILED

    def checks(self) -> list[discovery_pb2.ConnectionCheck]:
        """Every step in order; those that nothing was said of were not tried."""
        return [
            self._checks.get(step)
            or discovery_pb2.ConnectionCheck(
                step=step, verdict=discovery_pb2.CONNECTION_VERDICT_SKIPPED, finding=_NOT_TRIED
            )
            for step in STEPS
        ]

    def _note(
        self,
        step: discovery_pb2.ConnectionStep.ValueType,
        verdict: discovery_pb2.ConnectionVerdict.ValueType,
        finding: str,
        remedy: str = "",
        status_code: int = 0,
    ) -> None:
        check = discovery_pb2.ConnectionCheck(
            step=step, verdict=verdict, finding=finding, remedy=remedy, status_code=status_code
        )
        check.duration.FromMicroseconds(round((time.monotonic() - self._began) * 1e6))
        self._checks[step] = check
