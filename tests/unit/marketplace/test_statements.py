"""Money: exact, rounded once a line; corrections make all lines about a month come to what the month comes to."""

import csv
import io
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dualspan_marketplace.usage import money, words
from dualspan_marketplace.usage.comparison import (
    UNASKED,
    Baseline,
    Comparison,
    Doubt,
    Measured,
    Span,
    doubt,
    spans,
)
from dualspan_marketplace.usage.files import Form, name_of, render, shape, to_csv
from dualspan_marketplace.usage.lines import (
    Adjustment,
    Kind,
    Line,
    Month,
    Used,
    adjusted,
    corrections,
    of_month,
    totals,
)
from dualspan_marketplace.usage.model import Dimension, Pricing, Stretch, Tariff
from dualspan_marketplace.usage.statement import Statement, digest_of
from dualspan_marketplace.usage.words import Language

MARCH = Month(datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 3, 31, 16, tzinfo=UTC))
HOUR_US = 3_600_000_000
PER_HOUR = Tariff("by-hour", Pricing.PER_ASSET_HOUR, 125_000, "CNY")
FLAT = Tariff("flat", Pricing.FLAT, 99_000_000, "CNY")
currencies = st.sampled_from(["CNY", "EUR", "JPY", "KWD", "CLF"])
quantities = st.integers(0, 10**17)
prices = st.integers(0, 10**15)


@given(quantities, st.sampled_from([1, HOUR_US, (1 << 30) * 3600, MARCH.microseconds]), prices, currencies)
def test_an_amount_is_the_exact_product_rounded_once(quantity: int, size: int, price: int, currency: str) -> None:
    exact = Fraction(quantity, size) * Fraction(price, 1_000_000) * 10 ** money.decimals(currency)
    amount = money.amount(quantity, size, price, currency)
    assert abs(amount - exact) <= Fraction(1, 2)
    if abs(amount - exact) == Fraction(1, 2):
        assert amount > exact
    assert money.amount(-quantity, size, price, currency) == -amount


def test_money_is_shown_in_its_own_decimals() -> None:
    assert money.shown(-1250, "CNY") == "-12.50"
    assert money.shown(5, "CNY") == "0.05"
    assert money.shown(1250, "JPY") == "1250"
    assert money.shown(1, "KWD") == "0.001"
    assert [money.price_shown(each) for each in (125_000, 99_000_000, 1)] == ["0.125", "99.00", "0.000001"]


tariffs = st.sampled_from(
    [PER_HOUR, replace(PER_HOUR, price_micros=333_333), FLAT, Tariff("free"), replace(FLAT, currency="JPY")]
)
ledgers = st.lists(
    st.builds(
        Used,
        subscription_id=st.sampled_from(["a", "b"]),
        app_id=st.just("app"),
        tariff=tariffs,
        dimension=st.sampled_from(Dimension),
        quantity=st.integers(0, 10**12),
    ),
    max_size=8,
)


def summed(lines: list[Line]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for each in lines:
        found[*each.same, "quantity"] += each.quantity
        found[*each.same, "amount"] += each.amount
    return Counter({key: value for key, value in found.items() if value})


@given(ledgers)
def test_lines_hold_all_that_was_used_and_their_sum_is_the_total(ledger: list[Used]) -> None:
    lines = of_month(ledger, MARCH)
    for dimension in Dimension:
        assert sum(each.quantity for each in lines if each.dimension is dimension) == sum(
            each.quantity for each in ledger if each.dimension is dimension
        )
    for currency, amount in totals(lines).items():
        assert amount == sum(each.amount for each in lines if each.currency == currency)
    assert len({each.same for each in lines}) == len(lines)
    assert all(bool(each.price_micros) == bool(each.currency) for each in lines)


@given(st.lists(ledgers, min_size=1, max_size=5))
def test_whatever_becomes_known_when_all_lines_come_to_what_the_month_comes_to(ledgers: list[list[Used]]) -> None:
    """Each ledger adds to those before it; a statement is made after each."""
    stated = of_month(ledgers[0], MARCH)
    known = list(ledgers[0])
    for more in ledgers[1:]:
        known += more
        stated += corrections(of_month(known, MARCH), stated)
    assert summed(stated) == summed(of_month(known, MARCH))
    assert not corrections(of_month(known, MARCH), stated)


@given(ledgers)
def test_what_was_stated_and_is_not_so_is_taken_back(ledger: list[Used]) -> None:
    stated = of_month(ledger, MARCH)
    back = corrections([], stated)
    assert not summed(stated + back)
    assert all(each.kind is Kind.CORRECTION and each.quantity < 0 for each in back)


def test_a_flat_plan_costs_its_share_of_the_month_and_assets_their_hours() -> None:
    half = MARCH.microseconds // 2
    lines = of_month(
        [
            Used("a", "app", FLAT, Dimension.RUNNING_HOURS, half),
            Used("a", "app", FLAT, Dimension.ASSET_HOURS, half),
            Used("b", "app", PER_HOUR, Dimension.ASSET_HOURS, 3 * HOUR_US + 1),
            Used("b", "app", Tariff(""), Dimension.READ_SAMPLES, 7),
        ],
        MARCH,
    )
    assert [(each.subscription_id, each.dimension, each.unit, each.amount, each.currency) for each in lines] == [
        ("a", Dimension.RUNNING_HOURS, "mo", 4950, "CNY"),
        ("a", Dimension.ASSET_HOURS, "h", 0, ""),
        ("b", Dimension.READ_SAMPLES, "samples", 0, ""),
        ("b", Dimension.ASSET_HOURS, "h", 38, "CNY"),
    ]


def statement() -> Statement:
    later = Month(MARCH.end, datetime(2026, 4, 30, 16, tzinfo=UTC))
    lines = of_month(
        [
            Used("oee", "oee-board", PER_HOUR, Dimension.ASSET_HOURS, 100 * HOUR_US),
            Used("oee", "oee-board", Tariff(""), Dimension.READ_REQUESTS, 12_345),
        ],
        later,
    )
    late = corrections(of_month([Used("oee", "oee-board", PER_HOUR, Dimension.ASSET_HOURS, HOUR_US)], MARCH), [])
    back = Adjustment("a-1", 1, "oee", -500, "CNY", "=HYPERLINK(1)", datetime(2026, 4, 3, tzinfo=UTC))
    compared = Comparison(
        subscription_id="oee",
        app_id="oee-board",
        kpi="oee",
        before=Measured(61.5, "%", 0.99),
        before_span=Span(MARCH.start - timedelta(days=28), MARCH.start),
        after=Measured(66.25, "%", 0.5),
        after_span=Span(later.start, later.end),
        doubt=Doubt.FEW_DATA,
    )
    open_one = Statement("acme", 3, later, "Asia/Shanghai", (*lines, *late, adjusted(back, MARCH)), (compared,))
    closed = replace(open_one, close_time=datetime(2026, 5, 1, 16, tzinfo=UTC))
    return replace(closed, digest=digest_of(closed))


def test_a_statement_as_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(statement()).decode())))
    assert [(row["kind"], row["dimension"], row["quantity"], row["unit_price"], row["amount"]) for row in rows] == [
        ("usage", "asset-hours", "100", "0.125", "12.50") if row["dimension"] == "asset-hours" and place < 2 else
        ("usage", "read-requests", "12345", "", "") if place < 2 else
        ("correction", "asset-hours", "1", "0.125", "0.13") if row["kind"] == "correction" else
        ("adjustment", "", "", "", "-5.00")
        for place, row in enumerate(rows)
    ]  # fmt: skip
    assert len(rows) == 4
    assert rows[3]["reason"] == "'=HYPERLINK(1)", "what a spreadsheet would run stands as text"
    assert name_of(statement(), Language.ZH, Form.CSV) == "statement-acme-000003-zh.csv"


