import grpc
import pytest
import typer
from google.rpc import error_details_pb2, status_pb2

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan_cli.commands.accounts import parse_roles
from dualspan_cli.commands.query import parse_aggregate
from dualspan_cli.errors import CommandError, DataFolderInUseError
from dualspan_cli.failures import explain
from dualspan_cli.main import command_line
from dualspan_cli.session import tenant_name
from dualspan_sdk import Aggregate, DualSpanError


def rpc_error(code: grpc.StatusCode, message: str, reason: str = "") -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata()
    if reason:
        status = status_pb2.Status(code=code.value[0], message=message)
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="dualspan.io"))
        trailing.add("grpc-status-details-bin", status.SerializeToString())
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details=message)


def test_a_service_error_keeps_its_reason_and_words() -> None:
    failure = explain(rpc_error(grpc.StatusCode.NOT_FOUND, "There is no gateway g1.", "GATEWAY_NOT_FOUND"))
    assert (failure.reason, failure.words, failure.exit_code) == ("GATEWAY_NOT_FOUND", "There is no gateway g1.", 7)


def test_what_a_service_cannot_read_ends_as_what_the_command_cannot_read() -> None:
    failure = explain(rpc_error(grpc.StatusCode.INVALID_ARGUMENT, "It is no name.", "MALFORMED_NAME"))
    assert (failure.reason, failure.exit_code) == ("MALFORMED_NAME", 2)
    assert explain(DualSpanError("INVALID_ARGUMENT", "INVALID_PERIOD", "It ends before it begins.")).exit_code == 2


@pytest.mark.parametrize(
    ("code", "exit_code", "hint"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, 5, "dualspan sign-in"),
        (grpc.StatusCode.PERMISSION_DENIED, 6, "administrator"),
        (grpc.StatusCode.UNAVAILABLE, 9, "dualspan up"),
    ],
)
def test_errors_say_what_to_do(code: grpc.StatusCode, exit_code: int, hint: str) -> None:
    failure = explain(rpc_error(code, "no"))
    assert failure.exit_code == exit_code
    assert hint in failure.words


@pytest.mark.parametrize(
    ("code", "details", "words"),
    [
        (
            grpc.StatusCode.UNAVAILABLE,
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9501: Connection refused",
            "The platform cannot be reached at 127.0.0.1:9501. Is the platform running?",
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "last error: UNAVAILABLE: ipv6:%5B::1%5D:443: Ssl handshake failed: CERTIFICATE_VERIFY_FAILED",
            "The platform cannot be reached at [::1]:443. Does the address lead to DualSpan, and is its certificate",
        ),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", "The platform cannot be reached. Is the platform running?"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", "The platform has not answered in time. Try again"),
    ],
)
def test_transport_gibberish_is_not_shown(code: grpc.StatusCode, details: str, words: str) -> None:
    assert explain(rpc_error(code, details)).words.startswith(words)


def test_a_token_that_does_not_hold_is_told_once() -> None:
    given = rpc_error(grpc.StatusCode.UNAUTHENTICATED, "This token never was. Sign in again.", "TOKEN_INVALID")
    assert explain(given).words.startswith("This token never was. Sign in again with `dualspan sign-in`, or set")


def test_errors_of_the_library_and_the_command_are_explained_alike() -> None:
    assert explain(DualSpanError("NOT_FOUND", "TAG_NOT_FOUND", "No tag 7.")).exit_code == 7
    failure = explain(DataFolderInUseError("/data", "process 12"))
    assert failure.exit_code == 3
    assert "process 12" in failure.words


def test_roles_are_words() -> None:
    assert parse_roles(["viewer", "platform-admin"]) == [resources.ROLE_VIEWER, resources.ROLE_PLATFORM_ADMIN]
    with pytest.raises(CommandError, match="viewer, operator"):
        parse_roles(["unspecified"])


def test_aggregates_are_words() -> None:
    assert parse_aggregate("percent-good") is Aggregate.PERCENT_GOOD
    with pytest.raises(CommandError, match="time-average2"):
        parse_aggregate("median")


def test_tenants_have_a_short_form() -> None:
    assert tenant_name("acme") == tenant_name("tenants/acme") == "tenants/acme"
    assert not tenant_name("")


def test_every_command_has_a_form_for_programs() -> None:
    without: list[str] = []

    def walk(command: object, path: str) -> None:
        below = getattr(command, "commands", None)
        if below is None and not any("--json" in each.opts for each in getattr(command, "params", ())):
            without.append(path)
        for name, each in (below or {}).items():
            walk(each, f"{path} {name}")

    walk(typer.main.get_command(command_line([])), "dualspan")
    # It prints a rule as a file to be edited, which is JSON.
    assert without == ["dualspan analytics alarms show"]
