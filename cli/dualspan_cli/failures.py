"""What a person reads when a command fails, and what the shell gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import grpc

from dualspan_cli.errors import CommandError

if TYPE_CHECKING:
    from dualspan_sdk import DualSpanError

EXIT_BAD_INPUT = 2
EXIT_UNAUTHENTICATED = 5
EXIT_PERMISSION_DENIED = 6
EXIT_NOT_FOUND = 7
EXIT_CONFLICT = 8
EXIT_UNAVAILABLE = 9

_EXIT_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: EXIT_BAD_INPUT,
    grpc.StatusCode.UNAUTHENTICATED: EXIT_UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: EXIT_PERMISSION_DENIED,
    grpc.StatusCode.NOT_FOUND: EXIT_NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: EXIT_CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: EXIT_CONFLICT,
    grpc.StatusCode.ABORTED: EXIT_CONFLICT,
    grpc.StatusCode.UNAVAILABLE: EXIT_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: EXIT_UNAVAILABLE,
}

# Where gRPC has tried, and that somebody was there who speaks another TLS, in its own words.
_ADDRESS = re.compile(r"\bipv[46]:(\S+:\d+)")
_HANDSHAKE = re.compile("ssl|handshake|certificate", re.IGNORECASE)
# What gRPC itself says of these is for programmers.
_TRANSPORT_WORDS = {
    grpc.StatusCode.UNAVAILABLE: "The platform cannot be reached",
    grpc.StatusCode.DEADLINE_EXCEEDED: "The platform has not answered in time",
}

# Where the services' own words do not say what to type next.
_NEXT_STEP = {
    grpc.StatusCode.UNAUTHENTICATED: "Sign in again with `dualspan sign-in`, or set DUALSPAN_TOKEN to one that holds.",
    grpc.StatusCode.PERMISSION_DENIED: "Ask an administrator of your tenant for a role that may do this.",
    grpc.StatusCode.UNAVAILABLE: "Is the platform running? `dualspan up` starts it on this machine.",
    grpc.StatusCode.DEADLINE_EXCEEDED: "Try again; if it stays slow, its logs say more.",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as it is shown: `reason` for programs, `words` for people."""

    reason: str
    words: str
    exit_code: int


def explain(error: CommandError | DualSpanError | grpc.RpcError) -> Failure:
    """Turns an error of the command itself, or one that a service answered, into words and an exit code."""
    from dualspan_sdk import DualSpanError

    if isinstance(error, CommandError):
        return Failure(error.reason, str(error), error.exit_code)
    if isinstance(error, grpc.aio.AioRpcError):
        error = DualSpanError.from_rpc(error)
    if not isinstance(error, DualSpanError):
        return Failure("UNKNOWN", str(error), 1)
    code, reason = grpc.StatusCode[error.code], error.reason
    # What the services say to everybody, the command says with its own words.
    detail = error.message.rstrip(".").removesuffix(" Sign in again").rstrip(".")
    # A reason of the platform's own comes with words that say what to do; a bare code does not.
    needs_hint = reason == error.code or code is grpc.StatusCode.UNAUTHENTICATED
    next_step = _NEXT_STEP.get(code, "") if needs_hint else ""
    if reason == error.code and code in _TRANSPORT_WORDS:
        address = _ADDRESS.search(error.message)
        if _HANDSHAKE.search(error.message):
            next_step = "Does the address lead to DualSpan, and is its certificate of an authority that is known here?"
        detail = f"{_TRANSPORT_WORDS[code]}{f' at {unquote(address[1])}' if address else ''}"
    return Failure(reason, f"{detail}. {next_step}".strip(), _EXIT_CODES.get(code, 1))
