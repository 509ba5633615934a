"""What happens around every call: traces, telemetry, errors, deadlines.

Each interceptor is one function around the handler. A stream passes through it once, not once per message: a handler
that is an async generator is drained right here, in place of the loop that grpc.aio would run.
"""

import abc
import asyncio
import inspect
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, nullcontext
from functools import partial
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from grpc_status import rpc_status

from dualspan_runtime import tracing
from dualspan_runtime.channels import REQUEST_ID_KEY
from dualspan_runtime.context import new_request_id, request_id, set_request_id
from dualspan_runtime.errors import DeadlineExceeded, DomainError, Unavailable, internal_status, to_status
from dualspan_runtime.metrics import RpcMetrics

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"
Proceed: TypeAlias = Callable[[Any, Any], Awaitable[Any]]
"""Runs what is inside, with the request and gRPC's context."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# gRPC tells "no deadline" as a very long time.
_NO_DEADLINE_SECONDS = 10 * 365 * 86400.0
_DEPENDENCY_DOWN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_log = structlog.stdlib.get_logger()


class _Wrapping(grpc.aio.ServerInterceptor, abc.ABC):
    """Puts something around every handler of a server, once per method."""

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    @abc.abstractmethod
    def within(self, method: str, proceed: Proceed) -> Proceed:
        """Returns `proceed` with that around it."""

    async def intercept_service(
        self,
        continuation: Continuation,
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Wraps a handler, once per method."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            known = (handler, self._wrap(method, handler))
            self._wrapped[method] = known
        return known[1]

    def _wrap(self, method: str, handler: Handler) -> Handler:
        return _HANDLER_MAKERS[handler.request_streaming, handler.response_streaming](
            self.within(method, _behaviour(handler)), handler.request_deserializer, handler.response_serializer
        )


class CallInterceptor(_Wrapping):
    """A function around every handler of a server."""

    @abc.abstractmethod
    async def around(self, method: str, proceed: Proceed, request: Any, context: Context) -> Any:
        """Does something before and after `proceed(request, context)`, and returns its result.

        Args:
            method: `/package.Service/Method`.
            proceed: Runs what is inside.
            request: The request, or the stream of requests.
            context: gRPC's.
        """

    def within(self, method: str, proceed: Proceed) -> Proceed:
        """See the base class."""
        # Of the function, not of the bound method: only so does Python 3.11 know it for a coroutine function.
        return partial(type(self).around, self, method, proceed)


class Interceptors(_Wrapping):
    """Several as one, so that gRPC asks once per call instead of once for each of them.

    Args:
        interceptors: From the outermost to the innermost.
    """

    def __init__(self, interceptors: Sequence[CallInterceptor]) -> None:
        super().__init__()
        self._interceptors = interceptors

    def within(self, method: str, proceed: Proceed) -> Proceed:
        """See the base class."""
        for one in reversed(self._interceptors):
            proceed = one.within(method, proceed)
        return proceed


_HANDLER_MAKERS: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _behaviour(handler: Handler) -> Proceed:
    behaviour = cast(
        "Callable[[Any, Any], Any]",
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream,
    )
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour

    async def drain(request: Any, context: Any) -> None:
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                await context.write(response)

    return drain


class TracingInterceptor(CallInterceptor):
    """Records each call as a span, in its caller's trace. For processes that trace; others do without it."""

    async def around(self, method: str, proceed: Proceed, request: Any, context: Context) -> Any:
        """See `CallInterceptor`."""
        if method.startswith("/grpc."):  # health and reflection
            return await proceed(request, context)
        begun = tracing.begin_answer(method, _metadata(context, tracing.TRACEPARENT_KEY))
        # What is sent for days in a stream is work of its own, and no part of one endless span.
        is_stream = not isinstance(request, Message)
        code = grpc.StatusCode.CANCELLED.name
        try:
            with nullcontext() if is_stream else tracing.running(begun):
                result = await proceed(request, context)
            code = grpc.StatusCode.OK.name
            return result
        except grpc.aio.AbortError:
            code = _code_name(context.code())
            raise
        finally:
            tracing.end_call(begun, code)


