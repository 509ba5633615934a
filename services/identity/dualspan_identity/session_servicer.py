"""SessionService: protobuf to domain and back."""

import re
from typing import Any

from dualspan.identity.v1 import session_service_pb2 as contract
from dualspan.identity.v1.session_service_pb2_grpc import SessionServiceServicer
from dualspan_identity.errors import malformed
from dualspan_identity.service.sessions import Sessions
from dualspan_identity.store.tokens import SignedInAs
from dualspan_runtime.names import API_TOKEN, USER
from dualspan_runtime.roles import role_number

_MOST = 1000
_SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SessionServicer(SessionServiceServicer):
    """`dualspan.identity.v1.SessionService`.

    Args:
        sessions: The use case.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def CheckSignIns(  # noqa: N802 - the contract's name
        self, request: contract.CheckSignInsRequest, context: Any
    ) -> contract.CheckSignInsResponse:
        """Tells what became of some."""
        if len(request.signed_in) > _MOST:
            raise malformed("signed_in", f"has {_MOST} at the most")
        found = await self._sessions.roles_now([_read(each) for each in request.signed_in])
        states = [contract.SignInState(counts=bool(roles), roles=map(role_number, roles)) for roles in found]
        return contract.CheckSignInsResponse(states=states)


def _read(asked: contract.SignedInAs) -> SignedInAs:
    if not asked.session:
        parts = API_TOKEN.parse(asked.actor)
        return SignedInAs(parts["tenant"], f"apiTokens/{parts['api_token']}", "")
    if _SESSION.fullmatch(asked.session) is None:
        raise malformed("session", "must be the claim `sid` of an access token")
    parts = USER.parse(asked.actor)
    return SignedInAs(parts["tenant"], f"users/{parts['user']}", asked.session)
