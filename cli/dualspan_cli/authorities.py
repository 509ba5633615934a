"""The CAs of platforms that this user has worked with: whose reports are trusted without being told."""

from __future__ import annotations

import json
from pathlib import Path

from dualspan_cli.settings import CliSettings

_FILE = "authorities.json"


def known_authorities(settings: CliSettings) -> set[str]:
    """SHA-256 of their certificates, hex."""
    try:
        return {str(one) for one in json.loads(_path(settings).read_text())}
    except (OSError, ValueError, TypeError):
        return set()


def remember_authority(settings: CliSettings, sha256: str) -> None:
    """Trusts reports that a CA vouches for from now on: this user is signed in to its platform."""
    known = known_authorities(settings)
    if sha256 in known:
        return
    path = _path(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(sorted({*known, sha256})))
    temporary.replace(path)


def _path(settings: CliSettings) -> Path:
    return settings.credential_file.parent / _FILE
