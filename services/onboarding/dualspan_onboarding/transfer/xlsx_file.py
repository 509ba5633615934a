"""Tags as a workbook. What comes from outside is unpacked only as far as it may go."""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from defusedxml import DefusedXmlException
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.writer.excel import ExcelWriter

from dualspan_onboarding.transfer.entries import (
    MAX_BYTES,
    MAX_ENTRIES,
    FileRefused,
    Refused,
    TagFile,
    file_refused,
)
from dualspan_onboarding.transfer.rows import HEADER, MAX_COLUMNS, NUMBERS, read_rows

_SHEET = "tags"
_MOST_PARTS = 200
# 100 000 rows of all columns are about 100 MiB of XML.
_MOST_UNPACKED = 8 * MAX_BYTES
_MOST_RATIO = 200
# The same tags have to make the same bytes: no moment of writing is in them.
_LONG_AGO = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - openpyxl writes it as UTC and takes no other
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_LARGEST_WHOLE = 1e15
# ECMA-376, 22.9.2.19: characters that XML has no place for, and the escape itself.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f]|_(?=x[0-9A-Fa-f]{4}_)|\ufffe|\uffff")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_xlsx(content: bytes) -> TagFile:
    """What the first sheet of a workbook says; raises FileRefused."""
    try:
        _check_parts(content)
        return read_rows(_rows(content))
    except FileRefused:
        raise
    except DefusedXmlException as err:
        raise _broken("its XML defines entities, which no spreadsheet program writes") from err
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, TypeError, OSError, EOFError) as err:
        raise _broken(type(err).__name__) from err
    except (SyntaxError, AttributeError, IndexError, NotImplementedError, RuntimeError) as err:
        # XML that is not well-formed (a SyntaxError), parts that are not there, encryption.
        raise _broken(type(err).__name__) from err


def _broken(why: str) -> FileRefused:
    return file_refused(
        1,
        "NOT_XLSX",
        f"The file is no workbook that can be read: {why}.",
        "Save it again as .xlsx, without a password.",
    )


def _check_parts(content: bytes) -> None:
    """Refuses what would unpack to more than it may; what a part says of its size bounds what is read of it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    bomb = any(part.file_size > _MOST_RATIO * max(part.compress_size, 4096) for part in parts)
    if len(parts) > _MOST_PARTS or unpacked > _MOST_UNPACKED or bomb:
        raise file_refused(
            1,
            "WORKBOOK_TOO_LARGE",
            f"The workbook would unpack to {unpacked} bytes in {len(parts)} parts.",
            "Keep only the sheet with the tags, or split it.",
        )


def _rows(content: bytes) -> Iterator[tuple[int, Sequence[str | Refused]]]:
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    try:
        sheet: Any = book.worksheets[0]
        # What the sheet says of its size may be anything.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(max_row=MAX_ENTRIES + 2, max_col=MAX_COLUMNS)
        for number, row in enumerate(rows, 1):
            yield number, [_text(cell) for cell in row]
    finally:
        book.close()


def _text(cell: Any) -> str | Refused:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type in {"f", "e"}:
        return Refused(
            "FORMULA", "The cell has a formula or an error, not a value.", "Copy it and paste the values only."
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, str):
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
    return Refused("NOT_TEXT", "The cell has a date or a time.", "Format the cell as text and write it again.")


def write_xlsx(rows: Iterable[Mapping[str, str]]) -> bytes:
    """Rows by column as a workbook; the same rows make the same bytes."""
    book = Workbook(write_only=True)
    book.properties.created = book.properties.modified = _LONG_AGO
    sheet: Any = book.create_sheet(_SHEET)
    sheet.freeze_panes = "A2"
    sheet.append(list(HEADER))
    for row in rows:
        sheet.append([_cell(sheet, name, row[name]) for name in HEADER])
    packed = io.BytesIO()
    # Workbook.save would write the present moment into the properties.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        ExcelWriter(book, archive).save()
    return _without_times(packed.getvalue())


def _cell(sheet: Any, name: str, text: str) -> object:
    if not text:
        return None
    if name in NUMBERS:
        number = float(text)
        if number.is_integer() and number < _LARGEST_WHOLE:
            return int(number)
        # Workbooks keep 16 digits, a double may need 17: then it stays a text, so that nothing changes.
        if float(f"{number:.16g}") == number:
            return number
    cell = WriteOnlyCell(sheet, _UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", text))
    # A text that begins with "=" stays a text.
    cell.data_type = "s"
    return cell


def _without_times(packed: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for part in sorted(source.infolist(), key=lambda part: part.filename):
            info = zipfile.ZipInfo(part.filename, _ZIP_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, source.read(part))
    return out.getvalue()
