"""What all sweeps do with the trouble of one of those that they go through."""

from collections.abc import Generator
from contextlib import contextmanager

import grpc.aio
import structlog

from dualspan_marketplace.deployments.provisioner import UnreachableError
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.errors import DomainError

_log = structlog.stdlib.get_logger()


@contextmanager
def on_its_own(what: str, name: SubscriptionName | str) -> Generator[None]:
    """One piece of a sweep's work: its trouble is not that of the others, and waits for the next sweep.

    Args:
        what: What is worked on, for the log.
        name: Whose it is: a subscription, or the tenant.
    """
    whose = {"tenant": name} if isinstance(name, str) else {"tenant": name.tenant, "id": name.subscription_id}
    try:
        yield
    except (DomainError, UnreachableError, grpc.aio.AioRpcError) as err:
        _log.warning(f"{what} has to wait", error=str(err), **whose)
    except Exception:  # noqa: BLE001 - a supervised loop: whatever it is, it is logged and the sweep goes on
        _log.exception(f"{what} failed", **whose)
