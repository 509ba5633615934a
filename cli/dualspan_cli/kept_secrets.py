"""What must be there before anything of a platform in containers: its secrets, and a folder for backups.

Secrets are made once and kept in volumes, of which each is mounted by those who need what is in it.

`python -m dualspan_cli.kept_secrets` makes what is not there; what the environment gives goes before what is there.
`python -m dualspan_cli.kept_secrets first-password` prints the first administrator's.

```
platform/dualspan_service_secret        what services sign and seal with
database/dualspan_database_password     of PostgreSQL's administrator and of the services' roles
database/pgpass                         the same, as libpq and asyncpg read it (PGPASSFILE)
first/dualspan_first_password           of the first administrator
```
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from dualspan_cli.settings import GivenSecrets

FOLDER = Path("/run/secrets")
BACKUPS = Path("/backups")
SERVICE_SECRET = Path("platform/dualspan_service_secret")
DATABASE_PASSWORD = Path("database/dualspan_database_password")
PASSWORD_FILE = Path("database/pgpass")
FIRST_PASSWORD = Path("first/dualspan_first_password")
# Who services are in their containers.
_USER = 10_001
_PRIVATE = 0o400
# Of volumes that only somebody with another user id mounts, besides: Grafana.
_SHARED = 0o444
_BYTES = 24


def keep(folder: Path, given: GivenSecrets, user: int = _USER) -> list[str]:
    """Has every secret in its file; returns the names of those that were made up.

    Args:
        folder: Its folders are the volumes.
        given: Go before what is there.
        user: Who owns them.
    """
    wanted = {
        SERVICE_SECRET: (given.service_secret.get_secret_value(), _PRIVATE),
        DATABASE_PASSWORD: (given.database_password.get_secret_value(), _PRIVATE),
        FIRST_PASSWORD: (given.first_password.get_secret_value(), _SHARED),
    }
    made: list[str] = []
    for name, (chosen, mode) in wanted.items():
        path = folder / name
        if not chosen and path.exists():
            continue
        if not chosen:
            made.append(path.name)
        write(path, chosen or secrets.token_hex(_BYTES), mode, user)
    escaped = (folder / DATABASE_PASSWORD).read_text().replace("\\", "\\\\").replace(":", "\\:")
    write(folder / PASSWORD_FILE, f"*:*:*:*:{escaped}\n", _PRIVATE, user)
    return made


def write(path: Path, text: str, mode: int = _PRIVATE, user: int = _USER) -> None:
    """Puts a secret where it is kept, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(text)
    beside.chmod(mode)
    os.chown(beside, user, user)
    beside.replace(path)


def _give(folder: Path) -> None:
    """Lets services write to a folder that was root's. A share that does not let itself be given stays as it is."""
    if not folder.is_dir() or folder.stat().st_uid == _USER:
        return
    try:
        os.chown(folder, _USER, _USER)
    except PermissionError:
        sys.stdout.write(f"{folder} cannot be given to user {_USER}: see to it that this user may write there.\n")


def main() -> None:
    """See the module."""
    try:
        if sys.argv[1:] == ["first-password"]:
            sys.stdout.write(f"{(FOLDER / FIRST_PASSWORD).read_text()}\n")
            return
        made = keep(FOLDER, GivenSecrets())
        _give(BACKUPS)
    except OSError as err:
        raise SystemExit(f"The volumes of secrets or of backups cannot be used: {err}.") from err
    if made:
        sys.stdout.write(f"made up: {', '.join(made)}\n")
    sys.stdout.write("`docker compose run --rm secrets first-password` shows the password of admin@dualspan.local.\n")


if __name__ == "__main__":
    main()
