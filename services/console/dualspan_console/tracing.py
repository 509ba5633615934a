"""What people ask of the console begins a trace, which goes on in the services."""

from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dualspan_runtime import tracing

# What is not asked of a service is a file.
_ASKED = "/v1/"


class TracedRequests:
    """Records requests that are passed on to services. What browsers say of traces is not listened to.

    Args:
        app: What answers them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or not scope["path"].startswith(_ASKED) or not tracing.is_on():
            await self._app(scope, receive, send)
            return
        about = {"http.request.method": scope["method"], "url.path": scope["path"], "url.scheme": scope["scheme"]}
        # A name of few values, as the conventions ask for: paths name tenants and all that they have.
        with tracing.span(f"{scope['method']} /v1", kind=SpanKind.SERVER, attributes=about, inherits=False) as begun:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    begun.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        begun.set_status(Status(StatusCode.ERROR))
                await send(message)

            await self._app(scope, receive, answer)
