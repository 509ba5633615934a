"""Calls of other services: what it means when one does not answer."""

from collections.abc import Generator
from contextlib import contextmanager

import grpc
import grpc.aio

from dualspan_runtime.errors import Unavailable

_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@contextmanager
def answer_of(service: str) -> Generator[None]:
    """Surrounds calls of a service.

    Args:
        service: Its name, as people know it.

    Raises:
        Unavailable: It does not answer (`UPSTREAM_UNREACHABLE`); whatever else it says stays as it is.
    """
    try:
        yield
    except grpc.aio.AioRpcError as err:
        if err.code() not in _UNREACHABLE:
            raise
        words = f"The {service} service does not answer. Try again shortly."
        raise Unavailable("UPSTREAM_UNREACHABLE", words, service=service) from err
