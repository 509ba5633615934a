"""Writing a server's trust list (Part 12, 7.8.2 and 7.10), so that it trusts the gateway without anybody's walk to it.

A server that lets itself be managed so has ServerConfiguration/CertificateGroups; each group has a TrustList, which is
a file with methods. AddCertificate is tried first. Where a server lacks it the list is read, written back with ours
added, and put in force; a list that cannot be read is never overwritten, because others depend on it.
"""

import hashlib
from collections.abc import Callable, Sequence

import structlog
from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import trust_pb2
from dualspan_edge.errors import GatewayError
from dualspan_edge.opcua.connection import Connection, connect
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.services import read_attributes, value_of
from dualspan_edge.opcua.trust_desk import TrustDesk
from dualspan_edge.opcua.words import status_words

_log = structlog.get_logger(__name__)
_IDS, _CODES = ua.ObjectIds, ua.StatusCodes
_GROUPS = _IDS.ServerConfiguration_CertificateGroups
_DEFAULT_GROUP = "DefaultApplicationGroup"
# Groups that are not for application instance certificates (Part 12, 7.8.3.3).
_OTHER_GROUPS = frozenset({"DefaultHttpsGroup", "DefaultUserTokenGroup"})
_ENCRYPTED = (onboarding.SECURITY_MODE_UNSPECIFIED, onboarding.SECURITY_MODE_SIGN_AND_ENCRYPT)
_READ, _WRITE_ERASE = 1, 6
_TRUSTED_CERTIFICATES = 1  # TrustListMasks (Part 12, 7.8.2.8)
_PORTION = 32_768
_MOST_BYTES = 8 * 1024 * 1024
_MOST_REFERENCES = 100
# A server without AddCertificate, or whose AddCertificate takes no certificate like ours, answers one of these.
_NOT_ADDABLE = frozenset(
    {
        _CODES.BadNotSupported,
        _CODES.BadNotImplemented,
        _CODES.BadMethodInvalid,
        _CODES.BadNodeIdUnknown,
        _CODES.BadNodeIdInvalid,
        _CODES.BadNothingToDo,
        _CODES.BadServiceUnsupported,
    }
)
_WRONG_USER = frozenset({_CODES.BadUserAccessDenied, _CODES.BadIdentityTokenRejected, _CODES.BadIdentityTokenInvalid})
_RIGHTS = frozenset({_CODES.BadUserAccessDenied, _CODES.BadNotExecutable, _CODES.BadNotWritable})

Progress = Callable[[str, int], None]
ConfigurationOf = Callable[[str], gateway.ServerConfiguration | None]


class NotManageableError(GatewayError):
    """The server does not let its trust list be written from here."""


class TrustPusher:
    """Carries out commands of the kind push_trust.

    Args:
        trust: What the gateway shows, and whom it trusts.
        configuration_of: The configuration of a server by its id; None if there is none.
    """

    def __init__(self, trust: TrustDesk, configuration_of: ConfigurationOf) -> None:
        self._trust = trust
        self._configuration_of = configuration_of

    async def run(
        self, command: gateway.ConnectResponse.Command, progress: Progress
    ) -> gateway.ConnectRequest.CommandReport:
        """Signs in on a connection of its own and adds the gateway's certificates.

        Raises:
            GatewayError: The server is not configured, not manageable, or refuses; the words say what to do.
            OSError, TimeoutError, ua.UaError: The server cannot be reached or refuses.
        """
        push = command.push_trust
        configured = self._configuration_of(push.server)
        if configured is None:
            raise NotManageableError(f"this gateway has no server {push.server}")
        if configured.security_mode not in _ENCRYPTED:
            raise NotManageableError(
                "certificates are managed over encrypted connections only; set the server's mode to SignAndEncrypt"
            )
        configuration = gateway.ServerConfiguration()
        configuration.CopyFrom(configured)
        if push.username:
            configuration.username, configuration.password = push.username, push.password
        progress("Connecting to the server", 5)
        instance = self._trust.instance_for(push.server)
        try:
            connection = await connect(configuration, instance, None, self._trust.anchors, self._trust.dial)
        except UaStatusCodeError as error:
            raise _not_let_in(error, configuration.username) from error
        try:
            outcome = await _Visit(connection, configuration.username, progress).push(self._certificates())
        finally:
            await connection.close(keep_session=False)
        self._trust.offer_soon(push.server)
        return gateway.ConnectRequest.CommandReport(push_trust=outcome)

    def _certificates(self) -> list[bytes]:
        own = self._trust.own
        instances = [own.in_use] if own.upcoming is None else [own.in_use, own.upcoming]
        return [instance.certificate.public_bytes(Encoding.DER) for instance in instances]


def _not_let_in(error: UaStatusCodeError, user: str) -> Exception:
    """What to say when there is no session."""
    if error.code not in _WRONG_USER:
        return error
    return NotManageableError(
        f"the server does not let {user or 'an anonymous user'} in: the user name or the password is wrong. Name a "
        "user who may manage the server's certificates with --username"
    )


