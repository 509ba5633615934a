"""Every operation of the document, asked with what the document allows and what it does not: no 5xx, nothing off it."""

from typing import Any, cast

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from harness.up import Running

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
# They would end the session and the person that asks, or the file is not the platform's own words.
LEFT_OUT = {"AccountService_EndSession", "IdentityService_SetPassword", "IdentityService_UpdateUser", "Session_End"}
# What there is, in the place of ids that nobody has.
KNOWN = {"tenant": "home", "user": "admin", "gateway": "g1", "server": "s1"}


def ask_all(running: Running, every: int, examples: int) -> int:
    """Asks every so-manieth operation; returns how many were asked."""
    console = running.wait_for(event="running")["console"]
    headers = {"authorization": f"Bearer {running.sign_in()['api_token']}"}
    schema = schemathesis.openapi.from_url(f"{console}/v1/openapi.json")
    operations: list[Any] = [cast("Any", each).ok() for each in schema.get_all_operations()]
    chosen = [each for each in operations if each.definition.raw["operationId"] not in LEFT_OUT][::every]
    for operation in chosen:
        ask(operation, console, headers, examples)
    return len(chosen)


def ask(operation: Any, console: str, headers: dict[str, str], examples: int) -> None:
    """Asks an operation with what the document allows, and holds the answers against it."""

    @hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @hypothesis.given(operation.as_strategy())
    def asked(case: Any) -> None:
        case.path_parameters = {name: KNOWN.get(name, word) for name, word in case.path_parameters.items()}
        case.call_and_validate(base_url=console, headers=headers, checks=CHECKS, timeout=15)

    asked()


def test_some_operations(running: Running) -> None:
    assert ask_all(running, every=12, examples=1) >= 20


@pytest.mark.long
@pytest.mark.timeout(900)
def test_all_operations(running: Running) -> None:
    assert ask_all(running, every=1, examples=5) >= 240
