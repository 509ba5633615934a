"""An image of an app out of the very environment that runs here: no registry, no base image, no network.

For the demonstration, whose engine may reach no registry; publishers build theirs from a Dockerfile. The interpreter,
its library and the shared libraries of all are put where they are on this machine, so that nothing has to be moved, and
the app's distributions into one folder; what is not needed to run them is left out.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zoneinfo
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dualspan_cli.engine import Engine

# Another one whenever the same files make another image.
_MADE = 2
_USER = "10001:10001"
_SITE = "/opt/app"
# Where the engine mounts things: a root that cannot be written to must have them.
_FOLDERS = ("tmp", "proc", "sys", "dev", "run/dualspan", "run/platform")
# Folders and kinds of files that nothing here runs.
_STANDARD = frozenset({"site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3"})
_ZONES = frozenset({"posix", "right"})
_SITE_UNUSED = frozenset({"tests", "include"})
_UNUSED = frozenset({".pyi", ".a", ".exe", ".h"})
_IMPORT = "import runpy; runpy.run_module({!r}, run_name='only-imported')"
_IMPORT_SECONDS = 60
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")
_LIBRARY = re.compile(r"(/\S+) \(0x")
_EXECUTABLE = 0o755
_PLAIN = 0o644
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class AppImage:
    """What an image is to hold.

    Attributes:
        name: Of the image, without a tag: `dualspan/oee-board`.
        distribution: That the app is, or those that it needs, with spaces; empty: it is of Python's own library.
        module: That is run.
        folder: Of packages that are nowhere installed, such as an app that somebody writes; None: all are.
    """

    name: str
    distribution: str
    module: str
    folder: Path | None = None

    def load(self, engine: Engine) -> str:
        """Have the engine hold it; returns it by digest, `name@sha256:…`.

        The digest is the id that the engine gives it: the image has never been in a registry, which would give it
        another. One that was made of the same files is taken as it is.

        Raises:
            EngineError: The engine does not answer, or does not take it.
        """
        # Once, so that there is bytecode: the image's own root cannot be written to.
        if self.folder is None:
            command = [sys.executable, "-I", "-c", _IMPORT.format(self.module)]
            subprocess.run(command, check=True, timeout=_IMPORT_SECONDS)
        sources = dict(_sources(self.distribution)) | dict(_packages(self.folder) if self.folder else ())
        tag = f"{self.name}:{_key(sources)}"
        if not engine.image_id(tag):
            with tempfile.TemporaryFile() as archive:
                self._write(archive, sources | dict(_libraries(sources)), tag)
                archive.seek(0)
                engine.load(archive)
        return f"{self.name}@{engine.image_id(tag)}"

    def _write(self, archive: IO[bytes], files: Mapping[str, Path], tag: str) -> None:
        """The image as `docker save` would write it."""
        with tempfile.TemporaryFile() as layer, tarfile.open(fileobj=archive, mode="w") as whole:
            _write_layer(layer, files)
            size, digest = _measured(layer)
            config = json.dumps(self._config(digest, files)).encode()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
            for each, content in ((name, config), ("manifest.json", manifest)):
                whole.addfile(_entry(each, len(content)), io.BytesIO(content))
            layer.seek(0)
            whole.addfile(_entry("layer.tar", size), layer)

    def _config(self, digest: str, files: Mapping[str, Path]) -> Mapping[str, object]:
        folders = sorted({str(Path("/", each).parent) for each in files if ".so" in Path(each).name})
        created = "1970-01-01T00:00:00Z"
        return {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": created,
            "config": {
                "User": _USER,
                "WorkingDir": "/",
                "Entrypoint": [os.path.realpath(sys.executable), "-u", "-m", self.module],
                "Env": [
                    f"PYTHONPATH={_SITE}",
                    "PYTHONDONTWRITEBYTECODE=1",
                    "OMP_NUM_THREADS=1",
                    "LANG=C.UTF-8",
                    "LD_LIBRARY_PATH=" + ":".join(each for each in folders if not each.startswith(_SITE)),
                ],
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created": created, "created_by": f"dualspan demo: {self.distribution}"}],
        }


def _sources(distribution: str) -> Iterator[tuple[str, Path]]:
    """Every file but the system's shared libraries, by its path in the image."""
    interpreter = Path(sys.executable).resolve()
    yield _inside(interpreter), interpreter
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        yield from ((_inside(path), path) for path in _below(Path(folder).resolve(), _STANDARD))
    for zones in filter(Path.is_dir, map(Path, zoneinfo.TZPATH)):
        yield from ((_inside(path), path) for path in _below(zones, _ZONES))
    for each in _distributions(distribution) if distribution else ():
        yield from _installed(each)


