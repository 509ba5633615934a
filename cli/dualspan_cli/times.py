"""Times and durations as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from dualspan_cli.errors import CommandError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


def parse_duration(text: str) -> float:
    """Seconds from such as `500ms`, `90s`, `15m`, `1h30m` or `7d`.

    Raises:
        CommandError: It is not a duration.
    """
    seconds, position = 0.0, 0
    for part in _DURATION.finditer(text):
        if part.start() != position:
            break
        seconds += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if position != len(text) or not text:
        raise CommandError(
            "BAD_DURATION", f"{text!r} is not a duration. Write it like 500ms, 90s, 15m, 1h30m or 7d.", exit_code=2
        )
    return seconds


def parse_time(text: str, now: datetime) -> int:
    """Microseconds since the Unix epoch from `now`, `-1h` (before now), or ISO 8601 (local time if it names no zone).

    Raises:
        CommandError: It is not a time.
    """
    if text == "now":
        return to_microseconds(now)
    if text.startswith(("-", "+")):
        seconds = parse_duration(text[1:])
        return to_microseconds(now) + round(seconds * 1e6) * (-1 if text[0] == "-" else 1)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as err:
        raise CommandError(
            "BAD_TIME", f"{text!r} is not a time. Write it like -1h, now or 2026-05-04T12:30:00Z.", exit_code=2
        ) from err
    return to_microseconds(moment.astimezone())


def to_microseconds(moment: datetime) -> int:
    """Microseconds since the Unix epoch; exact, unlike going through a float."""
    elapsed = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def format_time(microseconds: int) -> str:
    """ISO 8601 in UTC with microseconds."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"
