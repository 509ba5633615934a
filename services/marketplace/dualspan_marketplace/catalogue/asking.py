"""What an app asks of who subscribes, and what it asks more than the version before it."""

from collections.abc import Iterator, Mapping

from dualspan_manifest import Manifest


def asks(manifest: Manifest) -> Mapping[str, str]:
    """All that an app asks for: by a key that stays the same between versions, in words."""
    found = {f"scope {scope}": f"its credential is for {scope}" for scope in manifest.scopes}
    for requirement in manifest.requires:
        for need in requirement.properties:
            words = f"reads {need.property} of each {requirement.role}" + (", if there" if need.optional else "")
            found[f"property {requirement.role} {need.property}"] = words
    for output in manifest.outputs:
        found[f"output {output.id}"] = f"writes {output.id}"
    for host in manifest.egress:
        found[f"egress {host.host}:{host.port}"] = f"reaches {host.host}:{host.port} ({host.reason.en})"
    return found


def what_is_new(before: Manifest | None, now: Manifest) -> Iterator[str]:
    """What a version asks for, compared with another: what is new, what is gone; all of it for a new app."""
    wanted = asks(now)
    if before is None:
        yield from wanted.values()
        return
    had = asks(before)
    yield from (f"new: {words}" for key, words in wanted.items() if key not in had)
    yield from (f"no more: {words}" for key, words in had.items() if key not in wanted)
    yield from _grown(before, now)


def _grown(before: Manifest, now: Manifest) -> Iterator[str]:
    pairs = (
        ("cpu", "thousandths of a core", before.resources.cpu, now.resources.cpu),
        ("memory", "bytes", before.resources.memory, now.resources.memory),
        ("pids", "processes", before.resources.pids, now.resources.pids),
        ("disk", "bytes", before.resources.disk, now.resources.disk),
    )
    yield from (f"more {what}: {new} {unit}, was {old}" for what, unit, old, new in pairs if new > old)
