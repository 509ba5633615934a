"""What runs of subscriptions, for the worker."""

from collections.abc import Sequence
from pathlib import Path

from dualspan_marketplace.composition.app_runtime import runtime
from dualspan_marketplace.composition.clusters import releases
from dualspan_marketplace.deployments.docker.options import Outward
from dualspan_marketplace.deployments.docker.provisioner import DockerProvisioner
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.deployments.provisioner import Provisioner
from dualspan_marketplace.parts import Parts
from dualspan_marketplace.service.briefing import Briefing
from dualspan_marketplace.service.deploying import Deploying
from dualspan_marketplace.settings import MarketplaceSettings


def deploying(parts: Parts) -> Deploying:
    """What takes the steps; one to a process, for it holds what reaches who runs apps."""
    settings = parts.settings
    platform = settings.platform
    environment = {"HISTORIAN": platform.historian_address, "MARKETPLACE": platform.marketplace_address}
    authority = Path(settings.app_authority_file).read_bytes() if settings.app_authority_file else b""
    briefing = Briefing(runtime(parts), environment, authority)
    return Deploying(
        parts.database, parts.operations, parts.audit, parts.settings.clock, provisioners(settings), briefing
    )


def provisioners(settings: MarketplaceSettings) -> Sequence[Provisioner]:
    """Who runs apps here, in the order of preference: what isolates better comes first."""
    own = [each.strip() for each in settings.process_publishers.split(",") if each.strip()]
    process = ProcessProvisioner(Path(settings.apps_folder).absolute(), own)
    if settings.kubernetes_url:
        return [releases(settings), process]
    if not settings.docker_url:
        return [process]
    peers = dict(_pair(each.strip()) for each in settings.docker_peers.split(",") if each.strip())
    environment = {"HISTORIAN": settings.docker_historian, "MARKETPLACE": settings.docker_marketplace}
    containers = DockerProvisioner(
        settings.docker_url,
        settings.docker_platform,
        settings.docker_subnets,
        peers,
        environment,
        sockets=settings.docker_sockets,
        outward=Outward(settings.docker_egress_image, settings.docker_egress_private, settings.docker_egress_denied),
    )
    return [containers, process]


def _pair(text: str) -> tuple[str, str]:
    alias, _, container = text.partition("=")
    return alias, container or alias
