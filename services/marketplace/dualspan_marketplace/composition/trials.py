"""Versions that are tried before anybody reviews them, for the worker."""

from collections.abc import Sequence

from dualspan_marketplace.deployments.provisioner import Provisioner
from dualspan_marketplace.parts import Parts
from dualspan_marketplace.service.trying import Trying
from dualspan_marketplace.trials.model import Bounds


def trying(parts: Parts, provisioners: Sequence[Provisioner]) -> Trying:
    """What takes the steps of trials.

    Args:
        parts: Shared.
        provisioners: Those that could run an app; without any, nothing is tried.
    """
    settings = parts.settings
    bounds = Bounds(settings.trial_start_seconds, settings.trial_watch_seconds)
    return Trying(parts.database, parts.jobs, parts.samples, parts.app_tokens, provisioners, bounds)
