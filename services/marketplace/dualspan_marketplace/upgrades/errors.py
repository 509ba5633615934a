"""What can go wrong with upgrades, in words that say what to do next."""

from collections.abc import Sequence

from dualspan_runtime.errors import Aborted, FailedPrecondition, NotFound


def no_newer(version: str) -> FailedPrecondition:
    """The newest version is what runs."""
    return FailedPrecondition("NO_NEWER_VERSION", f"Version {version} is the newest that is published.")


def not_newer(version: str, wanted: str) -> FailedPrecondition:
    """Upgrades go forward."""
    words = f"Version {wanted} is not newer than {version}, which is subscribed to. Choose a newer one."
    return FailedPrecondition("NO_NEWER_VERSION", words)


def version_not_published(app_id: str, version: str) -> NotFound:
    """Nobody can go to it."""
    words = f"Version {version[:80]} of {app_id} is not published. Leave the version out for the newest one."
    return NotFound("VERSION_NOT_FOUND", words)


def consent_needed(version: str, more: Sequence[str]) -> FailedPrecondition:
    """The new version asks for more."""
    words = f"Version {version} asks for more. {'; '.join(more[:20])}. Agree to it with `consent`, or stay."
    return FailedPrecondition("CONSENT_NEEDED", words)


def upgrade_not_found(number: int) -> NotFound:
    """No such upgrade."""
    return NotFound("UPGRADE_NOT_FOUND", f"There is no upgrade {number} of the subscription. List them to see which.")


def rolled_back(reason: str) -> FailedPrecondition:
    """The old version has stayed; the reason is in words."""
    return FailedPrecondition("UPGRADE_ROLLED_BACK", reason)


def abandoned() -> Aborted:
    """The subscription ended meanwhile."""
    return Aborted("UPGRADE_ABANDONED", "The subscription was ended while a new version was tried.")
