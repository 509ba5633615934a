"""`dualspan apps image`: an app as an image on this machine's engine, without a registry or a base image."""

from __future__ import annotations

import tomllib
from pathlib import Path

from dualspan_cli.commands.apps.validate import FolderArgument
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, messages, print_json, screen


def image(folder: FolderArgument = Path(), as_json: JsonFlag = False) -> None:
    """Make an image of the app out of this environment, for the platform of this machine; says how app.yaml names it.

    Elsewhere others have to be able to pull it: build it from its Dockerfile, push it, and name it by digest. Exit
    code 1: no engine answers.
    """
    from dualspan_cli.apps_here import find_engine
    from dualspan_cli.demo.image import AppImage
    from dualspan_cli.engine import Engine, EngineError
    from dualspan_cli.publishing.source import AppSource
    from dualspan_cli.settings import CliSettings

    source = AppSource.load(folder)
    url = find_engine(CliSettings())
    if not url:
        raise CommandError("NO_ENGINE", "No Docker Engine of this machine answers. Start one, or set DOCKER_HOST.")
    messages.print("The image is made of this environment; the first one takes some seconds.")
    wanted = AppImage(f"local/{source.manifest.id}", _needs(source.folder), source.module, source.folder)
    try:
        name = wanted.load(Engine(url))
    except EngineError as err:
        raise CommandError("NO_IMAGE", str(err)) from err
    if as_json:
        print_json({"image": name})
    else:
        screen.print(name, soft_wrap=True)


def _needs(folder: Path) -> str:
    """What the app is installed with, as its `pyproject.toml` says; the SDK without one."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        return " ".join(project.get("dependencies", ()))
    except FileNotFoundError:
        return "dualspan-sdk"
    except (tomllib.TOMLDecodeError, KeyError, UnicodeDecodeError) as err:
        words = f"{folder / 'pyproject.toml'} does not say what the app needs: {err}."
        raise CommandError("UNREADABLE", words, exit_code=2) from err
