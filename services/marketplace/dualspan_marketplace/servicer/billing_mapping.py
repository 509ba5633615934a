"""Statements as messages."""

from dualspan.marketplace.v1 import billing_pb2 as contract
from dualspan.marketplace.v1.usage_pb2 import USAGE_DIMENSION_UNSPECIFIED
from dualspan_marketplace.names import BILLING_ACCOUNT, STATEMENT
from dualspan_marketplace.servicer.usage_mapping import DIMENSION_NUMBERS, time_message
from dualspan_marketplace.store.statements import Account
from dualspan_marketplace.usage import errors, words
from dualspan_marketplace.usage.comparison import Comparison, Doubt
from dualspan_marketplace.usage.files import Form
from dualspan_marketplace.usage.lines import Adjustment, Kind, Line, totals
from dualspan_marketplace.usage.statement import Statement
from dualspan_marketplace.usage.words import Language

CURRENT = "current"
_LONGEST_NUMBER = 18
_KINDS = {
    Kind.USAGE: contract.STATEMENT_LINE_KIND_USAGE,
    Kind.CORRECTION: contract.STATEMENT_LINE_KIND_CORRECTION,
    Kind.ADJUSTMENT: contract.STATEMENT_LINE_KIND_ADJUSTMENT,
}
_FORMS = {
    contract.STATEMENT_FORMAT_UNSPECIFIED: Form.PDF,
    contract.STATEMENT_FORMAT_PDF: Form.PDF,
    contract.STATEMENT_FORMAT_CSV: Form.CSV,
}
_LANGUAGES = {
    contract.STATEMENT_LANGUAGE_UNSPECIFIED: Language.EN,
    contract.STATEMENT_LANGUAGE_EN: Language.EN,
    contract.STATEMENT_LANGUAGE_ZH: Language.ZH,
}


def read_number(text: str) -> int:
    """Number of a closed statement; raises NotFound for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise errors.statement_not_found(text)
    return int(text)


def read_form(given: int) -> Form:
    """Form of a file."""
    if given not in _FORMS:
        raise errors.invalid("format", "A statement is had as PDF or as CSV.")
    return _FORMS[contract.StatementFormat.ValueType(given)]


def read_language(given: int) -> Language:
    """Language of a file."""
    if given not in _LANGUAGES:
        raise errors.invalid("language", "A statement is had in English or in Chinese.")
    return _LANGUAGES[contract.StatementLanguage.ValueType(given)]


def account_message(tenant: str, given: Account) -> contract.BillingAccount:
    """How statements are made."""
    return contract.BillingAccount(
        name=BILLING_ACCOUNT.format(tenant=tenant),
        time_zone=given.time_zone,
        open_since_time=time_message(given.open_since),
    )


def statement_message(given: Statement, *, whole: bool) -> contract.Statement:
    """A statement; of one that is not whole, no lines."""
    closed = given.close_time is not None
    identifier = str(given.number) if closed else CURRENT
    lines = given.lines if whole else ()
    return contract.Statement(
        name=STATEMENT.format(tenant=given.tenant, statement=identifier),
        state=contract.STATEMENT_STATE_CLOSED if closed else contract.STATEMENT_STATE_OPEN,
        number=given.number,
        start_time=time_message(given.month.start),
        end_time=time_message(given.month.end),
        time_zone=given.time_zone,
        close_time=time_message(given.close_time),
        lines=[_line(place, each) for place, each in enumerate(lines, 1)],
        totals=[
            contract.Amount(currency=currency, minor_units=amount) for currency, amount in totals(given.lines).items()
        ],
        comparisons=[_comparison(each) for each in given.comparisons],
        digest=given.digest.hex(),
    )


def adjustment_message(tenant: str, given: Adjustment) -> contract.Adjustment:
    """An adjustment."""
    statement = STATEMENT.format(tenant=tenant, statement=str(given.number))
    return contract.Adjustment(
        name=f"{statement}/adjustments/{given.adjustment_id}",
        subscription=given.subscription_id,
        amount=contract.Amount(currency=given.currency, minor_units=given.amount),
        reason=given.reason,
        create_time=time_message(given.create_time),
    )


def _line(place: int, given: Line) -> contract.StatementLine:
    return contract.StatementLine(
        number=place,
        kind=_KINDS[given.kind],
        subscription=given.subscription_id,
        app=given.app_id,
        plan=given.plan_id,
        dimension=DIMENSION_NUMBERS[given.dimension] if given.dimension else USAGE_DIMENSION_UNSPECIFIED,
        quantity=given.quantity / given.unit_size,
        unit=given.unit,
        price_micros=given.price_micros,
        amount=contract.Amount(currency=given.currency, minor_units=given.amount) if given.currency else None,
        start_time=time_message(given.month.start),
        end_time=time_message(given.month.end),
        reason=given.reason,
    )


def _comparison(given: Comparison) -> contract.KpiComparison:
    doubt = words.doubt(Language.EN, given.doubt)
    return contract.KpiComparison(
        subscription=given.subscription_id,
        app=given.app_id,
        kpi=given.kpi,
        unit=given.before.unit or given.after.unit,
        before=given.before.value,
        after=given.after.value,
        before_good_share=given.before.good_share,
        after_good_share=given.after.good_share,
        before_start_time=time_message(given.before_span.start),
        before_end_time=time_message(given.before_span.end),
        after_start_time=time_message(given.after_span.start),
        after_end_time=time_message(given.after_span.end),
        doubt=f"{doubt} {given.reason}".strip() if given.doubt is not Doubt.NONE else "",
    )