class TelemetryInterceptor(CallInterceptor):
    """Binds the request id, counts and times calls."""

    def __init__(self, metrics: RpcMetrics) -> None:
        super().__init__()
        self._metrics = metrics

    async def around(self, method: str, proceed: Proceed, request: Any, context: Context) -> Any:
        """See `CallInterceptor`."""
        set_request_id(_request_id_of(context))
        started = time.perf_counter()
        code = grpc.StatusCode.CANCELLED.name
        self._metrics.started(method)
        try:
            result = await proceed(request, context)
            code = grpc.StatusCode.OK.name
            return result
        except grpc.aio.AbortError:
            code = _code_name(context.code())
            raise
        finally:
            self._metrics.finished(method, code, time.perf_counter() - started)


def _request_id_of(context: Context) -> str:
    told = _metadata(context, REQUEST_ID_KEY)
    return told if _REQUEST_ID.fullmatch(told) else new_request_id()


def _metadata(context: Context, wanted: str) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == wanted and isinstance(value, str):
            return value
    return ""


def _code_name(code: Any) -> str:
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), str(code))


class ErrorInterceptor(CallInterceptor):
    """Turns errors into statuses, and holds unary calls to their deadline. Nothing else does either.

    Args:
        default_deadline: Seconds, for unary calls that set none.
        maximum_deadline: Seconds; no unary call lasts longer.
        unary: The methods whose calls have a deadline.
    """

    def __init__(self, default_deadline: float, maximum_deadline: float, unary: frozenset[str]) -> None:
        super().__init__()
        self._default = default_deadline
        self._maximum = maximum_deadline
        self._unary = unary

    async def around(self, method: str, proceed: Proceed, request: Any, context: Context) -> Any:
        """See `CallInterceptor`."""
        try:
            if method not in self._unary:
                return await proceed(request, context)
            return await self._in_time(proceed, request, context)
        except grpc.aio.AbortError:
            raise
        except DomainError as error:
            _log.info("call refused", method=method, reason=error.reason, error=error.message)
            await _abort(context, to_status(error))
        except grpc.aio.AioRpcError as error:
            await self._abort_dependency(method, context, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller learns an id and the log the rest
            await _abort_unknown(method, context, error)

    async def _in_time(self, proceed: Proceed, request: Any, context: Context) -> Any:
        remaining = context.time_remaining()
        none_set = remaining is None or remaining > _NO_DEADLINE_SECONDS  # pyright: ignore[reportUnnecessaryComparison]
        seconds = self._default if none_set else min(remaining, self._maximum)
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                return await proceed(request, context)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise DeadlineExceeded(
                "DEADLINE_EXCEEDED", f"The call took longer than {seconds:.3g} s. Ask for less at once."
            ) from error

    @staticmethod
    async def _abort_dependency(method: str, context: Context, error: grpc.aio.AioRpcError) -> None:
        if error.code() not in _DEPENDENCY_DOWN:
            await _abort_unknown(method, context, error)
        _log.warning("dependency unavailable", method=method, code=error.code().name, error=error.details())
        unavailable = Unavailable("DEPENDENCY_UNAVAILABLE", "Another service does not answer. Try again shortly.")
        await _abort(context, to_status(unavailable))


async def _abort_unknown(method: str, context: Context, error: Exception) -> None:
    error_id = uuid.uuid4().hex
    _log.error("call failed", method=method, error_id=error_id, exc_info=error)
    await _abort(context, internal_status(error_id))


async def _abort(context: Context, status: Any) -> None:
    details = rpc_status.to_status(status)
    metadata = (*details.trailing_metadata, (REQUEST_ID_KEY, request_id()))
    await context.abort(details.code, details.details, metadata)
