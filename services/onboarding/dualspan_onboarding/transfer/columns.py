"""What a tag has, column by column: how a file's text becomes a value and the other way round."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import IntEnum

from dualspan.frame.v1.frame_pb2 import ValueKind
from dualspan_onboarding.model import SecurityMode, Tag
from dualspan_onboarding.rules import (
    DEFAULT_INTERVAL_US,
    MAX_INTERVAL_US,
    MAX_NAME_CHARACTERS,
    MAX_QUEUE_SIZE,
    check_text,
)
from dualspan_onboarding.sampling import (
    Acquisition,
    AcquisitionMode,
    DataChangeTrigger,
    DeadbandType,
    TagSource,
)
from dualspan_onboarding.transfer.entries import Refused, Value, shown
from dualspan_runtime.errors import InvalidArgument

_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_LONGEST_FACT = 1500


@dataclass(frozen=True, slots=True)
class TagSettings:
    """What a person states of a tag, in one row. Intervals in microseconds."""

    display_name: str = ""
    sampling_interval_us: int = DEFAULT_INTERVAL_US
    publishing_interval_us: int = DEFAULT_INTERVAL_US
    queue_size: int = 0
    mode: AcquisitionMode = AcquisitionMode.SUBSCRIPTION
    deadband_type: DeadbandType = DeadbandType.NONE
    deadband_value: float = 0.0
    trigger: DataChangeTrigger = DataChangeTrigger.STATUS_VALUE
    discard_newest: bool = False
    heartbeat_us: int = 0
    register_node: bool = False
    minimum_severity: int = 0

    @property
    def acquisition(self) -> Acquisition:
        """How the values are got."""
        return Acquisition(
            mode=self.mode,
            deadband_type=self.deadband_type,
            deadband_value=self.deadband_value,
            trigger=self.trigger,
            discard_newest=self.discard_newest,
            heartbeat_us=self.heartbeat_us,
            register_node=self.register_node,
            minimum_severity=self.minimum_severity,
        )


def settings_of(tag: Tag) -> TagSettings:
    """What is stated of a tag that is there."""
    how = tag.acquisition
    return TagSettings(
        display_name=tag.display_name,
        sampling_interval_us=tag.sampling_interval_us,
        publishing_interval_us=tag.publishing_interval_us,
        queue_size=tag.queue_size,
        mode=how.mode,
        deadband_type=how.deadband_type,
        deadband_value=how.deadband_value,
        trigger=how.trigger,
        discard_newest=how.discard_newest,
        heartbeat_us=how.heartbeat_us,
        register_node=how.register_node,
        minimum_severity=how.minimum_severity,
    )


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: In the file's first row.
        field: Of `TagSettings`, or of the variable's facts.
        parse: A cell's text to a value; raises Refused.
        show: The opposite.
        number: A sheet keeps it as a number.
    """

    name: str
    field: str
    parse: Callable[[str], Value]
    show: Callable[[Value], str]
    number: bool = False


def text_of(value: str) -> str:
    """A name as it can be stored; raises Refused."""
    try:
        return check_text(value, "text")
    except InvalidArgument as err:
        raise Refused(
            "MALFORMED_TEXT",
            f"{shown(value)!r} is longer than {MAX_NAME_CHARACTERS} characters or has control characters.",
            "Shorten it, or write it again without line breaks and tabs.",
        ) from err


def milliseconds(value: str) -> int:
    """Microseconds of a number of milliseconds; raises Refused."""
    try:
        exact = Decimal(value.strip()) * 1000
    except InvalidOperation as err:
        raise Refused(
            "MALFORMED_INTERVAL", f"{shown(value)!r} is not a number of milliseconds.", "Write 1000 for one second."
        ) from err
    if not exact.is_finite() or not 0 <= exact <= MAX_INTERVAL_US:
        raise Refused(
            "INTERVAL_OUT_OF_RANGE",
            f"{shown(value)!r} ms is not between 0 and 24 hours.",
            "Write the interval in milliseconds; 86400000 is a day.",
        )
    if exact != exact.to_integral_value():
        raise Refused("INTERVAL_TOO_FINE", f"{shown(value)!r} ms is finer than a microsecond.", "Round it.")
    return int(exact)


def show_milliseconds(value: Value) -> str:
    """Milliseconds of microseconds, exact."""
    whole, rest = divmod(int(value), 1000)
    return f"{whole}.{rest:03}".rstrip("0") if rest else str(whole)


