"""The origin of each subscription, and the secrets that open it."""

import re
import string

from hypothesis import example, given
from hypothesis import strategies as st

from dualspan_marketplace.access.origin import host, label, opening
from dualspan_marketplace.access.pages import pages_of
from dualspan_marketplace.access.secrets import key_of, new_secret
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST

ids = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=40)
names = st.builds(SubscriptionName, ids, ids)
# RFC 1123, 2.1; and of RFC 5891, 4.2.3.1: no reserved label, xn-- least of all.
LABEL = re.compile(r"(?!..--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@given(names)
@example(SubscriptionName("n", "xn"))
@example(SubscriptionName("-", "-"))
@example(SubscriptionName("a" * 40, "b" * 40))
def test_every_subscription_has_a_label_that_browsers_and_certificates_take(name: SubscriptionName) -> None:
    assert LABEL.fullmatch(label(name))


@given(names, names)
@example(SubscriptionName("b", "a--x"), SubscriptionName("x--b", "a"))
@example(SubscriptionName("b", "a-"), SubscriptionName("-b", "a"))
@example(SubscriptionName("home", "app"), SubscriptionName("b", "a--x"))
def test_no_two_subscriptions_share_a_label(one: SubscriptionName, other: SubscriptionName) -> None:
    assert (label(one) == label(other)) is (one == other)


@given(names)
def test_a_digest_is_no_other_subscriptions_plain_label(name: SubscriptionName) -> None:
    subscription, _, tenant = label(name).partition("--")
    is_plain = (subscription, tenant) == (name.subscription_id, name.tenant)
    assert is_plain or len(tenant) > 40, "an id has 40 characters at the most"


def test_the_address_of_an_app() -> None:
    name = SubscriptionName("home", "oee-board")
    assert host(name, "http://apps.localhost:8081") == "oee-board--home.apps.localhost"
    assert opening(name, "http://apps.localhost:8081", "home.t") == (
        "http://oee-board--home.apps.localhost:8081/.dualspan/open?ticket=home.t"
    )
    assert opening(name, "https://apps.example.com", "home.t").startswith("https://oee-board--home.apps.example.com/")


def test_a_secret_is_kept_as_a_digest_and_found_by_it() -> None:
    secret, key = new_secret("home")
    assert secret.startswith("home.")
    assert key_of(secret) == key
    assert secret.partition(".")[2].encode() not in key.digest
    assert new_secret("home")[0] != secret


@given(st.text(max_size=300))
@example("home.")
@example(".x")
@example("HOME.x")
@example("home." + "x" * 300)
def test_what_is_no_secret_is_not_looked_up(text: str) -> None:
    key = key_of(text)
    if key is not None:
        assert text.startswith(f"{key.tenant}.")
        assert len(text) <= 200


def test_where_the_pages_of_an_app_are() -> None:
    pages = pages_of(MANIFEST)
    assert pages.path.startswith("/")
    assert pages.address("10.213.0.3:9999", "docker") == f"10.213.0.3:{pages.port}"
    assert pages.address("127.0.0.1:40001", "process") == "127.0.0.1:40001"
    assert pages.address("", "docker") == ""
