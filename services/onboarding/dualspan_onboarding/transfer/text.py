"""Bytes of a file as text, whatever a spreadsheet program made of them."""

import codecs

from dualspan_onboarding.transfer.entries import MAX_BYTES, FileFormat, file_refused

_ZIP = b"PK\x03\x04"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_size(content: bytes) -> bytes:
    """The content, if it is neither empty nor too much; raises FileRefused."""
    if not content:
        raise file_refused(1, "FILE_EMPTY", "The file is empty.", "Check that it was saved.")
    if len(content) > MAX_BYTES:
        raise file_refused(
            1,
            "FILE_TOO_LARGE",
            f"The file has {len(content)} bytes; {MAX_BYTES} are the most.",
            "Split it, for example by server.",
        )
    return content


def format_of(content: bytes) -> FileFormat:
    """What a file seems to be: a zip is a workbook, what begins like JSON is published nodes, all else CSV."""
    if content.startswith(_ZIP):
        return FileFormat.XLSX
    head = content[:4096].removeprefix(codecs.BOM_UTF8).replace(b"\x00", b"").lstrip(b"\xff\xfe \t\r\n")
    return FileFormat.PUBLISHED_NODES if head[:1] in {b"[", b"{"} else FileFormat.CSV


def decode(content: bytes) -> str:
    """Text from UTF-8 (with or without a byte order mark) or UTF-16 with one; raises FileRefused."""
    encoding = "utf-16" if content.startswith(_UTF16) else "utf-8-sig"
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        raise file_refused(
            line,
            "NOT_UTF8",
            f"Byte {err.start + 1} of the file, in line {line}, is not {encoding.removesuffix('-sig').upper()}.",
            "Save it again as UTF-8 (in Excel: CSV UTF-8).",
        ) from err
