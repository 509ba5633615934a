import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from dualspan_runtime.context import bind_request_id
from dualspan_runtime.logs import configure_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def fail() -> None:
    password = "swordfish"
    raise ValueError(len(password))


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_shows_no_local_variables(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("probe", "json" if form == "json" else "text")
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("it failed")
        logging.getLogger("library").exception("it failed there too")
    written = capsys.readouterr().err
    assert written.count("ValueError") >= 2
    assert "swordfish" not in written.replace('password = "swordfish"', "")


def test_a_line_has_the_service_and_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("probe", "json", "info")
    with bind_request_id("r-1"):
        structlog.get_logger().info("frame kept", gateway="g")
        structlog.get_logger().debug("not this")
        logging.getLogger("library").warning("heed %s", "this")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["frame kept", "heed this"]
    assert all(line["service"] == "probe" and line["request_id"] == "r-1" and line["timestamp"] for line in lines)
    assert lines[0]["gateway"] == "g"
