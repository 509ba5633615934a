"""What is wrong with a plan."""

import re
from collections.abc import Iterator

from dualspan_marketplace.catalogue.model import Plan, PlanModel
from dualspan_marketplace.usage import limits

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_MOST_TRIAL_DAYS = 90
_MOST_MICROS = 10**15


def problems(plan: Plan) -> Iterator[tuple[str, str]]:
    """Field and words for each thing that is wrong."""
    if not plan.name_en or not plan.name_zh or max(len(plan.name_en), len(plan.name_zh)) > 60:
        yield "plan.display_name", "Name the plan in English and Chinese, with 60 characters at the most."
    if plan.model.is_paid:
        if not 0 < plan.price_micros <= _MOST_MICROS:
            yield "plan.price_micros", "The price must be more than 0, in millionths of the currency's unit."
        if not _CURRENCY.fullmatch(plan.currency):
            yield "plan.currency", "The currency must be three capital letters of ISO 4217, such as CNY."
    elif plan.price_micros or plan.currency:
        yield "plan.price_micros", "A free plan and a trial have no price and no currency."
    if plan.model is PlanModel.TRIAL and not 1 <= plan.trial_days <= _MOST_TRIAL_DAYS:
        yield "plan.trial_days", f"A trial has 1 to {_MOST_TRIAL_DAYS} days."
    if plan.model is not PlanModel.TRIAL and plan.trial_days:
        yield "plan.trial_days", "Only a trial has days."
    if not 0 <= plan.max_assets <= 10_000:
        yield "plan.max_assets", "max_assets must be 0 to 10000."
    for words in limits.problems(plan.limits):
        yield "plan.quotas", words