def test_a_statement_as_pages_of_both_languages() -> None:
    given, english, chinese = statement(), shape(statement(), Language.EN), shape(statement(), Language.ZH)
    assert english["title"] == "Monthly statement 2026-04"
    assert chinese["title"] == "月度账单 2026-04"
    assert dict(english["facts"])["Total"] == "7.63 CNY"
    assert dict(english["facts"])["SHA-256"] == given.digest.hex()
    assert [each["title"] for each in chinese["sections"]] == ["用量与金额", "更正与调整", "使用应用前后对比"]
    notes = [block["text"] for block in english["sections"][2]["blocks"] if block["kind"] == "note"]
    assert notes[0].startswith("oee: Not good enough to compare")
    assert notes[-1] == words.say(Language.EN, "no-cause")


def test_a_statement_as_pdf_is_the_same_file_each_time() -> None:
    first = render(statement(), Language.ZH, Form.PDF)
    assert first.startswith(b"%PDF-")
    assert render(statement(), Language.ZH, Form.PDF) == first


def test_the_digest_is_of_every_figure() -> None:
    given = statement()
    changed = replace(given, lines=(replace(given.lines[0], amount=given.lines[0].amount + 1), *given.lines[1:]))
    assert digest_of(changed) != given.digest
    assert digest_of(replace(given, comparisons=())) != given.digest


def test_both_languages_have_words_for_everything() -> None:
    for language in Language:
        assert all(words.dimension(language, each) for each in Dimension)
        assert all(words.kind(language, each) for each in Kind)
        assert all(words.doubt(language, each) for each in Doubt if each is not Doubt.NONE)
        assert all(words.unit(language, each.unit) for each in Dimension)


def test_what_is_compared_lies_before_the_first_start_and_within_the_month() -> None:
    month = Span(MARCH.start, MARCH.end)
    start = MARCH.start + timedelta(days=10)
    life = [Stretch(1, start, True, 2), Stretch(2, start + timedelta(days=3), False, 2)]
    before, after = spans(Baseline(days=7), life, month) or (month, month)
    assert before == Span(start - timedelta(days=7), start)
    assert after == Span(start, start + timedelta(days=3))
    following = Span(MARCH.end, MARCH.end + timedelta(days=30))
    assert spans(Baseline(), life, following) is None
    assert spans(Baseline(), life[1:], month) is None
    assert spans(Baseline(), life[:1], following) == (Span(start - timedelta(days=28), start), following)


def test_data_that_are_not_good_enough_are_marked() -> None:
    week, day = Span(MARCH.start, MARCH.start + timedelta(days=7)), Span(MARCH.start, MARCH.start + timedelta(days=1))
    good, poor = Measured(60.0, "%", 0.9), Measured(70.0, "%", 0.79)
    assert doubt(good, good, week, asked=True) is Doubt.NONE
    assert doubt(good, poor, week, asked=True) is Doubt.FEW_DATA
    assert doubt(poor, good, week, asked=True) is Doubt.FEW_DATA
    assert doubt(good, Measured(math.nan), week, asked=True) is Doubt.UNKNOWN
    assert doubt(good, good, day, asked=True) is Doubt.SHORT
    assert doubt(UNASKED, UNASKED, week, asked=False) is Doubt.NOT_ASKED
