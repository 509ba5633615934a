"""One notice about a server that the gateway cannot connect to, or not for long, whatever the server does."""

from dualspan.onboarding.v1 import notice_pb2
from dualspan_edge.notices import NoticeBoard

KIND = "SERVER_NOT_CONNECTED"
# A server that is restarted is back before so many attempts.
_ATTEMPTS = 3
_REMEDY = (
    "Find out what is wrong, step by step: dualspan onboarding test-connection GATEWAY/SERVER. The gateway goes on "
    "trying; what is missed meanwhile is in the gap ledger."
)


class Unreachable:
    """Says that there is no connection, and takes it back once one has stood for a while.

    Args:
        server: The server's id.
        notices: Where people are told.
    """

    def __init__(self, server: str, notices: NoticeBoard) -> None:
        self._server = server
        self._notices = notices

    def failed(self, attempt: int, words: str) -> None:
        """A connection failed, or could not be made, for the so-manieth time in a row."""
        if attempt >= _ATTEMPTS:
            severity = notice_pb2.NOTICE_SEVERITY_WARNING
            text = f"The gateway cannot keep a connection to the server: {words}."
            self._notices.put(KIND, self._server, severity, text, _REMEDY)

    def over(self) -> None:
        """It stands, or people are told of something else about it."""
        self._notices.clear(KIND, self._server)
