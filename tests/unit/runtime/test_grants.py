"""Grants of apps: what is told is in force, what is not heard is not, and nothing else is for apps."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import grpc.aio
import pytest
from google.protobuf.descriptor_pool import Default

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.marketplace.v1 import app_runtime_pb2, grants_pb2
from dualspan_runtime import grants
from dualspan_runtime.context import hidden_tags, set_call
from dualspan_runtime.errors import PermissionDenied, ResourceExhausted
from dualspan_runtime.grants import APP_METHODS, Grant, GrantWatch, allow
from dualspan_runtime.principal import Principal, PrincipalKind

APP = Principal(PrincipalKind.APP, "subscriptions/oee", "acme")
NAME = "tenants/acme/subscriptions/oee"


def nowhere() -> AbstractAsyncContextManager[grpc.aio.Channel]:
    raise AssertionError("nobody connects here")


async def told(*messages: grants_pb2.WatchGrantsResponse) -> AsyncIterator[grants_pb2.WatchGrantsResponse]:
    for message in messages:
        yield message


def granting(*tags: int, complete: bool = True) -> grants_pb2.WatchGrantsResponse:
    grant = grants_pb2.Grant(subscription=NAME, tag_ids=tags, scopes=["samples.read"])
    return grants_pb2.WatchGrantsResponse(grants=[grant], complete=complete)


async def test_a_grant_is_in_force_once_all_was_told() -> None:
    watch = GrantWatch(nowhere)
    await watch._follow(told(granting(1, complete=False)))
    assert watch.of(APP) == Grant()
    await watch._follow(told(granting(1, 2)))
    assert watch.of(APP).tag_ids == {1, 2}
    assert watch.of(Principal(PrincipalKind.APP, "subscriptions/oee", "rival")) == Grant()


async def test_what_is_revoked_is_gone_before_all_else_was_told() -> None:
    watch = GrantWatch(nowhere)
    await watch._follow(told(granting(1), grants_pb2.WatchGrantsResponse(revoked=[NAME])))
    assert watch.of(APP) == Grant()


async def test_who_hears_nothing_grants_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = GrantWatch(nowhere)
    await watch._follow(told(granting(1)))
    heard = watch._known._heard_at
    monkeypatch.setattr(grants.time, "monotonic", lambda: heard + 19.0)
    assert watch.of(APP).tag_ids == {1}
    monkeypatch.setattr(grants.time, "monotonic", lambda: heard + 21.0)
    assert watch.of(APP) == Grant()


def test_scopes_and_methods_are_held() -> None:
    grant = Grant(frozenset({1}), frozenset({"samples.read"}))
    assert allow(grant, "/dualspan.historian.v1.HistorianService/ReadRaw") is grant
    for method in (
        "/dualspan.historian.v1.HistorianService/Subscribe",
        "/dualspan.historian.v1.HistorianService/Export",
        "/dualspan.historian.v1.HistorianService/ListGaps",
    ):
        with pytest.raises(PermissionDenied):
            allow(grant, method)


def test_apps_call_methods_that_there_are() -> None:
    assert app_runtime_pb2.DESCRIPTOR.services_by_name, "the pool knows what was imported"
    assert historian.DESCRIPTOR.services_by_name
    for path in APP_METHODS:
        service, _, method = path.removeprefix("/").partition("/")
        assert method in Default().FindServiceByName(service).methods_by_name


async def test_only_for_apps_tags_are_hidden() -> None:
    set_call(APP, "acme", Grant(frozenset({1, 2})))
    assert hidden_tags([1, 3]) == {3}
    set_call(Principal(PrincipalKind.USER, "users/ada", "acme"), "acme")
    assert hidden_tags([1, 3]) == frozenset()


async def test_a_token_of_an_earlier_credential_is_worth_nothing() -> None:
    watch = GrantWatch(nowhere)
    grant = grants_pb2.Grant(subscription=NAME, tag_ids=[1], scopes=["samples.read"], credential=2)
    await watch._follow(told(grants_pb2.WatchGrantsResponse(grants=[grant], complete=True)))
    for credential, tags in ((0, set[int]()), (1, set[int]()), (2, {1}), (3, {1})):
        app = Principal(PrincipalKind.APP, "subscriptions/oee", "acme", credential=credential)
        assert watch.of(app).tag_ids == tags


@pytest.mark.parametrize(
    ("now", "covers"),
    [
        (Grant(frozenset({1, 2}), frozenset({"samples.read"})), True),
        (Grant(frozenset({1, 2, 3}), frozenset({"samples.read", "outputs.write"})), True),
        (Grant(frozenset({1, 3}), frozenset({"samples.read"})), False),
        (Grant(frozenset({1, 2}), frozenset()), False),
        (Grant(frozenset({1, 2}), frozenset({"samples.read"}), credential=1), False),
        (Grant(), False),
    ],
)
def test_what_was_taken_away_is_seen(now: Grant, covers: bool) -> None:
    assert now.covers(Grant(frozenset({1, 2}), frozenset({"samples.read"}))) is covers


def test_a_limit_that_is_reached_refuses_reads_and_nothing_else() -> None:
    words = "The plan's limit is reached."
    scopes = frozenset({"samples.read", "samples.subscribe", "samples.export", "outputs.write"})
    grant = Grant(frozenset({1}), scopes, exhausted=words)
    for method in ("ReadRaw", "Subscribe", "Export"):
        with pytest.raises(ResourceExhausted) as caught:
            allow(grant, f"/dualspan.historian.v1.HistorianService/{method}")
        assert (caught.value.reason, caught.value.message) == ("QUOTA_EXHAUSTED", words)
    assert allow(grant, "/dualspan.historian.v1.IngestService/Ingest") is grant


def test_streams_end_when_a_limit_is_reached_and_not_when_it_is_no_more() -> None:
    free, reached = Grant(frozenset({1})), Grant(frozenset({1}), exhausted="x")
    assert not reached.covers(free)
    assert free.covers(reached)
    assert reached.covers(Grant(frozenset({1}), exhausted="y"))
