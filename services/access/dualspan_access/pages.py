"""The platform's own few pages on an app's origin: why there is no app to be seen, and what to do."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources

import jinja2
from aiohttp import web

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan.marketplace.v1.subscriptions_pb2 import SubscriptionState

LANGUAGES = ("en", "zh")
_HERE = resources.files("dualspan_access")
_RELOAD_SECONDS = "2"
_STARTING = {
    SubscriptionState.SUBSCRIPTION_STATE_PROVISIONING,
    SubscriptionState.SUBSCRIPTION_STATE_ACTIVE,
    SubscriptionState.SUBSCRIPTION_STATE_UPGRADING,
}


class OwnPages:
    """Makes them.

    Args:
        console: Where people reach the console.
    """

    def __init__(self, console: str) -> None:
        self._console = console.rstrip("/")
        self._words: Mapping[str, Mapping[str, str]] = {
            language: json.loads((_HERE / "catalogues" / f"{language}.json").read_text("utf-8"))
            for language in LANGUAGES
        }
        self._style = (_HERE / "templates" / "page.css").read_text("utf-8")
        self._template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
            (_HERE / "templates" / "page.html").read_text("utf-8")
        )
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'self'; "
            f"frame-ancestors 'self' {self._console}"
        )

    def page(self, request: web.BaseRequest, status: int, kind: str, detail: str = "", app: str = "") -> web.Response:
        """Says what the matter is.

        Args:
            request: What is answered: a browser that goes somewhere gets a page, everything else a few words.
            status: Of HTTP.
            kind: Which words.
            detail: What is said besides: a reason.
            app: What people call the app.
        """
        language = language_of(request.headers.get("Accept-Language", ""))
        words = self._words[language]
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": self._policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Server": "DualSpan",
        }
        if kind == "starting":
            headers |= {"Refresh": _RELOAD_SECONDS, "Retry-After": _RELOAD_SECONDS}
        if "text/html" not in request.headers.get("Accept", ""):
            told = {"type": f"urn:dualspan:access:{kind}", "title": words[f"{kind}_title"], "status": status}
            body = json.dumps(told | ({"detail": detail} if detail else {}), ensure_ascii=False)
            return web.Response(status=status, text=body, content_type="application/problem+json", headers=headers)
        text = self._template.render(
            t=words, language=language, kind=kind, detail=detail, app=app, console=self._console, style=self._style
        )
        return web.Response(status=status, text=text, content_type="text/html", headers=headers)

    def not_running(self, request: web.BaseRequest, state: contract.AccessState) -> web.Response:
        """Why an app is not there: it starts, or it is stopped for a reason."""
        language = language_of(request.headers.get("Accept-Language", ""))
        app = name_of(state, language)
        if state.state in _STARTING:
            return self.page(request, 503, "starting", app=app)
        cause = f"cause_{state.cause}" if state.cause else f"state_{_state_word(state.state)}"
        told = [self._words[language].get(cause, ""), state.reason]
        return self.page(request, 503, "stopped", " ".join(each for each in told if each), app)


def language_of(wishes: str) -> str:
    """The first known language that a browser asks for, else English."""
    for wish in wishes.split(","):
        language = wish.split(";")[0].strip().split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"


def name_of(state: contract.AccessState, language: str) -> str:
    """What people call the app."""
    return state.display_name.zh if language == "zh" else state.display_name.en


def _state_word(number: int) -> str:
    return SubscriptionState.Name(number).removeprefix("SUBSCRIPTION_STATE_").lower()  # type: ignore[arg-type]
