"""What becomes of a request: to an app, or to one of the platform's own pages."""

from urllib.parse import parse_qsl

import aiohttp
import structlog
from aiohttp import web

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan_access import cookies
from dualspan_access.accesses import Access, Accesses, SpentError, UnreachableError
from dualspan_access.forwarding import Errand, Forwarding, NoAnswerError, NotThereError, abort
from dualspan_access.headers import Visitor
from dualspan_access.isolation import is_own, is_prefetch
from dualspan_access.limits import BusyError, Limits
from dualspan_access.locations import ForeignLocationError
from dualspan_access.pages import OwnPages, language_of, name_of
from dualspan_access.settings import AccessSettings
from dualspan_access.sockets import Sockets
from dualspan_access.transfer import SilentError, TooLargeError

_OWN = "/.dualspan/"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What a browser sends under our name beside the right cookie: a page may have put it there.
_MOST_SECRETS = 5
_FORBIDDEN = contract.AccessState.VERDICT_FORBIDDEN
_log = structlog.stdlib.get_logger()


class Front:
    """Answers browsers.

    Args:
        settings: Limits, and where apps are.
        accesses: Who has which app open.
        session: Asks apps.
        sockets: Opens WebSockets of apps.
    """

    def __init__(
        self, settings: AccessSettings, accesses: Accesses, session: aiohttp.ClientSession, sockets: Sockets
    ) -> None:
        console = settings.platform.console_url.rstrip("/")
        self._settings = settings
        self._accesses = accesses
        self._pages = OwnPages(console)
        self._limits = Limits(settings.requests_per_app, settings.requests_per_person)
        self._forwarding = Forwarding(settings, session, console)
        self._sockets = sockets

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request."""
        hosts = request.headers.getall("Host", [])
        host = hosts[0].lower() if len(hosts) == 1 else ""
        name = host.partition(":")[0]
        target = request.raw_path
        if not name.endswith(f".{self._settings.domain}"):
            if target == "/healthz":
                return web.Response(text="ok\n")
            return self._pages.page(request, 404, "no_app")
        if request.method not in _METHODS or not target.startswith("/"):
            return self._pages.page(request, 405, "refused")
        if target.startswith(_OWN):
            return await self._own(request, host, name, target)
        scheme = "https" if self._settings.https else "http"
        if not is_own(request.method, _lower(request), f"{scheme}://{host}"):
            return self._pages.page(request, 403, "refused")
        try:
            access = await self._access(request, name)
        except UnreachableError:
            return self._pages.page(request, 503, "unavailable")
        refusal = self._refusal(request, access)
        if access is None or refusal is not None:
            return refusal or self._pages.page(request, 401, "signed_out")
        visitor = Visitor(access.state.actor, tuple(access.state.roles), host, scheme)
        return await self._to_app(Errand(request, access.state, visitor, target), access)

    async def _access(self, request: web.BaseRequest, name: str) -> Access | None:
        """The access that a browser comes with, and that is of this very host."""
        given = cookies.secrets_in(request.headers.getall("Cookie", []), https=self._settings.https)
        forbidden: Access | None = None
        for secret in given[:_MOST_SECRETS]:
            found = await self._accesses.find(secret)
            if found is not None and found.is_open and found.state.host == name:
                return found
            if found is not None and found.state.verdict == _FORBIDDEN:
                forbidden = found
        return forbidden

    def _refusal(self, request: web.BaseRequest, access: Access | None) -> web.Response | None:
        if access is None:
            return self._pages.page(request, 401, "signed_out")
        if not access.is_open:
            return self._pages.page(request, 403, "not_yours")
        if not access.state.address:
            return self._pages.not_running(request, access.state)
        return None

    async def _to_app(self, errand: Errand, access: Access) -> web.StreamResponse:
        request, state = errand.request, errand.state
        try:
            with (
                self._limits.one(state.subscription, access.key.digest),
                access.running(lambda: abort(request)),
            ):
                if _is_socket(request):
                    return await self._sockets.relay(errand)
                return await self._forwarding.send(errand)
        except BusyError:
            return self._say(request, 503, "busy", state)
        except NotThereError:
            await self._look_again(access)
            # It is started anew, or about to be found out.
            return self._say(request, 503, "starting", state)
        except NoAnswerError as err:
            _log.info("an app does not answer", subscription=state.subscription, error=str(err))
            return self._say(request, 504 if str(err) == "it says nothing" else 502, "no_answer", state)
        except ForeignLocationError as err:
            return self._say(request, 502, "foreign", state, str(err))
        except TooLargeError:
            return _closing(self._say(request, 413, "too_large", state))
        except SilentError:
            return _closing(self._say(request, 408, "refused", state))

    async def _look_again(self, access: Access) -> None:
        try:
            await self._accesses.look_again(access)
        except UnreachableError:
            return

    async def _own(self, request: web.BaseRequest, host: str, name: str, target: str) -> web.Response:
        path, _, query = target.partition("?")
        if path == f"{_OWN}open" and request.method == "GET":
            if is_prefetch(_lower(request)):
                return self._pages.page(request, 403, "refused")
            return await self._open(request, name, dict(parse_qsl(query)).get("ticket", ""))
        if path == f"{_OWN}close" and request.method == "POST":
            return await self._close(request, host, name)
        return self._pages.page(request, 404, "no_app")

    async def _open(self, request: web.BaseRequest, name: str, ticket: str) -> web.Response:
        """Buys a cookie of this origin for a ticket, and goes on to the app."""
        https = self._settings.https
        try:
            secret, seconds, state = await self._accesses.redeem(ticket, name)
        except SpentError:
            return self._pages.page(request, 410, "spent")
        except UnreachableError:
            return self._pages.page(request, 503, "unavailable")
        headers = {
            "Location": f"/{state.path.lstrip('/')}",
            "Cache-Control": "no-store",
            # The address with the ticket goes nowhere else.
            "Referrer-Policy": "no-referrer",
            "Server": "DualSpan",
            "Set-Cookie": cookies.access_header(secret, https=https, seconds=seconds),
        }
        return web.Response(status=303, headers=headers)

    async def _close(self, request: web.BaseRequest, host: str, name: str) -> web.Response:
        """Ends the access of a browser to this app."""
        scheme = "https" if self._settings.https else "http"
        if not is_own(request.method, _lower(request), f"{scheme}://{host}"):
            return self._pages.page(request, 403, "refused")
        try:
            access = await self._access(request, name)
            if access is not None:
                await self._accesses.end(access)
        except UnreachableError:
            return self._pages.page(request, 503, "unavailable")
        response = self._pages.page(request, 200, "signed_out")
        response.headers["Set-Cookie"] = cookies.access_header("", https=self._settings.https, seconds=0)
        return response

    def _say(
        self, request: web.BaseRequest, status: int, kind: str, state: contract.AccessState, detail: str = ""
    ) -> web.Response:
        language = language_of(request.headers.get("Accept-Language", ""))
        return self._pages.page(request, status, kind, detail, name_of(state, language))


def _is_socket(request: web.BaseRequest) -> bool:
    return request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket"


def _closing(response: web.Response) -> web.Response:
    """Of a request whose rest nobody reads."""
    response.force_close()
    return response


def _lower(request: web.BaseRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
