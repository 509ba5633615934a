"""Tags as comma-separated values (RFC 4180), safe to open in a spreadsheet program."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dualspan_onboarding.transfer.entries import TagFile, file_refused
from dualspan_onboarding.transfer.rows import HEADER, NUMBERS, read_rows

# What a spreadsheet program takes for the beginning of a formula, in ASCII and in full width.
_FORMULA = frozenset("=+-@\t\r＝＋－＠")
_QUOTE = "'"
_DELIMITERS = ",;\t"
_LONGEST_CELL = 64 * 1024


def harmless(text: str) -> str:
    """Text that no spreadsheet program takes for a formula: an apostrophe before it says that it is text."""
    return _QUOTE + text if text[:1] in _FORMULA or text.startswith(_QUOTE) else text


def as_written(text: str) -> str:
    """The opposite of `harmless`."""
    return text[1:] if text.startswith(_QUOTE) else text


def read_csv(text: str) -> TagFile:
    """What comma-separated values say; semicolons and tabs are taken as well. Raises FileRefused."""
    return read_rows(_rows(text))


def _rows(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            raise file_refused(
                line, "NOT_CSV", f"From line {line} on it is no CSV: {err}.", "Look for a quote that is not closed."
            ) from err
        # Excel writes which delimiter follows, and reads it.
        if line == 1 and row and row[0].lower().startswith("sep="):
            continue
        yield line, [as_written(cell) for cell in row]


def _delimiter(text: str) -> str:
    first = text[:_LONGEST_CELL].split("\n", 2)
    header = first[1] if first[0].lower().startswith("sep=") and len(first) > 1 else first[0]
    return max(_DELIMITERS, key=header.count)


def write_csv(rows: Iterable[Mapping[str, str]]) -> bytes:
    """Rows by column as UTF-8, with the byte order mark without which Excel takes it for another encoding."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow([row[name] if name in NUMBERS else harmless(row[name]) for name in HEADER])
    return out.getvalue().encode("utf-8-sig")
