"""What the container between an app and its hosts tells in its log. Pure."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from dualspan_marketplace.deployments.provisioner import Refused

_LONGEST_HOST = 255
_LONGEST_WHY = 500
_LAST_PORT = 65535
_CODE = re.compile(r"[A-Z][A-Z_]{1,39}", re.ASCII)


def refusals(log: bytes) -> Iterator[Refused]:
    """Those that stand in it; of what is no refusal, or not a whole one, nothing."""
    for line in log.decode("utf-8", "replace").splitlines():
        try:
            found = _refused(json.loads(line))
        except (ValueError, KeyError, TypeError):
            # A line that was cut, or another one.
            continue
        yield found


def _refused(told: Any) -> Refused:
    port, time = int(told["port"]), datetime.fromisoformat(told["time"])
    if time.tzinfo is None:
        raise ValueError(time)
    # What an app writes where a host belongs may be anything.
    host, why = _shown(told["host"], _LONGEST_HOST), _shown(told["why"], _LONGEST_WHY)
    # One that was started by an earlier release says no code.
    code = str(told.get("code", ""))
    return Refused(host, port if 0 < port <= _LAST_PORT else 0, why, time, code if _CODE.fullmatch(code) else "")


def _shown(text: str, longest: int) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:longest])
