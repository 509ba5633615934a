"""What is read in the log of a way out, whatever an app has it write there."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_egress.__main__ import refused as told
from dualspan_marketplace.deployments.docker.refusals import refusals
from dualspan_marketplace.deployments.provisioner import Refused


def line(**changes: object) -> bytes:
    whole = {"time": "2026-11-20T08:00:00+00:00", "event": "egress refused", "host": "a.test", "port": 1}
    whole |= {"code": "NO", "why": "no"}
    return json.dumps({**whole, **changes}).encode() + b"\n"


def test_what_is_told_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    told("api.test", 443, "UNDECLARED", "the app's manifest does not declare it")
    (found,) = refusals(capsys.readouterr().out.encode())
    assert (found.host, found.port, found.why) == ("api.test", 443, "the app's manifest does not declare it")
    assert found.code == "UNDECLARED"
    assert abs((datetime.now(UTC) - found.time).total_seconds()) < 60


@pytest.mark.parametrize(
    "other",
    [b"Traceback\n", b"[]\n", b"{}\n", line()[:-9], line(time="2026-11-20T08:00:00"), line(host=3), line(port=None)],
)
def test_anything_else_is_passed_over(other: bytes) -> None:
    wanted = Refused("a.test", 1, "no", datetime(2026, 11, 20, 8, tzinfo=UTC), "NO")
    assert list(refusals(line() + other)) == [wanted]


@pytest.mark.parametrize("code", ["", "no such", "A" * 41, 3, None])
def test_a_code_that_is_none_is_not_kept(code: object) -> None:
    (found,) = refusals(line(code=code))
    assert found.code == ""


@given(host=st.text(max_size=400), port=st.integers())
def test_a_host_and_a_port_are_what_can_be_shown_and_kept(host: str, port: int) -> None:
    (found,) = refusals(line(host=host, port=port))
    assert len(found.host) <= 255
    assert found.host.isprintable()
    assert found.port == (port if 1 <= port <= 65535 else 0)
