"""Redis: Celery's broker, and what services tell their replicas through it."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def connect(url: str) -> Redis:
    """Return a client; understands Celery's way to write a Unix socket, so that one setting serves both."""
    return Redis.from_url(_address(url), health_check_interval=30)


def connect_once(url: str, *, seconds: float) -> Redis:
    """Return a client for a single question: whoever asks would rather do without an answer than wait for it.

    Args:
        url: As in `connect`.
        seconds: So long the connection and the answer may take.
    """
    return Redis.from_url(
        _address(url), socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), retries=0)
    )


def _address(url: str) -> str:
    return url.replace("redis+socket://", "unix://", 1)
