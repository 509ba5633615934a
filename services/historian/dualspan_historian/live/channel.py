"""Redis, and the channel of a tenant."""

import asyncio
import struct

_PREFIX = "dualspan:frames:"
_LEFT_OUT = struct.Struct(">I")
_MOST_LEFT_OUT = (1 << 32) - 1


def check_cancelled() -> None:
    """Raise if the running task was cancelled: redis-py now and then takes the cancellation for a lost connection.

    Raises:
        CancelledError: It was.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def channel_of(tenant: str) -> str:
    """Return the channel that a tenant's committed frames are published on, each as `pack` makes it."""
    return f"{_PREFIX}{tenant}"


def tenant_of(channel: bytes) -> str:
    """Return whose channel it is."""
    return channel.decode().removeprefix(_PREFIX)


def pack(left_out: int, payload: bytes) -> bytes:
    """Return a message: how many frames were left out just before this one, then a `dualspan.frame.v1.Frame`."""
    return _LEFT_OUT.pack(min(left_out, _MOST_LEFT_OUT)) + payload


def unpack(message: bytes) -> tuple[int, bytes]:
    """Return how many frames were left out before, and the frame.

    Raises:
        ValueError: It is too short to be a message.
    """
    if len(message) < _LEFT_OUT.size:
        raise ValueError(f"a message of {len(message)} bytes")
    return _LEFT_OUT.unpack_from(message)[0], message[_LEFT_OUT.size :]
