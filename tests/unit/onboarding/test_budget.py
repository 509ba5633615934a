"""The load budget: what tags ask for, against what a server states and what its kind is known to bear."""

import dataclasses
from datetime import UTC, datetime

import pytest

from dualspan_onboarding.budget import (
    UNKNOWN_LIMITS,
    Estimate,
    Figure,
    LimitSource,
    ServerLimits,
    TagLoad,
    VendorProfile,
    estimate,
    load_of,
)
from dualspan_onboarding.profiles import FALLBACK, all_profiles, profile_for
from dualspan_onboarding.sampling import AcquisitionMode, TagSource

SECOND = 1_000_000
TAG = TagLoad("i=1", 1, "Double", SECOND, SECOND, 6)
LIMITS = ServerLimits(manufacturer_name="Siemens AG", product_name="S7-1500, CPU 1511-1 PN")


def tags(count: int, **changes: object) -> list[TagLoad]:
    return [dataclasses.replace(TAG, node_id=f"i={n}", **changes) for n in range(count)]  # pyright: ignore[reportArgumentType]


def figure(found: Estimate, quantity: str) -> Figure:
    return next(one for one in found.figures if one.quantity == quantity)


def test_every_profile_says_where_its_figures_come_from() -> None:
    profiles = all_profiles()
    assert {"siemens-s7-1200", "siemens-s7-1500-basic", "kepware", "ignition", "beckhoff", FALLBACK} <= profiles.keys()
    for profile in profiles.values():
        assert len(profile.source) > 40
        assert profile.is_verified != ("Not verified against a data sheet" in profile.source)
        assert all(value > 0 for value in profile.limits.values())


@pytest.mark.parametrize(
    ("manufacturer", "product", "profile"),
    [
        ("Siemens AG", "S7-1200, CPU 1214C", "siemens-s7-1200"),
        ("Siemens AG", "CPU 1511-1 PN", "siemens-s7-1500-basic"),
        ("Siemens AG", "SIMATIC.S7-1500.OPC-UA", "siemens-s7-1500-standard"),
        ("Siemens AG", "CPU 1518-4 PN/DP", "siemens-s7-1500-advanced"),
        ("Kepware Technologies", "KEPServerEX", "kepware"),
        ("Inductive Automation", "Ignition", "ignition"),
        ("Beckhoff Automation", "TcOpcUaServer", "beckhoff"),
        ("Siemens AG", "something else", FALLBACK),
        ("", "", FALLBACK),
    ],
)
def test_a_server_says_which_profile_fits(manufacturer: str, product: str, profile: str) -> None:
    assert profile_for(ServerLimits(manufacturer_name=manufacturer, product_name=product)).profile_id == profile


def test_a_chosen_profile_goes_before_what_the_server_says() -> None:
    assert profile_for(LIMITS, "kepware").profile_id == "kepware"


