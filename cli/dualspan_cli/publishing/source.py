"""An app's folder: its manifest, and what Python module it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from dualspan_cli.errors import CommandError
from dualspan_manifest import MAX_BYTES, InvalidManifestError, Manifest, check_configuration, parse

MANIFEST = "app.yaml"


@dataclass(frozen=True, slots=True)
class AppSource:
    """An app as its publisher has it.

    Attributes:
        folder: Where it is.
        manifest: What `app.yaml` says.
    """

    folder: Path
    manifest: Manifest

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The app in a folder.

        Raises:
            CommandError: There is no `app.yaml`, or something is wrong with it; all problems are named.
        """
        path = folder / MANIFEST
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as err:
            words = f"{path} cannot be read: {err.strerror}. Make an app with: dualspan apps new my-app"
            raise CommandError("NO_MANIFEST", words, exit_code=2) from err
        try:
            manifest = parse(content.decode())
        except UnicodeDecodeError as err:
            raise CommandError("INVALID_MANIFEST", f"{path} is not UTF-8 text.", exit_code=2) from err
        except InvalidManifestError as err:
            problems = "\n".join(f"  {path.name}: {problem}" for problem in err.problems)
            raise CommandError("INVALID_MANIFEST", f"{path} is not valid:\n{problems}", exit_code=2) from err
        return cls(folder.resolve(), manifest)

    @property
    def module(self) -> str:
        """The Python module to run; raises `CommandError` if there is none, or several."""
        if self.manifest.run.module:
            return self.manifest.run.module
        found = sorted(path.parent.name for path in self.folder.glob("*/__main__.py"))
        if len(found) != 1:
            names = ", ".join(found) or "none"
            raise CommandError(
                "NO_MODULE",
                f"One package with a __main__.py must be in {self.folder} ({names} found), or run.process.module in "
                f"{MANIFEST} must name it.",
                exit_code=2,
            )
        return found[0]

    @property
    def port(self) -> int:
        """Where its pages are, or else its health."""
        ui = self.manifest.ui
        return self.manifest.port(ui.port if ui else self.manifest.health.port)

    @property
    def page(self) -> str:
        """Path of its pages."""
        return self.manifest.ui.path if self.manifest.ui else self.manifest.health.path

    def configuration(self, given: list[str]) -> Mapping[str, Any]:
        """What a subscriber would choose: `name=value`, the value as YAML, and the manifest's defaults for the rest.

        Raises:
            CommandError: The manifest does not allow it; the problems are named.
        """
        schema = self.manifest.configuration
        values = dict(map(read_setting, given))
        if not schema:
            if values:
                raise CommandError("INVALID_CONFIGURATION", "The app has no settings.", exit_code=2)
            return {}
        configuration, problems = check_configuration(schema, values)
        if problems:
            words = "\n".join(f"  {problem.path}: {problem.reason} {problem.advice}" for problem in problems)
            raise CommandError("INVALID_CONFIGURATION", f"The settings are not valid:\n{words}", exit_code=2)
        return configuration


def read_setting(text: str) -> tuple[str, Any]:
    """A setting as one types it: `name=value`, the value as YAML.

    Raises:
        CommandError: There is no name, or no `=` (`MALFORMED_SETTING`).
    """
    name, separator, value = text.partition("=")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        parsed = value
    if not separator or not name:
        raise CommandError("MALFORMED_SETTING", f"{text!r}: write a setting as name=value.", exit_code=2)
    # A time such as 06:00 is a number in base 60 for YAML 1.1.
    return name, value if isinstance(parsed, int) and ":" in value else parsed
