"""What a container runs and what it is given, in one word: a label that one made by hand does not match."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

SEAL = "io.dualspan.seal"
_NO_CHECK = ["NONE"]
# The engine hides more than these, each version its own; what it hides of all of them is asked for.
_HIDDEN = frozenset({"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/scsi", "/proc/timer_list", "/sys/firmware"})
_NOT_WRITTEN = frozenset({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})


def sealed(arguments: Mapping[str, Any], image: Mapping[str, Any], runtime: str) -> dict[str, Any]:
    """Arguments of a container with the label, and with a runtime.

    Args:
        arguments: Without that.
        image: As the engine tells of it: it adds variables, a program and a folder to what a container has.
        runtime: The engine's own.
    """
    config = image["Config"]
    digest = _digest(
        image=arguments["image"],
        environment=_variables(arguments["environment"], config.get("Env") or ()),
        program=config.get("Cmd"),
        before=config.get("Entrypoint"),
        folder=config.get("WorkingDir"),
        binds=[f"{of}:{to['bind']}:{to['mode']}" for of, to in arguments.get("volumes", {}).items()],
        temporary=arguments.get("tmpfs") or {},
        runtime=runtime,
    )
    return {**arguments, "runtime": runtime, "labels": {**arguments["labels"], SEAL: digest}}


def is_whole(attributes: Mapping[str, Any]) -> bool:
    """Whether a container, as the engine tells of it, runs what it was made to run, with what it was given."""
    host, config = attributes["HostConfig"], attributes["Config"]
    binds = host.get("Binds") or []
    digest = _digest(
        image=config.get("Image"),
        environment=config.get("Env") or (),
        program=config.get("Cmd"),
        before=config.get("Entrypoint"),
        folder=config.get("WorkingDir"),
        binds=binds,
        temporary=host.get("Tmpfs") or {},
        runtime=host.get("Runtime"),
    )
    return (
        config["Labels"].get(SEAL) == digest
        # Volumes without a name are among no binds.
        and len(attributes.get("Mounts") or ()) == len(binds)
        and (config.get("Healthcheck") or {}).get("Test") == _NO_CHECK
        and set(host.get("MaskedPaths") or ()) >= _HIDDEN
        and set(host.get("ReadonlyPaths") or ()) >= _NOT_WRITTEN
    )


def _variables(given: Mapping[str, str], of_image: Sequence[str]) -> list[str]:
    """Those of a container: the image's, but for those that are given."""
    kept = [each for each in of_image if each.partition("=")[0] not in given]
    return [*kept, *(f"{key}={value}" for key, value in given.items())]


def _digest(
    *,
    image: object,
    environment: Sequence[str],
    program: Sequence[str] | None,
    before: Sequence[str] | None,
    folder: str | None,
    binds: Sequence[str],
    temporary: Mapping[str, str],
    runtime: object,
) -> str:
    # Engines say nothing in several ways.
    runs = [image, sorted(environment), program or [], before or [], folder or ""]
    told = [*runs, sorted(binds), sorted(temporary.items()), runtime]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