def test_the_load_is_added_up() -> None:
    load = load_of(
        [
            *tags(3),
            TagLoad("i=9", 4, "String", SECOND // 2, SECOND, 12),
            TagLoad("i=8", 1, "Float", SECOND, SECOND, 0, mode=AcquisitionMode.CYCLIC_READ),
            TagLoad("i=7", 5, "BaseEventType", 0, SECOND, 1000, source=TagSource.EVENTS),
            TagLoad("i=6", 1, "Double", SECOND, SECOND, 6, is_part=True),
            TagLoad("i=6", 2, "Int32", SECOND, SECOND, 6, is_part=True),
        ]
    )
    assert load.monitored_items == 3 + 1 + 1 + 1, "parts of one node share an item; cyclic reads have none"
    assert load.sampling_load == 3 + 2 * 2.0 + 1 + 4, "text weighs twice as much, a structure four times"
    assert load.notification_load == 3 + 2 + 1
    assert load.read_load == 1
    assert load.queue_bytes == 3 * 6 * 48 + 12 * 104 + 1000 * 512 + 6 * 48
    assert (load.longest_queue, load.fastest_sampling_us) == (1000, SECOND // 2)


def test_a_cyclic_read_without_an_interval_is_one_a_second() -> None:
    load = load_of(tags(5, sampling_us=0, mode=AcquisitionMode.CYCLIC_READ))
    assert (load.read_load, load.sampling_load, load.monitored_items) == (5, 5, 0)


def test_a_cpu_1511_bears_a_thousand_items_and_no_more() -> None:
    profile = profile_for(LIMITS)
    assert not estimate(tags(900), tags(100), UNKNOWN_LIMITS, profile).over
    found = estimate(tags(900), tags(101), UNKNOWN_LIMITS, profile)
    assert [one.quantity for one in found.over] == ["monitored_items", "sampling_load"]
    items = figure(found, "monitored_items")
    assert (items.present, items.wanted, items.limit, items.source) == (900, 1001, 1000, LimitSource.PROFILE)
    assert "BadTooManyMonitoredItems" in items.detail
    assert any("have not been read" in warning for warning in found.warnings)


def doubts(found: Estimate) -> bool:
    return any("may be wrong" in warning for warning in found.warnings)


def test_a_limit_of_a_profile_that_nobody_verified_is_said_to_be_doubtful() -> None:
    profile = profile_for(LIMITS)
    assert doubts(estimate([], tags(1), UNKNOWN_LIMITS, profile))
    assert not doubts(estimate([], tags(1), UNKNOWN_LIMITS, dataclasses.replace(profile, is_verified=True)))
    nobody = all_profiles()[FALLBACK]
    assert not doubts(estimate([], tags(1), LIMITS, nobody)), "what the fallback says decides nothing here"
    assert doubts(estimate([], tags(1, sampling_us=1), LIMITS, nobody)), "it is exceeded"


def test_a_faster_interval_is_load_too() -> None:
    found = estimate([], tags(300, sampling_us=200_000), UNKNOWN_LIMITS, profile_for(LIMITS))
    assert [one.quantity for one in found.over] == ["sampling_load"]


def test_the_lower_of_two_limits_counts_but_the_fallback_only_where_none_is_stated() -> None:
    stated = dataclasses.replace(LIMITS, max_monitored_items=200, max_sessions=5000)
    found = estimate([], tags(201), stated, profile_for(LIMITS))
    assert (figure(found, "monitored_items").limit, figure(found, "monitored_items").source) == (
        200,
        LimitSource.SERVER,
    )
    assert (figure(found, "sessions").limit, figure(found, "sessions").source) == (32, LimitSource.PROFILE)
    lenient = VendorProfile("any", "", {"monitored_items": 100.0}, "", is_fallback=True)
    assert figure(estimate([], tags(201), stated, lenient), "monitored_items").limit == 200
    assert figure(estimate([], tags(201), UNKNOWN_LIMITS, lenient), "monitored_items").limit == 100


def test_subscriptions_are_grouped_as_finely_as_there_is_room_for() -> None:
    several = [dataclasses.replace(TAG, data_type=f"T{n % 10}", kind=1 + n % 2) for n in range(100)]
    profile = VendorProfile("any", "", {}, "")

    def needed(subscriptions: int, items: int = 0) -> float:
        limits = ServerLimits(max_subscriptions_per_session=subscriptions, max_monitored_items_per_subscription=items)
        return figure(estimate([], several, limits, profile), "subscriptions_per_session").wanted

    assert needed(0) == 10
    assert needed(9) == 2
    assert needed(1) == 1
    assert needed(4, 30) == 4


def test_what_others_use_is_not_there_any_more() -> None:
    busy = ServerLimits(
        read_at=datetime(2026, 11, 22, tzinfo=UTC),
        max_sessions=10,
        current_sessions=10,
        max_subscriptions=12,
        current_subscriptions=12,
        own_subscriptions=1,
    )
    profile = VendorProfile("any", "", {}, "")
    assert not estimate(tags(1), tags(1), busy, profile).over, (
        "the gateway is one of the ten, and its subscription is there"
    )
    more = [dataclasses.replace(TAG, publishing_us=500_000, data_type="Int32")]
    assert [one.quantity for one in estimate(tags(1), more, busy, profile).over] == ["subscriptions"]


def test_a_change_for_the_better_is_let_pass() -> None:
    present = tags(1500)
    profile = profile_for(LIMITS)
    assert not estimate(tags(1400), [], UNKNOWN_LIMITS, profile, before_change=present).over
    slower = tags(100, sampling_us=10 * SECOND)
    assert not estimate(tags(1400), slower, UNKNOWN_LIMITS, profile, before_change=present).over


def test_what_a_server_would_change_by_itself_is_a_warning() -> None:
    limits = ServerLimits(min_supported_sample_rate_ms=250.0, max_monitored_items_queue_size=4)
    fast = tags(1, sampling_us=100_000, queue_size=60)
    found = estimate([], fast, limits, VendorProfile("any", "", {"publishing_interval_ms": 2000.0}, ""))
    assert not found.over
    words = " ".join(found.warnings)
    assert "every 250 ms at the fastest, not every 100 ms" in words
    assert "publishes every 2000 ms at the fastest" in words
    assert "keeps 4 values" in words
