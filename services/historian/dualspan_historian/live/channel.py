"""Redis, and the channel of a tenant."""

import asyncio

from redis.asyncio import Redis

_PREFIX = "dualspan:frames:"


def connect(url: str) -> Redis:
    """Return a client; understands Celery's way to write a Unix socket, so that one setting serves both."""
    return Redis.from_url(url.replace("redis+socket://", "unix://", 1), health_check_interval=30)


def check_cancelled() -> None:
    """Raise if the running task was cancelled: redis-py now and then takes the cancellation for a lost connection.

    Raises:
        CancelledError: It was.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def channel_of(tenant: str) -> str:
    """Return the channel that a tenant's committed frames are published on, each a `dualspan.frame.v1.Frame`."""
    return f"{_PREFIX}{tenant}"


def tenant_of(channel: bytes) -> str:
    """Return whose channel it is."""
    return channel.decode().removeprefix(_PREFIX)
