"""What an export is, and the days of assets that it is made of."""

import datetime as dt
import re
from dataclasses import dataclass

from dualspan_analytics.exports.errors import bad_export

DAY_US = 86_400_000_000
_EPOCH = dt.date(1970, 1, 1)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_=.-]+(?:/[A-Za-z0-9_=.-]+)*")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_MOST_NAMES = 10_000
SHORTEST_INTERVAL_US = 900_000_000
LONGEST_SETTLE_US = 30 * DAY_US


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of S3, or of a server that speaks its protocol.

    Attributes:
        bucket: It exists.
        prefix: Of keys; without a slash at either end.
        region: Such as `eu-central-1`.
        endpoint: `https://host:port`; Amazon's if empty.
        access_key_id: Who writes; the secret is kept apart.
    """

    bucket: str
    prefix: str
    region: str
    endpoint: str
    access_key_id: str


@dataclass(frozen=True, slots=True)
class ExportDefinition:
    """Which samples go where.

    Attributes:
        id: Unique in the tenant.
        display_name: For people.
        assets: Each with all below it; all if empty.
        properties: All that are bound if empty.
        first_day: In days since 1970-01-01, UTC.
        end_day: Not included; None for every day that is over.
        settle_us: A day is over so long after its end.
        interval_us: It runs by itself so often; 0 for only when asked.
        bucket: Where to; None for the platform's own folder.
    """

    id: str
    display_name: str
    assets: tuple[str, ...]
    properties: tuple[str, ...]
    first_day: int
    end_day: int | None
    settle_us: int
    interval_us: int
    bucket: Bucket | None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A partition: one asset in one day (days since 1970-01-01, UTC)."""

    asset: str
    day: int

    @property
    def start_us(self) -> int:
        """Where the day begins, µs since the Unix epoch."""
        return self.day * DAY_US

    @property
    def end_us(self) -> int:
        """Where it ends."""
        return (self.day + 1) * DAY_US

    @property
    def date(self) -> str:
        """The day as ISO 8601 has it."""
        return date_of(self.day)

    def __str__(self) -> str:
        return f"asset={self.asset}/date={self.date}"


def date_of(day: int) -> str:
    """`2026-11-22` of days since 1970-01-01."""
    return (_EPOCH + dt.timedelta(days=day)).isoformat()


def last_day(definition: ExportDefinition, now_us: int) -> int:
    """The first day that is not written yet: it is not over, or the export ends before it."""
    over = (now_us - definition.settle_us) // DAY_US
    return over if definition.end_day is None else min(over, definition.end_day)


def check(definition: ExportDefinition, endpoints: tuple[str, ...]) -> None:
    """Refuse an export that cannot work, or writes where the platform does not let it.

    Args:
        definition: The export.
        endpoints: Of servers other than Amazon's that are allowed.

    Raises:
        InvalidArgument: `BAD_EXPORT`, with what is wrong.
    """
    if definition.end_day is not None and definition.end_day <= definition.first_day:
        raise bad_export("end_time", "it must lie at least a day after start_time")
    if not 0 <= definition.settle_us <= LONGEST_SETTLE_US:
        raise bad_export("settle", "it must be 0 to 30 days")
    if definition.interval_us and definition.interval_us < SHORTEST_INTERVAL_US:
        raise bad_export("interval", "it must be 15 minutes or more, or unset")
    if max(len(definition.assets), len(definition.properties)) > _MOST_NAMES:
        raise bad_export("assets", f"{_MOST_NAMES} assets and as many properties are the most")
    if definition.bucket is not None:
        _check_bucket(definition.bucket, endpoints)


def _check_bucket(bucket: Bucket, endpoints: tuple[str, ...]) -> None:
    if _BUCKET.fullmatch(bucket.bucket) is None:
        raise bad_export("bucket.bucket", "a bucket's name has 3 to 63 of a-z, 0-9, '.' and '-'")
    if bucket.prefix and (_PREFIX.fullmatch(bucket.prefix) is None or {".", ".."} & set(bucket.prefix.split("/"))):
        raise bad_export(
            "bucket.prefix", "a prefix is words of letters, digits, '_', '=', '.' and '-' with '/' between"
        )
    if _REGION.fullmatch(bucket.region) is None:
        raise bad_export("bucket.region", "a region has 1 to 40 of a-z, 0-9 and '-'")
    if not bucket.access_key_id:
        raise bad_export("bucket.access_key_id", "say whose key writes; the platform lends nobody its own")
    if bucket.endpoint and bucket.endpoint not in endpoints:
        allowed = ", ".join(endpoints) or "none"
        words = (
            f"{bucket.endpoint[:200]!r} is none of the servers that are allowed ({allowed}). "
            "The platform's administrator adds one with DUALSPAN_ANALYTICS_EXPORT_ENDPOINTS"
        )
        raise bad_export("bucket.endpoint", words)
