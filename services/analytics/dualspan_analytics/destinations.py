"""Where exports go: a folder of this machine, or a bucket. A file is there whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import fs

from dualspan_analytics.exports.errors import destination_refused, destination_unreachable, folder_full
from dualspan_analytics.exports.model import Bucket
from dualspan_runtime.errors import DomainError

_TIMEOUT_SECONDS = 10.0
# How Amazon's client for C++ says that trying again may help.
_PASSING = (
    "NETWORK_CONNECTION",
    "SLOW_DOWN",
    "THROTTLING",
    "SERVICE_UNAVAILABLE",
    "INTERNAL_FAILURE",
    "REQUEST_TIMEOUT",
)


class Destination(Protocol):
    """Where files go, addressed by paths with "/"."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        ...

    def scratch(self) -> Path:
        """A path for a file that is being written, on a disk from where `put` is quick."""
        ...

    def put(self, scratch: Path, path: str) -> None:
        """Let a finished file take its place at once, in place of the one that stood there.

        Raises:
            FailedPrecondition: It is not taken (`EXPORT_DESTINATION_REFUSED`).
            Unavailable: The destination does not answer (`EXPORT_DESTINATION_UNREACHABLE`).
        """
        ...

    def remove(self, path: str) -> None:
        """Remove a file if it is there; raises as `put`."""
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """Size of every file below a folder, by path; raises as `put`."""
        ...


@dataclass(frozen=True, slots=True)
class Quota:
    """All files below a folder may have so many bytes together."""

    folder: Path
    most: int


@contextmanager
def open_folder(root: Path, quota: Quota | None = None) -> Generator[Destination]:
    """A folder, made if it is not there; others may write below the quota's folder, and are counted.

    Raises:
        FailedPrecondition: It cannot be made or written to, or holds as much as it may.
    """
    folder = _Folder(root, quota)
    with folder.translated():
        shutil.rmtree(root / _Folder.SCRATCH, ignore_errors=True)
        (root / _Folder.SCRATCH).mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(root / _Folder.SCRATCH, ignore_errors=True)


@contextmanager
def open_bucket(bucket: Bucket, secret: str, prefix: str) -> Generator[Destination]:
    """A bucket, below a prefix."""
    scheme, _, host = bucket.endpoint.rpartition("://")
    files = fs.S3FileSystem(
        access_key=bucket.access_key_id,
        secret_key=secret,
        region=bucket.region,
        scheme=scheme or "https",
        endpoint_override=host or None,
        connect_timeout=_TIMEOUT_SECONDS,
        request_timeout=_TIMEOUT_SECONDS * 6,
        allow_bucket_creation=False,
        allow_bucket_deletion=False,
    )
    with TemporaryDirectory(prefix="dualspan-export-") as folder:
        yield _Bucket(files, f"{bucket.bucket}/{prefix}", Path(folder))


class _Folder:
    """Renaming is what makes a file appear at once; it is synced to the disk before."""

    SCRATCH = "_scratch"

    def __init__(self, root: Path, quota: Quota | None) -> None:
        self._root = root
        self._quota = quota
        self._used: int | None = None

    @property
    def place(self) -> str:
        return str(self._root)

    @contextmanager
    def translated(self) -> Generator[None]:
        try:
            yield
        except OSError as err:
            raise destination_refused(self.place, err.strerror or str(err)) from err

    def scratch(self) -> Path:
        return self._root / self.SCRATCH / uuid.uuid4().hex

    def put(self, scratch: Path, path: str) -> None:
        target = self._root / path
        with self.translated():
            self._take(scratch.stat().st_size, target)
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync(scratch)
            scratch.replace(target)
            _sync(target.parent)

    def _take(self, size: int, target: Path) -> None:
        """Count a file that is to take its place; looked up once, what others add meanwhile shows the next time."""
        if self._quota is None:
            return
        if self._used is None:
            files = self._quota.folder.rglob("*")
            self._used = sum(path.stat().st_size for path in files if path.is_file() and self.SCRATCH not in path.parts)
        after = self._used + size - (target.stat().st_size if target.exists() else 0)
        if after > self._quota.most and after > self._used:
            raise folder_full(self._quota.most)
        self._used = after

    def remove(self, path: str) -> None:
        with self.translated():
            (self._root / path).unlink(missing_ok=True)
            self._used = None

    def sizes(self, folder: str) -> dict[str, int]:
        with self.translated():
            files = [path for path in (self._root / folder).rglob("*") if path.is_file()]
            return {path.relative_to(self._root).as_posix(): path.stat().st_size for path in files}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Bucket:
    """A key appears when its upload is completed, and not before."""

    def __init__(self, files: Any, root: str, folder: Path) -> None:
        self._files = files
        self._root = root
        self._folder = folder

    @property
    def place(self) -> str:
        return f"s3://{self._root}"

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except OSError as err:
            raise _of_bucket(self.place, str(err)) from err

    def scratch(self) -> Path:
        return self._folder / uuid.uuid4().hex

    def put(self, scratch: Path, path: str) -> None:
        with self._translated():
            stream = self._files.open_output_stream(f"{self._root}/{path}")
            # One call with the whole file: closing the stream is what completes the upload, also after an error, and
            # here none can come between.
            if scratch.stat().st_size:
                with pa.memory_map(str(scratch)) as whole:
                    stream.write(whole.read_buffer())
                    stream.close()
            else:
                stream.close()
        scratch.unlink()

    def remove(self, path: str) -> None:
        try:
            self._files.delete_file(f"{self._root}/{path}")
        except FileNotFoundError:
            return
        except OSError as err:
            raise _of_bucket(self.place, str(err)) from err

    def sizes(self, folder: str) -> dict[str, int]:
        selector = fs.FileSelector(f"{self._root}/{folder}", allow_not_found=True, recursive=True)
        with self._translated():
            found = self._files.get_file_info(selector)
        return {each.path.removeprefix(f"{self._root}/"): each.size for each in found if each.is_file}


def _of_bucket(place: str, words: str) -> DomainError:
    if any(mark in words for mark in _PASSING):
        return destination_unreachable(place, words)
    return destination_refused(place, words)
