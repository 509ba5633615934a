"""What the processes of a session use, as the kernel counts it (proc(5))."""

import os
from pathlib import Path

_TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
# Fields of stat(5) from the state on: session, user and system time, those of children that ended, start, resident set.
_SESSION, _TIMES, _START, _RESIDENT = 3, slice(11, 15), 19, 21


def of_session(session: int, since: int) -> tuple[int, int]:
    """Processor time in microseconds and resident memory in bytes of all processes of a session.

    Args:
        session: Its id.
        since: In clock ticks since boot: what began earlier is another session that had the same id.
    """
    ticks = pages = 0
    for entry in Path("/proc").iterdir():
        fields = _fields(entry) if entry.name.isdigit() else []
        if fields and int(fields[_SESSION]) == session and int(fields[_START]) >= since:
            ticks += sum(map(int, fields[_TIMES]))
            pages += int(fields[_RESIDENT])
    return ticks * _TICK_US, pages * _PAGE


def _fields(process: Path) -> list[str]:
    try:
        # The second field is the command in parentheses, and may hold anything.
        return (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