def _inside(path: Path) -> str:
    """The same place in the image, without the first slash."""
    return str(path).lstrip("/")


def _below(folder: Path, left_out: Collection[str]) -> Iterator[Path]:
    """Files of a folder that are needed to run, with the bytecode of those that have been."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders).difference(left_out))
        for path in (Path(parent, each) for each in sorted(files)):
            if path.suffix not in _UNUSED and path.is_file():
                yield path


def _distributions(name: str) -> Sequence[importlib.metadata.Distribution]:
    """A distribution and all that it needs here, in order of name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [match[0] for each in name.split() if (match := _REQUIREMENT.match(each))]
    while waiting:
        each = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if each in found:
            continue
        try:
            found[each] = importlib.metadata.distribution(each)
        except importlib.metadata.PackageNotFoundError:
            # Of another system or another Python.
            continue
        needed = (text for text in found[each].requires or () if "extra ==" not in text)
        waiting += [match[0] for text in needed if (match := _REQUIREMENT.match(text))]
    return [found[each] for each in sorted(found)]


def _installed(distribution: importlib.metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Its files, or those of the folder that it is developed in, below one folder of the image."""
    for each in distribution.files or ():
        path = Path(str(distribution.locate_file(each)))
        if each.suffix == ".pth":
            for folder in path.read_text("utf-8").split():
                yield from _packages(Path(folder))
        elif path.is_file() and ".." not in each.parts and not _SITE_UNUSED & set(each.parts):
            yield f"{_inside(Path(_SITE))}/{each}", path


def _packages(folder: Path) -> Iterator[tuple[str, Path]]:
    for package in sorted(each for each in folder.iterdir() if each.is_dir()):
        if package.name.isidentifier() and package.name not in _SITE_UNUSED and any(package.rglob("*.py")):
            for path in _below(package, _SITE_UNUSED):
                yield f"{_inside(Path(_SITE))}/{path.relative_to(folder)}", path


def _libraries(sources: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """The system's shared libraries that the interpreter and extension modules are linked with."""
    binaries = [path for path in sources.values() if ".so" in path.name or os.access(path, os.X_OK)]
    told = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False, timeout=60)
    known = {path.resolve() for path in sources.values()}
    for found in sorted(set(_LIBRARY.findall(told.stdout))):
        path = Path(found)
        if path.resolve() not in known:
            yield _inside(path), path.resolve()


def _key(sources: Mapping[str, Path]) -> str:
    """Another one whenever one of the files is; bytecode that has come since is none of them."""
    whole = hashlib.sha256(f"{_MADE} {platform.machine()} {sys.version}".encode())
    for name, path in sorted(sources.items()):
        if path.suffix != ".pyc":
            status = path.stat()
            whole.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return whole.hexdigest()[:16]


def _write_layer(layer: IO[bytes], files: Mapping[str, Path]) -> None:
    folders = {str(parent) for each in files for parent in Path(each).parents} - {"."}
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for each in sorted(folders.union(_FOLDERS, {"run", "opt"})):
            # What is mounted over it takes over its mode.
            folder = _entry(each, 0, 0o1777 if each == "tmp" else _EXECUTABLE)
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
        for name, path in sorted(files.items()):
            status = path.stat()
            entry = _entry(name, status.st_size, _EXECUTABLE if status.st_mode & 0o100 else _PLAIN)
            # Bytecode is of a source of this very time.
            entry.mtime = int(status.st_mtime)
            with path.open("rb") as content:
                archive.addfile(entry, content)


def _entry(name: str, size: int, mode: int = _PLAIN) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry


def _measured(file: IO[bytes]) -> tuple[int, str]:
    """Size, and SHA-256 as hexadecimal digits."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType] - any binary file
    return file.tell(), digest
