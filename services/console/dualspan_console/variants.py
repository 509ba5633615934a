"""Arrays and other values that are stored as OPC UA Variants (Part 6, 5.2.2.16), as people read them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_ARRAY, _DIMENSIONS, _TYPE = 0x80, 0x40, 0x3F
# Built-in types of one length (Part 6, 5.1.2), by their ids.
_NUMBERS = {1: "?", 2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 10: "f", 11: "d"}
_STRING, _DATE_TIME, _LOCALIZED_TEXT = 12, 13, 21
_LOCALE, _TEXT = 0x01, 0x02
# Nobody reads more in one line.
_MOST_SHOWN = 16
_FIRST_DATE = datetime(1601, 1, 1, tzinfo=UTC)


class _NotReadableError(Exception):
    """It ends too early, or is of a type that has no words here."""


class _Reader:
    """Takes values off bytes, from nobody in particular: it reads nothing outside of them."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise _NotReadableError
        self._at += size
        return self._content[self._at - size : self._at]

    def number(self, form: str) -> int | float | bool:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def count(self) -> int:
        """A length; one of no array, -1, is 0."""
        return max(int(self.number("i")), 0)


def variant_text(content: bytes) -> str | None:
    """What a Variant says, an array with its first elements and how many there are.

    Args:
        content: A Variant, as the gateway stores values that are no single number, truth or text.

    Returns:
        None for structures and other types that have no short form, and for what is no Variant.
    """
    reader = _Reader(content)
    try:
        mask = int(reader.number("B"))
        read = _reader_of(mask & _TYPE)
        text = _array(reader, read, has_dimensions=bool(mask & _DIMENSIONS)) if mask & _ARRAY else read(reader)
    except (_NotReadableError, UnicodeDecodeError):
        return None
    return text if not reader.left else None


def _array(reader: _Reader, read: Callable[[_Reader], str], *, has_dimensions: bool) -> str:
    count = reader.count()
    if count > reader.left:
        raise _NotReadableError  # no element takes less than a byte
    shown: list[str] = []
    for place in range(count):
        element = read(reader)
        if place < _MOST_SHOWN:
            shown.append(element)
    size = str(count)
    if has_dimensions:
        dimensions = reader.count()
        if dimensions > reader.left:
            raise _NotReadableError
        size = "×".join(str(reader.count()) for _ in range(dimensions))
    listed = ", ".join(shown) + (", …" if count > len(shown) else "")
    return f"[{listed}] × {size}" if has_dimensions or count > len(shown) else f"[{listed}]"


def _reader_of(built_in: int) -> Callable[[_Reader], str]:
    if built_in in _NUMBERS:
        form = _NUMBERS[built_in]
        return lambda reader: _number_text(reader.number(form))
    known = {_STRING: _string, _DATE_TIME: _date_time, _LOCALIZED_TEXT: _localized_text}
    if built_in not in known:
        raise _NotReadableError
    return known[built_in]


def _number_text(value: float | bool) -> str:  # noqa: FBT001 - a value like the others
    return f"{value:.6g}" if isinstance(value, float) else str(int(value))


def _string(reader: _Reader) -> str:
    return reader.take(reader.count()).decode()


def _localized_text(reader: _Reader) -> str:
    mask = int(reader.number("B"))
    if mask & _LOCALE:
        _string(reader)
    return _string(reader) if mask & _TEXT else ""


def _date_time(reader: _Reader) -> str:
    ticks = int(reader.number("q"))
    try:
        moment = _FIRST_DATE + timedelta(microseconds=ticks // 10)
    except OverflowError as error:
        raise _NotReadableError from error
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"
