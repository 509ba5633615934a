"""Calling another service."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
import grpc.aio
from opentelemetry.trace import Span
from pydantic import SecretStr

from dualspan_runtime import tracing
from dualspan_runtime.context import request_id
from dualspan_runtime.lasting import LastingChannel, Watch
from dualspan_runtime.tokens import ServiceToken

AccessTokens: TypeAlias = Callable[[], Awaitable[str]]
"""Returns a token that is good for the next call."""

REQUEST_ID_KEY = "x-request-id"
DEFAULT_TIMEOUT_SECONDS = 10.0
_RETRY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                # The server is not there, or says itself that trying again may help. Nothing else is repeated.
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


@asynccontextmanager
async def open_channel(
    address: str,
    *,
    service: str = "",
    secret: SecretStr | None = None,
    access_token: AccessTokens | None = None,
    credentials: grpc.ChannelCredentials | None = None,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    maximum_message_bytes: int = 64 << 20,
) -> AsyncGenerator[grpc.aio.Channel]:
    """Opens a channel to a service.

    Args:
        address: `host:port`.
        service: In whose name to call, as one of the platform's services.
        secret: DUALSPAN_SERVICE_SECRET, with `service`.
        access_token: Where the tokens of another caller come from. Without this and `service` none is added.
        credentials: TLS; plaintext without.
        timeout: Deadline in seconds of unary calls that set none.
        maximum_message_bytes: In either direction.
    """
    token = _service_tokens(service, secret) if service and secret else access_token
    options = [
        ("grpc.max_receive_message_length", maximum_message_bytes),
        ("grpc.max_send_message_length", maximum_message_bytes),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.service_config", json.dumps(_RETRY)),
    ]

    def make(number: int, watch: Watch) -> grpc.aio.Channel:
        # Connections are shared by channels of the same options: this one is not to have its predecessor's.
        own = [*options, ("dualspan.number", number)]
        streams = [kind(token, watch) for kind in (_UnaryStream, _StreamUnary, _StreamStream)]
        interceptors = [_Unary(token, watch, timeout), *streams]
        if credentials is None:
            return grpc.aio.insecure_channel(address, options=own, interceptors=interceptors)
        return grpc.aio.secure_channel(address, credentials, options=own, interceptors=interceptors)

    async with LastingChannel(address, make) as channel:
        yield channel


def _service_tokens(service: str, secret: SecretStr) -> AccessTokens:
    token = ServiceToken(service, secret.get_secret_value())

    async def current() -> str:
        return token.current()

    return current


class _Outgoing:
    """Adds the token and the request id to a call, and has it watched."""

    def __init__(self, token: AccessTokens | None, watch: Watch, timeout: float | None = None) -> None:
        self._token = token
        self._timeout = timeout
        self._watch = watch
        self._ending = set[asyncio.Task[None]]()

    async def begin(self, continuation: Any, details: grpc.aio.ClientCallDetails, given: Any) -> Any:
        begun = tracing.begin_call(_text(details.method)) if tracing.is_on() else None
        call = await continuation(await self.details(details, begun), given)
        self._watch(call)
        if begun is not None:
            call.add_done_callback(lambda ended: self._end_later(begun, ended))
        return call

    def _end_later(self, begun: Span, call: Any) -> None:
        task = asyncio.get_running_loop().create_task(_end(begun, call))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def details(
        self, details: grpc.aio.ClientCallDetails, begun: Span | None = None
    ) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        if self._token is not None:
            metadata.add("authorization", f"Bearer {await self._token()}")
        identifier = request_id()
        if identifier:
            metadata.add(REQUEST_ID_KEY, identifier)
        if tracing.is_on():
            parent = (
                tracing.current_traceparent() if begun is None else tracing.write_traceparent(begun.get_span_context())
            )
            if parent:
                metadata.add(tracing.TRACEPARENT_KEY, parent)
        timeout = self._timeout if details.timeout is None else details.timeout
        return grpc.aio.ClientCallDetails(
            details.method, timeout, metadata, details.credentials, details.wait_for_ready
        )


async def _end(begun: Span, call: Any) -> None:
    # A call that has ended has its code; it is a coroutine all the same.
    tracing.end_call(begun, (await call.code()).name)


def _text(method: Any) -> str:
    return method.decode() if isinstance(method, bytes) else str(method)


# grpc.aio asks for one class per kind of call, and finds out the kind by the class.
class _Unary(_Outgoing, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self.begin(continuation, client_call_details, request)


class _UnaryStream(_Outgoing, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self.begin(continuation, client_call_details, request)


class _StreamUnary(_Outgoing, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self.begin(continuation, client_call_details, request_iterator)


class _StreamStream(_Outgoing, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self.begin(continuation, client_call_details, request_iterator)
