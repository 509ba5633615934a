"""The page of apps, and the way into each."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dualspan.marketplace.v1.access_pb2 import OpenableApp
from dualspan.marketplace.v1.subscriptions_pb2 import SubscriptionState
from dualspan_console.catalogue import choose_language
from dualspan_console.sessions import Session
from dualspan_console.web import Web
from dualspan_runtime.names import SLUG

_APPS_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class AppView:
    """An app as its page shows it.

    Attributes:
        id: Of the subscription.
        name: What people call the app, in their language.
        summary: What it is for.
        state: Such as `active`; `running` while its pages are there.
        why: Key of the words for its cause, or "".
        reason: Why it failed, or what a person should know.
    """

    id: str
    name: str
    summary: str
    state: str
    why: str
    reason: str


class AppPages:
    """Handlers of the pages about apps."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def apps(self, request: Request, session: Session) -> Response:
        """The apps of the enterprise that the person can open."""
        answer = await session.openable_apps(request.query_params.get("page", ""), _APPS_PER_PAGE)
        language = choose_language(request)
        return self._web.page(
            request,
            "apps.html",
            apps=[app_view(each, language) for each in answer.openable_apps],
            next_page=answer.next_page_token,
        )

    async def open(self, request: Request, session: Session) -> Response:
        """Goes to an app, with an address that opens it once."""
        form = await request.form()
        subscription = request.path_params["subscription"]
        if not self._web.cookies.is_own_form(request, str(form.get("form_token", ""))):
            return RedirectResponse("/apps", 303)
        if SLUG.fullmatch(subscription) is None:
            return self._web.page(request, "error.html", 404, message=self._web.words(request)["not_found"])
        # The address has a secret in it: no other page is told where one came from.
        return RedirectResponse(await session.open_app(subscription), 303, {"referrer-policy": "no-referrer"})


def app_view(app: OpenableApp, language: str) -> AppView:
    """An app in the words of its visitor."""
    state = SubscriptionState.Name(app.state).removeprefix("SUBSCRIPTION_STATE_").lower()
    return AppView(
        id=app.name.rpartition("/")[2],
        name=app.display_name.zh if language == "zh" else app.display_name.en,
        summary=app.summary.zh if language == "zh" else app.summary.en,
        state="running" if app.running else "starting" if state in {"active", "upgrading"} else state,
        why=f"app_cause_{app.cause}" if app.cause else "",
        reason=app.reason,
    )
