import re
from pathlib import Path
from typing import cast

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from starlette.requests import Request
from starlette.responses import Response

import dualspan_console
from dualspan.marketplace.v1.access_pb2 import OpenableApp
from dualspan.marketplace.v1.apps_pb2 import MarketText
from dualspan.marketplace.v1.subscriptions_pb2 import SubscriptionState
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan_console.app_pages import app_view
from dualspan_console.catalogue import choose_language, load_catalogues
from dualspan_console.pages import gateway_views
from dualspan_console.security import VISITOR_COOKIE, Cookies, policy
from dualspan_console.sessions import Sessions, joined
from dualspan_console.web import Web, make_templates
from dualspan_sdk import DualSpanError

TEMPLATES = Path(dualspan_console.__file__).parent / "templates"
COOKIES = Cookies(https=False, key=b"k" * 32)


def request(headers: dict[str, str] | None = None, cookies: dict[str, str] | None = None) -> Request:
    fields = dict(headers or {})
    if cookies:
        fields["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw})


def test_every_language_has_every_word() -> None:
    catalogues = load_catalogues()
    assert catalogues["en"].keys() == catalogues["zh"].keys()
    assert all(all(words.values()) for words in catalogues.values())


def test_every_word_that_a_template_names_exists() -> None:
    words = load_catalogues()["en"]
    named = {name for path in TEMPLATES.glob("*.html") for name in re.findall(r"\bt\.(\w+)", path.read_text())}
    assert named
    assert named <= words.keys()


@pytest.mark.parametrize(
    ("enum", "prefix", "key"),
    [
        (resources.GatewayState, "GATEWAY_STATE_", "gateway_state_"),
        (resources.ConnectionState, "CONNECTION_STATE_", "connection_state_"),
        (resources.TagState, "TAG_STATE_", "tag_state_"),
    ],
)
def test_every_state_has_a_word(enum: EnumTypeWrapper, prefix: str, key: str) -> None:
    words = load_catalogues()["en"]
    names = [name.removeprefix(prefix).lower() for name, _ in enum.items()]
    missing = [name for name in names if f"{key}{name}" not in words and name != "unspecified"]
    assert not missing


def test_templates_have_no_inline_script_or_style() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert not re.search(r"\bstyle=|<style|\bon\w+=", text), path


def test_templates_compile_and_escape() -> None:
    environment = make_templates()
    assert all(environment.get_template(path.name) for path in TEMPLATES.glob("*.html"))
    assert environment.from_string("{{ name }}").render(name="<script>") == "&lt;script&gt;"


@pytest.mark.parametrize(
    ("header", "language"), [("", "en"), ("zh-CN,zh;q=0.9", "zh"), ("de-DE, zh;q=0.5, en;q=0.4", "zh"), ("fr", "en")]
)
def test_the_browser_says_the_language(header: str, language: str) -> None:
    assert choose_language(request({"accept-language": header})) == language


def test_a_chosen_language_wins() -> None:
    assert choose_language(request({"accept-language": "en"}, {"dualspan-language": "zh"})) == "zh"
    assert choose_language(request({"accept-language": "en"}, {"dualspan-language": "xx"})) == "en"


def test_gaps_that_overlap_are_shown_as_one() -> None:
    assert joined([(5, 9), (1, 3), (2, 4), (8, 12), (20, 20), (9, 9), (4, 5)]) == [(1, 12)]
    assert joined([(7, 8), (1, 2)]) == [(1, 2), (7, 8)]
    assert joined([]) == []


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (DualSpanError("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "Deadline Exceeded"), 504, "平台的一部分没有响应"),
        (DualSpanError("NOT_FOUND", "TAG_NOT_FOUND", "There is no tag 7."), 404, "There is no tag 7."),
    ],
)
def test_a_service_that_does_not_answer_is_told_in_the_visitors_words(
    error: DualSpanError, status: int, told: str
) -> None:
    web = Web(cast("Sessions", None), COOKIES, load_catalogues(), make_templates())
    answer = web.failure(request({"accept-language": "zh-CN,en"}), error)
    assert answer.status_code == status
    assert told in bytes(answer.body).decode()


def test_only_our_own_form_in_the_same_browser_is_accepted() -> None:
    token = COOKIES.form_token("browser-1")
    assert COOKIES.is_own_form(request(cookies={VISITOR_COOKIE: "browser-1"}), token)
    assert not COOKIES.is_own_form(request(cookies={VISITOR_COOKIE: "browser-2"}), token)
    assert not COOKIES.is_own_form(request(), token)
    assert not COOKIES.is_own_form(request(cookies={VISITOR_COOKIE: "browser-1"}), "")
    foreign = request({"sec-fetch-site": "cross-site"}, {VISITOR_COOKIE: "browser-1"})
    assert not COOKIES.is_own_form(foreign, token)


def test_servers_stand_with_their_gateway() -> None:
    gateways = [resources.Gateway(name=f"tenants/t/gateways/{g}", state=resources.GATEWAY_STATE_ONLINE) for g in "ba"]
    server = resources.OpcUaServer(name="tenants/t/gateways/a/servers/press")
    server.status.state = resources.CONNECTION_STATE_UNTRUSTED
    first, second = gateway_views(gateways, [server])
    assert (first.id, first.state) == ("a", "online")
    assert [(view.id, view.state, view.security) for view in first.servers] == [
        ("press", "untrusted", "sign_and_encrypt")
    ]
    assert not second.servers


def test_through_tls_no_neighbour_can_put_a_cookie_in_the_place_of_ours() -> None:
    secure = Cookies(https=True, key=b"k" * 32)
    planted = request(cookies={"dualspan-session": "planted", "__Host-dualspan-session": "own"})
    assert secure.session(planted) == "own"
    assert COOKIES.session(planted) == "planted"
    response = Response()
    secure.begin_session(response, "s")
    secure.remember_visitor(response, "v")
    for header in response.headers.getlist("set-cookie"):
        assert header.startswith("__Host-dualspan-")
        assert {"Secure", "Path=/", "HttpOnly"} <= set(header.split("; "))
        assert "domain" not in header.lower()


def test_forms_lead_to_this_host_and_to_apps() -> None:
    assert "form-action 'self' https://*.apps.example.com:8443;" in policy("https://apps.example.com:8443/")


@pytest.mark.parametrize(
    ("state", "running", "word"),
    [("ACTIVE", True, "running"), ("ACTIVE", False, "starting"), ("SUSPENDED", False, "suspended")],
)
def test_an_app_in_the_words_of_its_visitor(state: str, running: bool, word: str) -> None:
    told = OpenableApp(
        name="tenants/acme/subscriptions/oee",
        state=SubscriptionState.Value(f"SUBSCRIPTION_STATE_{state}"),
        running=running,
        cause="asked",
        display_name=MarketText(en="OEE board", zh="OEE 看板"),
    )
    view = app_view(told, "zh")
    assert (view.id, view.name, view.state, view.why) == ("oee", "OEE 看板", word, "app_cause_asked")
    words = load_catalogues()["zh"]
    assert f"app_state_{view.state}" in words
    assert view.why in words


def test_every_state_and_cause_of_a_subscription_has_its_words() -> None:
    words = load_catalogues()["en"]
    states = {name.removeprefix("SUBSCRIPTION_STATE_").lower() for name in SubscriptionState.keys()}  # noqa: SIM118
    shown = (states - {"unspecified", "active", "upgrading", "cancelling", "cancelled"}) | {"running", "starting"}
    assert {f"app_state_{each}" for each in shown} <= words.keys()