class _Visit:
    """One session with a server, to look at its trust list and change it."""

    def __init__(self, connection: Connection, user: str, progress: Progress) -> None:
        self._connection = connection
        self._user = user or "anonymous"
        self._progress = progress
        self._methods: dict[str, ua.NodeId] = {}
        self._list = ua.NodeId()
        self._last_update: object = None

    async def push(self, certificates: Sequence[bytes]) -> trust_pb2.PushTrustResponse:
        self._progress("Looking for the server's trust list", 20)
        await self._find()
        self._progress("Reading the trust list", 40)
        present = await self._read_list()
        missing = [der for der in certificates if present is None or der not in present]
        applied = False
        if missing:
            self._progress("Adding the gateway's certificate", 60)
            applied = await self._add(missing, present)
            self._progress("Checking", 90)
            await self._check(missing)
        return _outcome(missing, [der for der in certificates if der not in missing], applied=applied)

    async def _find(self) -> None:
        groups = await self._children(standard_node(_GROUPS))
        names = sorted(groups.keys() - _OTHER_GROUPS, key=lambda name: (name != _DEFAULT_GROUP, name))
        for name in names:
            trust_list = (await self._children(groups[name])).get("TrustList")
            if trust_list is not None:
                self._list, self._methods = trust_list, await self._children(trust_list)
                return
        raise NotManageableError(
            f"the server shows the user {self._user} no management of its certificates (OPC UA Part 12): it offers "
            "none, or shows it to users with the role SecurityAdmin only. Name such a user with --username, or trust "
            "the gateway's certificate by hand: `dualspan onboarding certificates gateway` says how"
        )

    async def _children(self, parent: ua.NodeId) -> dict[str, ua.NodeId]:
        """What a node has below it, by BrowseName."""
        parameters = ua.BrowseParameters()
        parameters.RequestedMaxReferencesPerNode = ua.UInt32(_MOST_REFERENCES)
        description = ua.BrowseDescription()
        description.NodeId = parent
        description.BrowseDirection = ua.BrowseDirection.Forward
        description.ReferenceTypeId = standard_node(_IDS.HierarchicalReferences)
        description.IncludeSubtypes = True
        description.ResultMask = ua.BrowseResultMask.BrowseName
        parameters.NodesToBrowse = [description]
        (result,) = await self._connection.session.browse(parameters)
        return {
            reference.BrowseName.Name or "": ua.NodeId(
                reference.NodeId.Identifier, reference.NodeId.NamespaceIndex, reference.NodeId.NodeIdType
            )
            for reference in (result.References or ())[:_MOST_REFERENCES]
        }

    async def _call(self, name: str, *arguments: ua.Variant, on: ua.NodeId | None = None) -> list[object]:
        """Calls a method of the trust list; raises UaStatusCodeError."""
        request = ua.CallMethodRequest()
        request.ObjectId = self._list if on is None else on
        method = self._methods.get(name)
        if method is None:
            raise UaStatusCodeError(_CODES.BadNotSupported)
        request.MethodId = method
        request.InputArguments = list(arguments)
        (result,) = await self._connection.session.call([request])
        if not result.StatusCode.is_good():
            raise UaStatusCodeError(result.StatusCode.value)
        return [argument.Value for argument in result.OutputArguments or ()]

    async def _read_list(self) -> list[bytes] | None:
        """The trusted certificates, DER; None if the server does not let them be read."""
        self._last_update = await self._updated_at()
        try:
            handle = _handle(await self._call("Open", ua.Variant(_READ, ua.VariantType.Byte)))
        except UaStatusCodeError as error:
            if error.code in _RIGHTS:
                raise self._no_right() from error
            _log.info("trust_list_not_readable", why=status_words(int(error.code)))
            return None
        try:
            content = await self._read_all(handle)
        finally:
            await self._call("Close", handle)
        return _decoded(content)

    async def _updated_at(self) -> object:
        """When the server says that its list was changed last; None if it does not say."""
        node = self._methods.get("LastUpdateTime")
        if node is None:
            return None
        (answer,) = await read_attributes(self._connection.session, [(node, ua.AttributeIds.Value)], 1)
        return value_of(answer)

    async def _read_all(self, handle: ua.Variant) -> bytes:
        """The file; empty if what the server answers is none."""
        content = bytearray()
        while True:
            parts = await self._call("Read", handle, ua.Variant(_PORTION, ua.VariantType.Int32))
            part = parts[0] if len(parts) == 1 else parts
            # At the end of the file a null ByteString is as good as an empty one.
            if part == b"" or (part is None and content):
                return bytes(content)
            if not isinstance(part, bytes):
                return b""
            content += part
            if len(content) > _MOST_BYTES:
                raise NotManageableError("the server's trust list is larger than any that is taken; look at it there")

    async def _add(self, missing: Sequence[bytes], present: list[bytes] | None) -> bool:
        """Adds certificates; whether the server wanted its changes applied."""
        try:
            for der in missing:
                certificate = ua.Variant(der, ua.VariantType.ByteString)
                await self._call("AddCertificate", certificate, ua.Variant(True, ua.VariantType.Boolean))
        except UaStatusCodeError as error:
            if error.code in _RIGHTS:
                raise self._no_right() from error
            if error.code not in _NOT_ADDABLE:
                raise self._refused(error) from error
        else:
            return False
        if present is None:
            raise NotManageableError(
                "the server shows a trust list, and lets nobody read or change it from here. Trust the gateway's "
                "certificate by hand: `dualspan onboarding certificates gateway` says how"
            )
        return await self._write(missing, present)

    async def _write(self, missing: Sequence[bytes], present: list[bytes]) -> bool:
        """Writes the whole list, unless somebody else has changed it since it was read."""
        seen = self._last_update
        if await self._read_list() != present or self._last_update != seen:
            raise self._changed()
        certificates = [*present, *missing]
        content = struct_to_binary(
            ua.TrustListDataType(
                SpecifiedLists=ua.UInt32(_TRUSTED_CERTIFICATES),
                TrustedCertificates=[ua.ByteString(der) for der in certificates],
            )
        )
        try:
            handle = _handle(await self._call("Open", ua.Variant(_WRITE_ERASE, ua.VariantType.Byte)))
            # From here on the server lets nobody else write; what was written before shows in the time.
            if await self._updated_at() != seen:
                await self._call("Close", handle)
                raise self._changed()
            for start in range(0, len(content), _PORTION):
                part = ua.Variant(content[start : start + _PORTION], ua.VariantType.ByteString)
                await self._call("Write", handle, part)
            (wanted,) = await self._call("CloseAndUpdate", handle)
            if wanted is not True:
                return False
            self._progress("Applying", 80)
            self._methods["ApplyChanges"] = standard_node(_IDS.ServerConfiguration_ApplyChanges)
            await self._call("ApplyChanges", on=standard_node(_IDS.ServerConfiguration))
        except UaStatusCodeError as error:
            raise (self._no_right() if error.code in _RIGHTS else self._refused(error)) from error
        return True

    async def _check(self, added: Sequence[bytes]) -> None:
        """Reads the list again: some servers say yes and keep nothing."""
        try:
            present = await self._read_list()
        except (OSError, TimeoutError, ua.UaError, GatewayError) as error:
            # A server may end its sessions when its trust list changes (Part 12, 7.8.2.5): then it has taken it.
            _log.info("trust_list_not_read_again", error=str(error))
            return
        if present is not None and any(der not in present for der in added):
            raise NotManageableError(
                "the server said that it has taken the gateway's certificate, and its trust list lacks it. "
                "Look at the server's own log, or trust it by hand"
            )

    def _no_right(self) -> NotManageableError:
        return NotManageableError(
            f"the user {self._user} may not manage the server's certificates. Give it the role SecurityAdmin at the "
            "server, or name another user with --username"
        )

    @staticmethod
    def _changed() -> NotManageableError:
        return NotManageableError(
            "somebody else changed the server's trust list at the same time; it was left as it is. Push again"
        )

    @staticmethod
    def _refused(error: UaStatusCodeError) -> NotManageableError:
        return NotManageableError(f"the server did not take the gateway's certificate: {status_words(int(error.code))}")


