"""A statement as a file: CSV for programs, PDF for people."""

import csv
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from zoneinfo import ZoneInfo

from dualspan_documents import Note, Section, Shape, Table, to_pdf
from dualspan_marketplace.usage import money, words
from dualspan_marketplace.usage.comparison import Comparison, Doubt
from dualspan_marketplace.usage.lines import Kind, Line, Month, totals
from dualspan_marketplace.usage.statement import Statement
from dualspan_marketplace.usage.words import Language, say

_COLUMNS = (
    "number",
    "line",
    "kind",
    "subscription",
    "app",
    "plan",
    "dimension",
    "quantity",
    "unit",
    "unit_price",
    "currency",
    "amount",
    "start",
    "end",
    "reason",
)
# What a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Form(Enum):
    """Forms of a file, by their ending."""

    PDF = "pdf"
    CSV = "csv"


def name_of(statement: Statement, language: Language, form: Form) -> str:
    """A name for a file, such as `statement-acme-000003-en.pdf`."""
    number = f"{statement.number:06d}" if statement.number else "open"
    return f"statement-{statement.tenant}-{number}-{language.name.lower()}.{form.value}"


def render(statement: Statement, language: Language, form: Form) -> bytes:
    """A statement as a file; the same one gives the same bytes, once it is closed."""
    if form is Form.CSV:
        return to_csv(statement)
    return to_pdf(shape(statement, language), statement.close_time or datetime.now(UTC).replace(microsecond=0))


def to_csv(statement: Statement) -> bytes:
    """RFC 4180, UTF-8: one row for each line, amounts in the currency's unit, times in UTC."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for place, each in enumerate(statement.lines, 1):
        writer.writerow(
            [
                statement.number or "",
                place,
                each.kind.value,
                each.subscription_id,
                each.app_id,
                each.plan_id,
                each.dimension.value if each.dimension else "",
                quantity(each),
                each.unit,
                money.price_shown(each.price_micros) if each.price_micros else "",
                each.currency,
                money.shown(each.amount, each.currency) if each.currency else "",
                each.month.start.isoformat(),
                each.month.end.isoformat(),
                _harmless(each.reason),
            ]
        )
    return text.getvalue().encode()


def quantity(line: Line) -> str:
    """How much of the unit, with six decimals at the most."""
    if line.dimension is None:
        return ""
    shown = f"{Decimal(line.quantity) / Decimal(line.unit_size):.6f}"
    return shown.rstrip("0").rstrip(".")


def shape(statement: Statement, language: Language) -> Shape:
    """A statement as a page of a language."""
    zone = ZoneInfo(statement.time_zone)
    sums = [f"{money.shown(amount, each)} {each}" for each, amount in totals(statement.lines).items()]
    number = f"{statement.number:06d}" if statement.number else say(language, "open")
    facts = [
        (say(language, "enterprise"), statement.tenant),
        (say(language, "number"), number),
        (say(language, "month"), _month(statement.month, zone)),
        (say(language, "total"), ", ".join(sums) or say(language, "nothing")),
    ]
    if statement.close_time is not None:
        facts.append((say(language, "closed"), f"{statement.close_time.astimezone(zone):%Y-%m-%d %H:%M}"))
        facts.append(("SHA-256", statement.digest.hex()))
    return {
        "language": language.value,
        "title": f"{say(language, 'statement')} {_middle(statement.month).astimezone(zone):%Y-%m}",
        "kind": "DualSpan",
        "facts": facts,
        "zone": say(language, "zone", zone=statement.time_zone),
        "sections": _sections(statement, language, zone),
    }


def _sections(statement: Statement, language: Language, zone: ZoneInfo) -> list[Section]:
    usage = [each for each in statement.lines if each.kind is Kind.USAGE]
    earlier = [each for each in statement.lines if each.kind is not Kind.USAGE]
    found: list[Section] = [
        {"title": say(language, "lines"), "blocks": [_usage(usage, language), _note(say(language, "rounding"))]}
    ]
    if earlier:
        found.append({"title": say(language, "earlier"), "blocks": [_earlier(earlier, language, zone)]})
    if statement.comparisons:
        doubts = [
            _note(f"{each.subscription_id}: {words.doubt(language, each.doubt)} {each.reason}".strip(), warning=True)
            for each in statement.comparisons
            if each.doubt is not Doubt.NONE
        ]
        table = _comparisons(statement.comparisons, language, zone)
        found.append(
            {
                "title": say(language, "comparisons"),
                "blocks": [table, *doubts, _note(say(language, "no-cause"))],
            }
        )
    return found


def _usage(lines: Sequence[Line], language: Language) -> Table:
    heads = ("subscription", "plan", "dimension", "quantity", "unit", "price", "amount")
    rows = [
        [
            each.subscription_id,
            each.plan_id,
            words.dimension(language, each.dimension),
            quantity(each),
            words.unit(language, each.unit),
            money.price_shown(each.price_micros) if each.price_micros else "—",
            _amount(each, language),
        ]
        for each in lines
    ]
    return {"kind": "table", "columns": [say(language, each) for each in heads], "rows": rows, "texts": 3}


def _earlier(lines: Sequence[Line], language: Language, zone: ZoneInfo) -> Table:
    heads = ("kind", "subscription", "about", "dimension", "reason", "quantity", "amount")
    rows = [
        [
            words.kind(language, each.kind),
            each.subscription_id,
            f"{_middle(each.month).astimezone(zone):%Y-%m}",
            words.dimension(language, each.dimension),
            each.reason,
            f"{quantity(each)} {words.unit(language, each.unit)}".strip(),
            _amount(each, language),
        ]
        for each in lines
    ]
    return {"kind": "table", "columns": [say(language, each) for each in heads], "rows": rows, "texts": 5}


def _comparisons(given: Sequence[Comparison], language: Language, zone: ZoneInfo) -> Table:
    heads = ("subscription", "kpi", "when", "value", "good")
    rows: list[list[str]] = []
    for each in given:
        for key, measured, span in (
            ("before", each.before, each.before_span),
            ("after", each.after, each.after_span),
        ):
            when = f"{span.start.astimezone(zone):%Y-%m-%d %H:%M} – {span.end.astimezone(zone):%Y-%m-%d %H:%M}"
            value = f"{_figure(measured.value)} {measured.unit}".strip()
            rows.append(
                [each.subscription_id, each.kpi, f"{say(language, key)}: {when}", value, f"{measured.good_share:.0%}"]
            )
    return {"kind": "table", "columns": [say(language, each) for each in heads], "rows": rows, "texts": 3}


def _amount(line: Line, language: Language) -> str:
    if not line.currency:
        return say(language, "not-included")
    return f"{money.shown(line.amount, line.currency)} {line.currency}"


def _note(text: str, *, warning: bool = False) -> Note:
    return {"kind": "note", "text": text, "warning": warning}


def _figure(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:,.3f}"


def _month(month: Month, zone: ZoneInfo) -> str:
    return f"{month.start.astimezone(zone):%Y-%m-%d %H:%M} – {month.end.astimezone(zone):%Y-%m-%d %H:%M}"


def _middle(month: Month) -> datetime:
    """A time that certainly lies within the month that people mean."""
    return month.start + (month.end - month.start) / 2


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