def whole_number(maximum: int) -> Callable[[str], int]:
    """A reader of whole numbers from 0 to `maximum`."""

    def parse(value: str) -> int:
        text = value.strip()
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= maximum):
            raise Refused(
                "NUMBER_OUT_OF_RANGE",
                f"{shown(value)!r} is not a whole number from 0 to {maximum}.",
                f"Write a number up to {maximum}, or leave it out.",
            )
        return int(text)

    return parse


def real_number(value: str) -> float:
    """A finite number that is not negative; raises Refused."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise Refused(
            "NUMBER_OUT_OF_RANGE", f"{shown(value)!r} is not a number of 0 or more.", "Write it with a decimal point."
        )
    return number


def show_real(value: Value) -> str:
    """The shortest digits that make the same number."""
    return repr(float(value)).removesuffix(".0")


def truth(value: str) -> bool:
    """True or false; raises Refused."""
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise Refused("NOT_TRUE_OR_FALSE", f"{shown(value)!r} is neither true nor false.", "Write true or false.")
    return word in _TRUE


def show_truth(value: Value) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def one_of(kind: type[IntEnum]) -> Callable[[str], IntEnum]:
    """A reader of an enumeration's words, in any case."""

    def parse(value: str) -> IntEnum:
        word = value.strip().upper()
        if word not in kind.__members__:
            raise Refused(
                "UNKNOWN_WORD",
                f"{shown(value)!r} is none of {', '.join(kind.__members__)}.",
                f"Write one of {', '.join(kind.__members__)}, or leave it out.",
            )
        return kind[word]

    return parse


def show_word(value: Value) -> str:
    """An enumeration's word."""
    return value.name if isinstance(value, IntEnum) else str(value)


def _kind(value: str) -> int:
    word = value.strip().upper()
    if word not in KIND_WORDS:
        raise Refused(
            "UNKNOWN_KIND",
            f"{shown(value)!r} is none of {', '.join(KIND_WORDS)}.",
            "Write what the variable's values are, or leave it out and browse the server.",
        )
    return KIND_WORDS[word]


def show_kind(value: Value) -> str:
    """`FLOAT64` of 1."""
    return next((word for word, number in KIND_WORDS.items() if number == value), "")


def fact_text(value: str) -> str:
    """A fact that a server told, as it can be stored; raises Refused. What is odd in it is the server's own."""
    if len(value) > _LONGEST_FACT or any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in value):
        raise Refused("MALFORMED_TEXT", f"{shown(value)!r} is too long, or no text.", "Leave the cell empty.")
    return value


KIND_WORDS: dict[str, int] = {name.removeprefix("VALUE_KIND_"): number for name, number in ValueKind.items() if number}
SETTINGS: Sequence[Column] = (
    Column("display_name", "display_name", text_of, str),
    Column("sampling_interval_ms", "sampling_interval_us", milliseconds, show_milliseconds, number=True),
    Column("publishing_interval_ms", "publishing_interval_us", milliseconds, show_milliseconds, number=True),
    Column("queue_size", "queue_size", whole_number(MAX_QUEUE_SIZE), str, number=True),
    Column("mode", "mode", one_of(AcquisitionMode), show_word),
    Column("deadband_type", "deadband_type", one_of(DeadbandType), show_word),
    Column("deadband_value", "deadband_value", real_number, show_real, number=True),
    Column("trigger", "trigger", one_of(DataChangeTrigger), show_word),
    Column("discard_newest", "discard_newest", truth, show_truth),
    Column("heartbeat_interval_ms", "heartbeat_us", milliseconds, show_milliseconds, number=True),
    Column("register_node", "register_node", truth, show_truth),
    Column("minimum_severity", "minimum_severity", whole_number(1000), str, number=True),
)
FACTS: Sequence[Column] = (
    Column("browse_path", "browse_path", fact_text, str),
    Column("kind", "kind", _kind, show_kind),
    Column("data_type", "data_type", fact_text, str),
    Column("unit", "unit", fact_text, str),
)
SOURCE = Column("source", "source", one_of(TagSource), show_word)
SECURITY_MODE = Column("security_mode", "security_mode", one_of(SecurityMode), show_word)
BY_FIELD: Mapping[str, Column] = {column.field: column for column in (*SETTINGS, *FACTS)}
