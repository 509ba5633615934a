"""Installs peers under one folder, from Debian, npm and pip, and changes nothing else on the machine."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class PeerUnavailableError(Exception):
    """A peer cannot be had here; the text says why, and goes into its row."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A peer that is there.

    Attributes:
        folder: Where it is.
        version: Which it is.
    """

    folder: Path
    version: str


def from_debian(software: Path, package: str) -> Installed:
    """Download a Debian package and unpack it: nothing is installed on the machine, no service starts."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PeerUnavailableError(f"{package} comes from Debian, and this machine has no apt-get")
    folder = software / package
    if not (folder / "version").exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "download").mkdir(parents=True)
        # Without lists (a fresh container) apt knows no package; only root can get them.
        if _run(["apt-cache", "show", package], folder, check=False).returncode != 0:
            _run(["apt-get", "update"], folder, check=False)
        _run(["apt-get", "download", package], folder / "download")
        archive = next((folder / "download").glob("*.deb"))
        _run(["dpkg-deb", "--extract", str(archive), str(folder)], folder)
        version = _run(["dpkg-deb", "--field", str(archive), "Version"], folder).stdout.strip()
        shutil.rmtree(folder / "download")
        (folder / "version").write_text(version)
    return Installed(folder, (folder / "version").read_text())


def from_npm(software: Path, package: str, requirement: str) -> Installed:
    """Install a package of npm into a folder of its own."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise PeerUnavailableError(f"{package} comes from npm, and this machine has no Node.js")
    folder = software / package
    manifest = folder / "node_modules" / package / "package.json"
    if not manifest.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix", str(folder)]
        # Without a registry npm would try for many minutes.
        patience = ["--fetch-retries=1", "--fetch-timeout=20000", "--fetch-retry-maxtimeout=5000"]
        _run([*command, *patience, f"{package}@{requirement}"], folder)
    return Installed(folder, json.loads(manifest.read_text())["version"])


def _run(command: Sequence[str], folder: Path, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
    folder.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    if check and result.returncode != 0:
        last = (result.stderr or result.stdout).strip().splitlines()[-1:] or [f"exit code {result.returncode}"]
        raise PeerUnavailableError(f"{' '.join(command[:3])} failed: {last[0]}")
    return result
