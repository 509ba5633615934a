"""What input must be like, and what follows from it."""

import hashlib
import re
import unicodedata
from urllib.parse import urlsplit

from dualspan_onboarding.browsed import BrowsedNode
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.model import SecurityMode, SecurityPolicy, ServerSettings

MAX_NAME_CHARACTERS = 200
MAX_SEARCH_WORDS = 10
MAX_SERVER_URI_CHARACTERS = 1000
MAX_NODE_ID_BYTES = 1000
MAX_BROWSE_PATH_BYTES = 1500
MAX_INTERVAL_US = 24 * 3600 * 1_000_000
MAX_QUEUE_SIZE = 100_000
DEFAULT_INTERVAL_US = 1_000_000
# What "as fast as the server can" is taken for when a queue is sized.
FASTEST_SAMPLING_US = 10_000
# A notification may be so late before a server's queue overflows.
STALL_US = 5_000_000
VARIABLE_CLASS = 2  # Part 3, 5.2.3
_CURRENT_READ = 1  # Part 3, 8.57
# Part 6, 5.3.1.10; namespace 0 needs no URI. An index would drift when the server restarts.
_NODE_ID = re.compile(r"(?:nsu=(?P<uri>[^;\x00-\x20]+);)?(?P<type>[isgb])=(?P<id>.+)", re.DOTALL)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _printable(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def check_text(text: str, field: str, maximum: int = MAX_NAME_CHARACTERS) -> str:
    """Return `text` without blanks around it; raises InvalidArgument if it is too long or has control characters."""
    text = text.strip()
    if len(text) > maximum or not _printable(text):
        raise malformed("MALFORMED_TEXT", field, f"{field} must be at most {maximum} printable characters.")
    return text


def search_words(text: str) -> tuple[str, ...]:
    """The words that somebody searches for; raises InvalidArgument if there are too many or they are too long."""
    words = tuple(dict.fromkeys(check_text(text, "query").split()))
    if len(words) > MAX_SEARCH_WORDS:
        raise malformed("TOO_MANY_WORDS", "query", f"query must have at most {MAX_SEARCH_WORDS} words.")
    return words


def check_sha256(text: str, field: str) -> str:
    """Return `text` if it is a SHA-256 in lower-case hex; raises InvalidArgument otherwise."""
    if not _SHA256.fullmatch(text):
        raise malformed("MALFORMED_FINGERPRINT", field, f"{field} must be a SHA-256: 64 lower-case hexadecimal digits.")
    return text


def check_endpoint_url(url: str) -> str:
    """Return `url` if it is `opc.tcp://host[:port][/path]`; raises InvalidArgument otherwise."""
    refused = malformed(
        "MALFORMED_ENDPOINT_URL",
        "endpoint_url",
        "endpoint_url must be like opc.tcp://host:4840/path, without user names.",
    )
    if len(url) > 1024 or not _printable(url) or any(c.isspace() or c in '\\"<>^`{|}' for c in url):
        raise refused
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as err:
        raise refused from err
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme != "opc.tcp" or not parts.hostname or port == 0 or not plain:
        raise refused
    return url


def _identifier_fits(kind: str, identifier: str) -> bool:
    match kind:
        case "i":
            return identifier.isascii() and identifier.isdigit() and len(identifier) <= 10 and int(identifier) < 2**32
        case "g":
            return bool(_GUID.fullmatch(identifier))
        case "b":
            return bool(_BASE64.fullmatch(identifier))
        case _:
            return "\x00" not in identifier


def is_node_id(text: str) -> bool:
    """Whether `text` is a NodeId with its namespace as URI (Part 6, 5.3.1.10), short enough to be stored."""
    match = _NODE_ID.fullmatch(text)
    short = len(text.encode("utf-8", "replace")) <= MAX_NODE_ID_BYTES
    return bool(match) and short and _identifier_fits(match["type"], match["id"])


def check_node_id(text: str, field: str) -> str:
    """Return `text` if `is_node_id`; raises InvalidArgument otherwise."""
    if not is_node_id(text):
        raise malformed(
            "MALFORMED_NODE_ID",
            field,
            f"{text[:200]!r} is not a NodeId with its namespace as URI, such as nsu=http://example.com/UA;s=Temperature.",
        )
    return text


def check_security(settings: ServerSettings) -> ServerSettings:
    """Return `settings` if mode and policy go together; raises InvalidArgument otherwise."""
    without_mode = settings.security_mode is SecurityMode.NONE
    without_policy = settings.security_policy is SecurityPolicy.NONE
    if without_policy and not without_mode:
        raise malformed(
            "SECURITY_MISMATCH",
            "security_policy",
            "The policy NONE needs the mode NONE: state both to go without security.",
        )
    if without_mode and settings.security_policy not in (SecurityPolicy.NONE, SecurityPolicy.STRONGEST):
        raise malformed("SECURITY_MISMATCH", "security_mode", "The mode NONE has no policy: leave the policy out.")
    return settings


def check_server_uri(settings: ServerSettings) -> str:
    """Return the application URI that a server must have; raises InvalidArgument, also where one is needed."""
    uri = check_text(settings.server_uri, "server_uri", MAX_SERVER_URI_CHARACTERS)
    if settings.reverse_connect and not uri:
        raise malformed(
            "SERVER_URI_MISSING",
            "server_uri",
            "With reverse_connect, state the server's application URI: it is how the gateway knows who calls.",
        )
    return uri


def check_settings(settings: ServerSettings) -> ServerSettings:
    """Return `settings`, cleaned; raises InvalidArgument if they cannot be used."""
    trusted = settings.trusted_certificate_sha256
    return check_security(
        ServerSettings(
            display_name=check_text(settings.display_name, "display_name"),
            endpoint_url=check_endpoint_url(settings.endpoint_url),
            security_mode=settings.security_mode,
            security_policy=settings.security_policy,
            username=check_text(settings.username, "username"),
            trusted_certificate_sha256=check_sha256(trusted, "trusted_certificate_sha256") if trusted else "",
            reverse_connect=settings.reverse_connect,
            server_uri=check_server_uri(settings),
        )
    )


def check_interval(microseconds: int, field: str) -> int:
    """Return an interval of 0 to 24 hours; raises InvalidArgument otherwise."""
    if not 0 <= microseconds <= MAX_INTERVAL_US:
        raise malformed("INTERVAL_OUT_OF_RANGE", field, f"{field} must be between 0 and 24 hours.")
    return microseconds


def check_queue_size(size: int, field: str) -> int:
    """Return a queue size; raises InvalidArgument if it is more than any server would keep."""
    if not 0 <= size <= MAX_QUEUE_SIZE:
        raise malformed("QUEUE_OUT_OF_RANGE", field, f"{field} must be at most {MAX_QUEUE_SIZE}.")
    return size


def effective_queue_size(configured: int, sampling_us: int, publishing_us: int) -> int:
    """The queue that loses nothing between two publishes, even when a publish is late by STALL_US.

    ceil(publishing / sampling) alone overflows at the first notification that a busy gateway, disk or link delays.
    """
    between = -(-(publishing_us + STALL_US) // (sampling_us or FASTEST_SAMPLING_US))
    return min(max(configured, between, 1), MAX_QUEUE_SIZE)


def browsed_sampling_us(node: BrowsedNode) -> int:
    """The sampling interval for a variable of which nobody says more: the server's minimum, or 1 s."""
    minimum_us = node.minimum_sampling_interval_ms * 1000
    return round(minimum_us) if 0 < minimum_us <= MAX_INTERVAL_US else DEFAULT_INTERVAL_US


def is_readable_variable(node: BrowsedNode) -> bool:
    """Whether the node has a value that can be stored."""
    return node.node_class == VARIABLE_CLASS and bool(node.access_level & _CURRENT_READ) and node.kind != 0


def check_browse_path(path: str) -> str:
    """Return a browse path, or the beginning of one; raises InvalidArgument if none can be like it."""
    if "\x00" in path or len(path.encode()) > MAX_BROWSE_PATH_BYTES:
        raise malformed(
            "MALFORMED_BROWSE_PATH",
            "browse_path_prefix",
            f"browse_path_prefix has at most {MAX_BROWSE_PATH_BYTES} bytes.",
        )
    return path


def below(browse_path_prefix: str) -> str:
    """The form of "below this path" that stored paths are compared with; "" is all."""
    return browse_path_prefix.strip("/")


def secret_sha256(secret: str) -> bytes:
    """What is kept of an enrolment token's secret. Its 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def check_password(password: str) -> str:
    """Return a password as it is; raises InvalidArgument if it is longer than any server takes."""
    if len(password) > 1024:
        raise malformed("PASSWORD_TOO_LONG", "password", "password must be at most 1024 characters.")
    return password
