"""What tasks go through, Redis or RabbitMQ, and what services tell their replicas through Redis."""

import asyncio
from typing import Any

from kombu import Connection, Queue
from kombu.exceptions import ChannelError, OperationalError
from kombu.exceptions import ConnectionError as BrokerRefusal
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_LONGEST_TASK_MS = 2 * 3600 * 1000


class BrokerError(Exception):
    """The broker does not answer."""


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


def is_rabbitmq(url: str) -> bool:
    """Whether a broker's URL is of AMQP 0-9-1."""
    return url.startswith(("amqp://", "amqps://"))


def transport_options(url: str, longest_task_seconds: int) -> dict[str, Any]:
    """What Celery tells the broker's transport.

    Args:
        url: The broker's.
        longest_task_seconds: No task runs longer.
    """
    if is_rabbitmq(url):
        # A task counts as asked for only when the broker has confirmed that it keeps it.
        return {"confirm_publish": True}
    # Redis gives a task to another worker when it was not acknowledged for so long.
    return {"visibility_timeout": longest_task_seconds, "socket_keepalive": True}


def task_queue(name: str, url: str) -> Queue:
    """Return the queue of a service: durable, its tasks too.

    RabbitMQ takes a task back, and ends the connection, when it was not acknowledged for half an hour. Its queues say
    how long it is to wait since 3.12; before, only its own setting `consumer_timeout` does.
    """
    arguments = {"x-consumer-timeout": _LONGEST_TASK_MS} if is_rabbitmq(url) else None
    return Queue(name, routing_key=name, queue_arguments=arguments)


async def waiting_tasks(url: str, queue: str, *, seconds: float) -> int:
    """How many tasks wait in a queue. Whoever asks would rather do without an answer than wait for it.

    Args:
        url: The broker's.
        queue: The service's name.
        seconds: So long the connection and the answer may take.

    Raises:
        BrokerError: It does not answer in time, or refuses whoever asks.
    """
    try:
        if is_rabbitmq(url):
            return await asyncio.to_thread(_waiting_in_rabbitmq, url, queue, seconds)
        return await _waiting_in_redis(url, queue, seconds)
    # A user that is refused is an error of the channel, says RabbitMQ's client.
    except (RedisError, OperationalError, BrokerRefusal, ChannelError, OSError) as error:
        raise BrokerError(str(error)) from error


async def _waiting_in_redis(url: str, queue: str, seconds: float) -> int:
    client = connect_once(url, seconds=seconds)
    try:
        # As Celery's transport has it: a list of the queue's name.
        return await client.llen(queue)
    finally:
        await client.aclose()


def _waiting_in_rabbitmq(url: str, queue: str, seconds: float) -> int:
    options = {"read_timeout": seconds, "write_timeout": seconds}
    with Connection(url, connect_timeout=seconds, transport_options=options) as connection:
        channel: Any = connection.channel()
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:
            return 0  # not there before its first task


def _address(url: str) -> str:
    return url.replace("redis+socket://", "unix://", 1)
