"""The user name and password of the simulated servers, kept with their certificates."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs in with."""

    username: str
    password: str


def load_or_create(folder: Path, username: str | None, password: str | None) -> Credentials:
    """What was given, completed by what `folder` keeps; a password is made up on first use."""
    path = folder / "credentials.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    credentials = Credentials(
        username or kept.get("username") or "operator", password or kept.get("password") or secrets.token_urlsafe(12)
    )
    folder.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"username": credentials.username, "password": credentials.password}))
    return credentials
