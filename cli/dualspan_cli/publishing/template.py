"""The app that `dualspan apps new` makes, from the files in `template/`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from dualspan_cli.errors import CommandError

_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
# The files end with it, so that no tool takes them for sources of this package.
_SUFFIX = ".template"


def write_app(app_id: str, into: Path) -> tuple[Path, list[str]]:
    """Make the folder of an app.

    Args:
        app_id: The app's id, which names the folder too.
        into: The folder above.

    Returns:
        The folder, and the files in it.

    Raises:
        CommandError: The id cannot be one, or the folder is there already.
    """
    if _ID.fullmatch(app_id) is None:
        words = f"{app_id!r} cannot be an app's id: a-z, 0-9 and hyphens inside, a letter first, 40 characters at most."
        raise CommandError("MALFORMED_ID", words, exit_code=2)
    folder = into / app_id
    if folder.exists():
        raise CommandError("FOLDER_EXISTS", f"{folder} is there already. Choose another id, or move it away.")
    words = {
        "APP_ID": app_id,
        "APP_MODULE": app_id.replace("-", "_"),
        "APP_NAME": app_id.replace("-", " ").capitalize(),
    }
    written: list[str] = []
    for path, content in _files(resources.files("dualspan_cli.publishing") / "template", ""):
        name = _filled(path.removesuffix(_SUFFIX), words)
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(content, words), "utf-8")
        written.append(name)
    return folder, sorted(written)


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield path + entry.name, entry.read_text("utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    for key, word in words.items():
        text = text.replace(key, word)
    return text
