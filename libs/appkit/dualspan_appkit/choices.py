"""What subscribers choose, where a schema alone cannot say what is allowed."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dualspan_sdk import DualSpanError


def time_zone(configuration: Mapping[str, Any]) -> ZoneInfo:
    """The time zone of the setting `timeZone`; UTC without it.

    Raises:
        DualSpanError: `UNKNOWN_TIME_ZONE`: there is none of that name.
    """
    name = str(configuration.get("timeZone", "UTC"))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        words = f"timeZone: there is no time zone {name!r}. Write its IANA name, such as Asia/Shanghai."
        raise DualSpanError("INVALID_ARGUMENT", "UNKNOWN_TIME_ZONE", words) from err
