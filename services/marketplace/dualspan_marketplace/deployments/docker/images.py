"""Images of apps: by digest, there or pulled."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests
from docker.errors import (  # pyright: ignore[reportMissingTypeStubs]
    APIError,
    ImageNotFound,
    NotFound,
)

from dualspan_marketplace.deployments.docker import seal
from dualspan_marketplace.deployments.provisioner import CannotStartError

_PULL_SECONDS = 1200.0
# Folders that an image wants to be volumes.
_MOST_VOLUMES = 16


class Images:
    """Those of one engine.

    Args:
        client: Gives the engine's client.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def pull(self, image: str) -> None:
        """Have the engine fetch it, if it is not there; raises CannotStartError."""
        if self.present(image):
            return
        repository, _, digest = image.rpartition("@")
        until = time.monotonic() + _PULL_SECONDS
        try:
            # The engine tells of progress all the while, and of what went wrong.
            for line in self._client().api.pull(repository, tag=digest, stream=True, decode=True):
                if "error" in line:
                    raise CannotStartError(f"The image {image} cannot be pulled: {line['error']}")
                if time.monotonic() > until:
                    words = f"did not come within {_PULL_SECONDS / 60:.0f} minutes"
                    raise CannotStartError(f"The image {image} {words}.")
        except (NotFound, APIError) as err:
            raise CannotStartError(f"The image {image} cannot be pulled: {err.explanation or err}") from err
        except requests.RequestException as err:
            raise CannotStartError(f"The image {image} does not come: its registry does not go on.") from err

    def present(self, image: str) -> str:
        """What the engine knows an image by; "" if it is not there.

        One that was built here and never came from a registry has no digest of one: its id is as good, the SHA-256 of
        the configuration, which names all layers by theirs.
        """
        for known in (image, "sha256:" + image.rpartition("@sha256:")[2]):
            if self._found(known) is not None:
                return known
        return ""

    def identity(self, name: str) -> str:
        """The id of an image of the platform's own; "" if it is not there."""
        found = self._found(name)
        return found.id if found is not None else ""

    def volumes(self, image: str) -> Sequence[str]:
        """Folders that it wants to be volumes: without limits, on the disk of the machine, if one lets it.

        Raises:
            CannotStartError: They are many, or it is not there.
        """
        folders = sorted(self._attributes(image)["Config"].get("Volumes") or {})
        if len(folders) > _MOST_VOLUMES:
            raise CannotStartError(f"Its image declares {len(folders)} volumes; up to {_MOST_VOLUMES} may be.")
        return folders

    def sealed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of a container, with the label that tells it from others; raises CannotStartError."""
        return seal.sealed(
            arguments, self._attributes(arguments["image"]), str(self._client().info()["DefaultRuntime"])
        )

    def _attributes(self, image: str) -> Mapping[str, Any]:
        found = self._found(image)
        if found is None:
            raise CannotStartError(f"The image {image} is not there.")
        return found.attrs

    def _found(self, name: str) -> Any | None:
        try:
            return self._client().images.get(name)
        except ImageNotFound:
            return None
