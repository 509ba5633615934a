"""Whether a backup is worth anything, without restoring it over anything.

Without the key: the files are those that were written, and no segment of the log is missing. With it: they decrypt,
each file of the copy is what PostgreSQL copied, each segment is of this cluster and stands where its name says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pyrage import x25519

from dualspan_cli.backup.archive import check_archive
from dualspan_cli.backup.repository import BASE_FILE, PARTIAL, Manifest, Repository
from dualspan_cli.backup.restoring import read_secrets
from dualspan_cli.backup.streams import DamagedError, hash_of, unseal, unsealed
from dualspan_cli.backup.wal import missing_segments, number_of

# PostgreSQL's XLogLongPageHeaderData: magic, info, timeline, address, remaining, padding, system, segment, block.
_HEADER = struct.Struct("<HHIQI4xQII")
_SEGMENT_DIGITS = 24


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and what is wrong.

    Attributes:
        manifest: Of the backup.
        decrypted: Whether its contents were looked at, too.
        database_files: Files of the copy that are what PostgreSQL copied.
        segments: Segments of the log that were looked at.
        until: Name of the newest segment; empty without any.
        problems: What is wrong; nothing if empty.
    """

    manifest: Manifest
    decrypted: bool
    database_files: int
    segments: int
    until: str
    problems: list[str] = field(default_factory=list[str])


def verify(
    repository: Repository, manifest: Manifest, key: x25519.Identity | None, told: Callable[[int], None]
) -> Verdict:
    """Looks at a backup and the log behind it.

    Args:
        repository: Where it is.
        manifest: Which.
        key: None: only what can be seen without it.
        told: Hears how many bytes of the copy were looked at now.
    """
    problems: list[str] = []
    folder = repository.folder_of(manifest)
    for file in manifest.files:
        try:
            if hash_of(folder / file.name) != file.stored_sha256:
                problems.append(f"{folder / file.name} is not the file that was written")
        except DamagedError as err:
            problems.append(str(err))
    segments = _segments(repository, manifest)
    if missing := missing_segments(manifest.end_segment, segments, manifest.segment_bytes) if segments else []:
        problems.append(f"the log lacks {', '.join(missing[:5])}{' and more' if missing[5:] else ''}")
    files = 0
    if key is not None:
        files = _contents(repository, manifest, key, problems, told)
        problems += [words for name in segments if (words := _segment(repository, manifest, name, key))]
    return Verdict(manifest, key is not None, files, len(segments), segments[-1] if segments else "", problems)


def _segments(repository: Repository, manifest: Manifest) -> list[str]:
    return [
        name
        for name in repository.segments()
        if not name.endswith(".history") and name[8:24] >= manifest.start_segment[8:]
    ]


def _contents(
    repository: Repository,
    manifest: Manifest,
    key: x25519.Identity,
    problems: list[str],
    told: Callable[[int], None],
) -> int:
    path = repository.folder_of(manifest) / BASE_FILE
    found: list[tuple[int, str]] = []
    files = 0
    try:
        read_secrets(repository, manifest, key)
        with unsealed(path, key, found) as stream:
            files = check_archive(stream, path, told)
    except DamagedError as err:
        problems.append(str(err))
    return files


class _Head:
    """Keeps the beginning of what is written to it."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, piece: bytes, /) -> int:
        if len(self.content) < _HEADER.size:
            self.content += piece[: _HEADER.size]
        return len(piece)


def _segment(repository: Repository, manifest: Manifest, name: str, key: x25519.Identity) -> str:
    """What is wrong with a segment; empty: nothing."""
    path, head = repository.segment_file(name), _Head()
    try:
        size, _ = unseal(path, key, head)
    except DamagedError as err:
        return str(err)
    if size != manifest.segment_bytes or len(head.content) < _HEADER.size:
        return f"{path} holds {size} bytes instead of {manifest.segment_bytes}"
    _, _, timeline, address, _, system, length, _ = _HEADER.unpack_from(head.content)
    if name.endswith(PARTIAL) and not any(head.content):
        return ""  # it has just begun
    if system != manifest.system_identifier or length != manifest.segment_bytes:
        return f"{path} is of another database server"
    number = number_of(name[:_SEGMENT_DIGITS], 0x1_0000_0000 // manifest.segment_bytes)
    if address != number * manifest.segment_bytes or timeline > int(name[:8], 16):
        return f"{path} is another part of the log"
    return ""
