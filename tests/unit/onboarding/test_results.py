"""Results of apps: what tags can be made for."""

import pytest

from dualspan_onboarding.results import MOST_RESULTS, Result, SubscriptionName, check_results
from dualspan_runtime.errors import DomainError


def test_results_of_assets_and_of_the_whole_subscription_are_fine() -> None:
    given = [Result("press-1", "oee", 1, "%"), Result("press-2", "oee", 1, "%"), Result("", "total", 2, "")]
    assert check_results(given) == given


@pytest.mark.parametrize(
    "given",
    [
        [Result("press-1", "oee", 1, "%"), Result("press-1", "oee", 2, "")],
        [Result("../press", "oee", 1, "%")],
        [Result("", "", 1, "%")],
        [Result("", "o e e", 1, "%")],
        [Result("", "oee", 0, "%")],
        [Result("", "oee", 6, "%")],
        [Result("", "oee", 1, "m" * 61)],
        [Result("", "oee", 1, "\0")],
    ],
)
def test_what_is_no_result_is_refused(given: list[Result]) -> None:
    with pytest.raises(DomainError) as raised:
        check_results(given)
    assert raised.value.reason == "MALFORMED_RESULT"


def test_there_is_an_end_to_them() -> None:
    many = [Result("", f"o{n}", 1, "") for n in range(MOST_RESULTS + 1)]
    assert check_results(many[:MOST_RESULTS])
    with pytest.raises(DomainError) as raised:
        check_results(many)
    assert raised.value.reason == "TOO_MANY_RESULTS"


def test_names_there_and_back() -> None:
    name = "tenants/acme/subscriptions/oee"
    assert str(SubscriptionName.parse(name)) == name