def _handle(outputs: Sequence[object]) -> ua.Variant:
    if len(outputs) != 1 or not isinstance(outputs[0], int):
        raise NotManageableError("the server opened its trust list without a file handle; look at the server's own log")
    return ua.Variant(outputs[0], ua.VariantType.UInt32)


def _decoded(content: bytes) -> list[bytes] | None:
    """The certificates in a trust list's file; None if it is none: even an empty list is a file of some bytes."""
    if not content:
        return None
    try:
        stated = struct_from_binary(ua.TrustListDataType, ua.utils.Buffer(content))
    except Exception as error:  # asyncua raises what it pleases on a damaged file
        raise NotManageableError("the server's trust list is damaged; look at it at the server") from error
    certificates = [bytes(der) for der in stated.TrustedCertificates or ()]
    # A file that does not state the trusted certificates does not state that there are none.
    return certificates if certificates or stated.SpecifiedLists & _TRUSTED_CERTIFICATES else None


def _outcome(added: Sequence[bytes], present: Sequence[bytes], *, applied: bool) -> trust_pb2.PushTrustResponse:
    def fingerprints(certificates: Sequence[bytes]) -> list[str]:
        return [hashlib.sha256(der).hexdigest() for der in certificates]

    if added:
        detail = f"The server trusts the gateway now: {len(added)} certificate(s) added to its trust list"
        detail += ", changes applied." if applied else "."
    else:
        detail = "The server's trust list has the gateway's certificate already; nothing was changed."
    return trust_pb2.PushTrustResponse(
        added_sha256=fingerprints(added), present_sha256=fingerprints(present), applied=applied, detail=detail
    )
