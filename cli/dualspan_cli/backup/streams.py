"""From a stream to an encrypted file and back: zstd, then age; hashed on both sides, whole on the disk or not there."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol, cast

import pyrage
import zstandard
from pyrage import x25519

from dualspan_cli.errors import CommandError

SUFFIX = ".zst.age"
# Samples are compressed already; what is left is indexes, rows and the zeros of half-empty log segments.
_LEVEL = 1
_PIECE = 1 << 20


class Source(Protocol):
    """What can be read."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...


class Sink(Protocol):
    """What can be written to."""

    def write(self, piece: bytes, /) -> int:
        """Takes all of it."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of a repository.

    Attributes:
        name: Relative to its backup.
        size: Bytes of what is in it.
        sha256: Of what is in it, lower-case hex.
        stored_size: Bytes of the file.
        stored_sha256: Of the file.
    """

    name: str
    size: int
    sha256: str
    stored_size: int
    stored_sha256: str


class DamagedError(CommandError):
    """A file of a repository is not what was written."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__("BACKUP_DAMAGED", f"{path} is damaged: {why}.", exit_code=10)


class _Counted:
    """Counts and hashes what passes."""

    def __init__(self, told: Callable[[int], None] | None = None) -> None:
        self._told = told
        self._digest = hashlib.sha256()
        self.size = 0
        self.failure: Exception | None = None

    def note(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.size += len(piece)
        if self._told is not None:
            self._told(len(piece))

    @contextmanager
    def noting_failures(self) -> Generator[None]:
        """What fails here comes out of the library as an error of its own, which only has the words."""
        try:
            yield
        except Exception as err:
            self.failure = err
            raise

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class _Read(_Counted):
    """A source, counted."""

    def __init__(self, source: Source, told: Callable[[int], None] | None) -> None:
        super().__init__(told)
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        with self.noting_failures():
            piece = self._source.read(size)
        self.note(piece)
        return piece


class _Written(_Counted):
    """A sink, counted."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def write(self, piece: bytes, /) -> int:
        with self.noting_failures():
            self._sink.write(piece)
        self.note(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""


def seal(source: Source, path: Path, lock: x25519.Recipient, told: Callable[[int], None] | None = None) -> Stored:
    """Writes what a source has, compressed and encrypted; the file appears whole or not at all.

    Args:
        source: Read to its end.
        path: The file.
        lock: Who may read it.
        told: Hears how many bytes were read now.

    Raises:
        OSError: The file cannot be written; or whatever the source raises.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    plain = _Read(source, told)
    packed = zstandard.ZstdCompressor(level=_LEVEL).stream_reader(cast("IO[bytes]", plain), read_size=_PIECE)
    try:
        with unfinished.open("wb") as file:
            written = _Written(file)
            _encrypt(packed, plain, written, lock)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return Stored(path.name, plain.size, plain.sha256, written.size, written.sha256)


def _encrypt(packed: Source, plain: _Read, written: _Written, lock: x25519.Recipient) -> None:
    try:
        pyrage.encrypt_io(packed, written, [lock])
    except pyrage.EncryptError as err:
        raise (written.failure or plain.failure or err) from err


def unseal(path: Path, key: x25519.Identity, sink: Sink) -> tuple[int, str]:
    """Writes what is in a file to a sink; returns its size and SHA-256.

    Raises:
        DamagedError: It was changed, is cut short or was encrypted for somebody else.
    """
    plain = _Written(sink)
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    try:
        with path.open("rb") as file:
            pyrage.decrypt_io(file, _Unpacking(unpacking.decompress, plain), [key])
    except FileNotFoundError as err:
        raise DamagedError(path, "it is not there") from err
    except (pyrage.DecryptError, zstandard.ZstdError) as err:
        raise DamagedError(path, str(err)) from err
    except OSError as err:
        if err.errno is not None:
            raise
        raise DamagedError(path, str(err)) from err  # age's own words for a chunk that does not authenticate
    if not unpacking.eof:
        raise DamagedError(path, "it is cut short")
    return plain.size, plain.sha256


class _Unpacking:
    """Takes compressed pieces, hands on what they hold."""

    def __init__(self, unpack: Callable[[bytes], bytes], sink: Sink) -> None:
        self._unpack = unpack
        self._sink = sink

    def write(self, piece: bytes, /) -> int:
        self._sink.write(self._unpack(bytes(piece)))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""


@contextmanager
def unsealed(path: Path, key: x25519.Identity, found: list[tuple[int, str]]) -> Generator[BinaryIO]:
    """What is in a file, as a stream to read; its size and SHA-256 are appended to `found` at the end.

    Raises:
        DamagedError: At the end of the block: see `unseal`.
    """
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with os.fdopen(writing, "wb", buffering=0) as sink:
                found.append(unseal(path, key, _Whole(sink)))
        except BrokenPipeError:
            return  # whoever reads has enough
        except BaseException as err:  # noqa: BLE001 - raised again where the stream is read
            failed.append(err)

    thread = threading.Thread(target=work, name="unseal")
    thread.start()
    try:
        with os.fdopen(reading, "rb", buffering=_PIECE) as stream:
            try:
                yield stream
            except Exception as err:
                stream.close()
                thread.join()
                if failed:
                    raise failed[0] from err  # a stream that broke off is why its reader failed
                raise
            while stream.read(_PIECE):
                pass
    finally:
        thread.join()
    if failed:
        raise failed[0]


class _Whole:
    """A raw file may take less than it is given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, piece: bytes, /) -> int:
        rest = memoryview(piece)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(piece)


def hash_of(path: Path) -> str:
    """SHA-256 of a file as it lies there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as err:
        raise DamagedError(path, "it is not there") from err


def sync_folder(folder: Path) -> None:
    """What was put into a folder, or taken out of it, stays so whatever happens to the machine."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
