"""What runs of subscriptions, for the worker."""

from datetime import timedelta
from pathlib import Path

from dualspan_marketplace.deployments.credentials import Credentials
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.parts import Parts
from dualspan_marketplace.service.briefing import Briefing
from dualspan_marketplace.service.deploying import Deploying
from dualspan_marketplace.subscriptions.life import Clock


def deploying(parts: Parts, credentials: Credentials) -> Deploying:
    """What takes the steps.

    Args:
        parts: Of the worker.
        credentials: Makes the tokens of apps.
    """
    settings = parts.settings
    clock = Clock(timedelta(days=settings.grace_days), timedelta(days=settings.hand_back_days))
    own = [each.strip() for each in settings.process_publishers.split(",") if each.strip()]
    provisioners = [ProcessProvisioner(Path(settings.apps_folder).absolute(), own)]
    environment = {"HISTORIAN": settings.platform.historian_address}
    briefing = Briefing(parts.database, parts.plant, credentials, environment)
    return Deploying(parts.database, parts.operations, parts.audit, clock, provisioners, briefing)
