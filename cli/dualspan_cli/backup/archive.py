"""What is in a copy of a cluster: a tar whose files PostgreSQL's own manifest vouches for, one by one."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, BinaryIO

from dualspan_cli.backup.streams import DamagedError

_MANIFEST = "backup_manifest"
_PIECE = 1 << 20
# The log is not in the manifest, but what says that it was archived may be.
_LOG = "pg_wal/"


def check_archive(stream: BinaryIO, name: Path, told: Callable[[int], None] = lambda _: None) -> int:
    """Compares every file of a copy with PostgreSQL's manifest; returns how many there are.

    Raises:
        DamagedError: A file is missing, is another or is not in the manifest.
    """
    return _walk(stream, name, None, told)


def extract_archive(stream: BinaryIO, name: Path, target: Path, told: Callable[[int], None] = lambda _: None) -> int:
    """The same, and writes the files into a folder.

    Raises:
        DamagedError: See `check_archive`; what was written is there all the same.
    """
    return _walk(stream, name, target, told)


def _walk(stream: BinaryIO, name: Path, target: Path | None, told: Callable[[int], None]) -> int:
    found: dict[str, str] = {}
    manifest = b""
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_PIECE) as archive:
            for member in archive:
                path = member.name.removeprefix("./")
                if Path(path).is_absolute() or ".." in Path(path).parts:
                    raise DamagedError(name, f"it has a file outside of itself, {path}")
                if target is not None and member.isdir():
                    (target / path).mkdir(mode=0o700, parents=True, exist_ok=True)
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    continue
                if path == _MANIFEST:
                    manifest = content.read()
                    continue
                with content:
                    found[path] = _pass_on(content, target and target / path, told)
    except tarfile.TarError as err:
        raise DamagedError(name, f"it is no archive ({err})") from err
    if target is not None:
        (target / _MANIFEST).write_bytes(manifest)
    _compare(name, manifest, found)
    return len(found)


def _pass_on(content: IO[bytes], path: Path | None, told: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = path.open("wb") if path is not None else None
    try:
        while piece := content.read(_PIECE):
            digest.update(piece)
            told(len(piece))
            if file is not None:
                file.write(piece)
    finally:
        if file is not None:
            file.close()
    if path is not None:
        path.chmod(0o600)
    return digest.hexdigest()


def _compare(name: Path, manifest: bytes, found: Mapping[str, str]) -> None:
    try:
        files = {_path_of(file): file["Checksum"] for file in json.loads(manifest)["Files"]}
    except (ValueError, KeyError) as err:
        raise DamagedError(name, "PostgreSQL's manifest is missing or cannot be read") from err
    listed, there = (
        {path: checksum for path, checksum in given.items() if not path.startswith(_LOG)} for given in (files, found)
    )
    wrong = sorted(path for path in listed.keys() | there.keys() if listed.get(path) != there.get(path))
    if wrong:
        raise DamagedError(name, f"{len(wrong)} files are not what PostgreSQL copied, the first is {wrong[0]}")


def _path_of(file: Mapping[str, str]) -> str:
    encoded = file.get("Encoded-Path")
    return bytes.fromhex(encoded).decode(errors="surrogateescape") if encoded else file["Path"]
