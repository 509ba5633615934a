"""The server's list of clients that it trusts, and its methods (Part 12, 7.8.2 and 7.10): push management."""

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from plc_sim.opcua.standard import node_id, status_code

_IDS = ua.ObjectIds
_PREFIX = "ServerConfiguration_CertificateGroups_DefaultApplicationGroup_TrustList_"
_READ, _WRITE_ERASE = 1, 6  # Part 12, 7.8.2.1: no other mode
_TRUSTED_CERTIFICATES = 1  # TrustListMasks
_MOST_BYTES = 1_000_000
_MOST_OPEN = 10
_CODES = ua.StatusCodes
Arguments = Sequence[ua.Variant]
_Method = Callable[["TrustList", str, Arguments], list[ua.Variant]]


@dataclass(slots=True)
class _OpenFile:
    """A handle that a client holds."""

    user: str
    writing: bool
    content: bytearray
    position: int = 0


@dataclass
class TrustList:
    """Trusted client certificates, kept as files, and the methods that change them.

    Attributes:
        folder: Where `{SHA-256}.der` files are.
        admins: Users who may call the methods.
        enforced: Clients that are not in the list are refused. An empty list lets everybody in: the server waits to be
            set up.
        transactions: What CloseAndUpdate brings takes effect with ApplyChanges only.
        adds: AddCertificate is offered; else the list has to be written as a file.
    """

    folder: Path
    admins: frozenset[str] = frozenset()
    enforced: bool = False
    transactions: bool = True
    adds: bool = True
    _open: dict[int, _OpenFile] = field(default_factory=dict)
    _next_handle: int = 1
    _pending: list[bytes] | None = None

    def certificates(self) -> list[bytes]:
        """The trusted certificates, DER, in order of fingerprint."""
        return [path.read_bytes() for path in sorted(self.folder.glob("*.der"))] if self.folder.exists() else []

    def replace(self, certificates: Sequence[bytes]) -> None:
        """Trust these and no others."""
        self.folder.mkdir(parents=True, exist_ok=True)
        wanted = {f"{hashlib.sha256(der).hexdigest()}.der": der for der in certificates}
        for path in self.folder.glob("*.der"):
            if path.name not in wanted:
                path.unlink()
        for name, der in wanted.items():
            (self.folder / name).write_bytes(der)

    async def validate(self, certificate: x509.Certificate, description: object) -> None:
        """Refuse a client that is not trusted; asyncua calls it for every session with a certificate."""
        del description
        trusted = self.certificates()
        if self.enforced and trusted and certificate.public_bytes(Encoding.DER) not in trusted:
            raise ServiceError(_CODES.BadCertificateUntrusted)

    def owns(self, method: ua.NodeId) -> bool:
        """Whether a method is one of these."""
        return method.NamespaceIndex == 0 and method.Identifier in _METHODS

    async def call(self, request: ua.CallMethodRequest, user: str) -> ua.CallMethodResult:
        """Carry a method out for a user."""
        method = _METHODS[int(request.MethodId.Identifier)]
        if user not in self.admins:
            return ua.CallMethodResult(StatusCode=status_code(_CODES.BadUserAccessDenied))
        try:
            return ua.CallMethodResult(OutputArguments=method(self, user, request.InputArguments or []))
        except ServiceError as error:
            return ua.CallMethodResult(StatusCode=status_code(int(error.code)))

    # The methods.

    def _open_file(self, user: str, arguments: Arguments) -> list[ua.Variant]:
        (mode,) = _values(arguments, 1)
        if mode not in (_READ, _WRITE_ERASE):
            raise ServiceError(_CODES.BadNotSupported)
        if len(self._open) >= _MOST_OPEN or any(one.writing for one in self._open.values()):
            raise ServiceError(_CODES.BadInvalidState)
        content = bytearray() if mode == _WRITE_ERASE else bytearray(_encoded(self.certificates()))
        handle, self._next_handle = self._next_handle, self._next_handle + 1
        self._open[handle] = _OpenFile(user, mode == _WRITE_ERASE, content)
        return [ua.Variant(handle, ua.VariantType.UInt32)]

    def _file(self, handle: object, user: str) -> _OpenFile:
        found = self._open.get(handle) if isinstance(handle, int) else None
        if found is None or found.user != user:
            raise ServiceError(_CODES.BadInvalidArgument)
        return found

    def _read(self, user: str, arguments: Arguments) -> list[ua.Variant]:
        handle, length = _values(arguments, 2)
        file = self._file(handle, user)
        if file.writing or not isinstance(length, int) or length < 0:
            raise ServiceError(_CODES.BadInvalidState)
        part = bytes(file.content[file.position : file.position + length])
        file.position += len(part)
        return [ua.Variant(part, ua.VariantType.ByteString)]

    def _write(self, user: str, arguments: Arguments) -> list[ua.Variant]:
        handle, data = _values(arguments, 2)
        file = self._file(handle, user)
        if not file.writing or not isinstance(data, bytes):
            raise ServiceError(_CODES.BadInvalidState)
        if len(file.content) + len(data) > _MOST_BYTES:
            raise ServiceError(_CODES.BadRequestTooLarge)
        file.content += data
        return []

    def _close(self, user: str, arguments: Arguments) -> list[ua.Variant]:
        (handle,) = _values(arguments, 1)
        self._file(handle, user)
        del self._open[int(str(handle))]
        return []

    def _close_and_update(self, user: str, arguments: Arguments) -> list[ua.Variant]:
        (handle,) = _values(arguments, 1)
        file = self._file(handle, user)
        if not file.writing:
            raise ServiceError(_CODES.BadInvalidState)
        del self._open[int(str(handle))]
        certificates = _decoded(bytes(file.content))
        if self.transactions:
            self._pending = certificates
        else:
            self.replace(certificates)
        return [ua.Variant(self.transactions, ua.VariantType.Boolean)]

    def _add(self, user: str, arguments: Arguments) -> list[ua.Variant]:
        if not self.adds:
            raise ServiceError(_CODES.BadNotSupported)
        certificate, trusted = _values(arguments, 2)
        if self._open or self._pending is not None:
            raise ServiceError(_CODES.BadInvalidState)
        if trusted is not True or not isinstance(certificate, bytes):
            raise ServiceError(_CODES.BadCertificateInvalid)
        self.replace([*self.certificates(), *_checked([certificate])])
        return []

    def _apply_changes(self, user: str, arguments: Arguments) -> list[ua.Variant]:
        if self._pending is None:
            raise ServiceError(_CODES.BadNothingToDo)
        pending, self._pending = self._pending, None
        self.replace(pending)
        return []


def _values(arguments: Arguments, count: int) -> list[object]:
    if len(arguments) < count:
        raise ServiceError(_CODES.BadArgumentsMissing)
    if len(arguments) > count:
        raise ServiceError(_CODES.BadTooManyArguments)
    return [argument.Value for argument in arguments]


def _encoded(certificates: Sequence[bytes]) -> bytes:
    return struct_to_binary(
        ua.TrustListDataType(
            SpecifiedLists=ua.UInt32(_TRUSTED_CERTIFICATES),
            TrustedCertificates=[ua.ByteString(der) for der in certificates],
        )
    )


def _decoded(content: bytes) -> list[bytes]:
    try:
        stated = struct_from_binary(ua.TrustListDataType, ua.utils.Buffer(content))
    except (ua.UaError, struct.error) as error:  # it ends too early; a length is negative
        raise ServiceError(_CODES.BadDecodingError) from error
    if stated.SpecifiedLists != _TRUSTED_CERTIFICATES:
        raise ServiceError(_CODES.BadNotSupported)
    return _checked([bytes(der or b"") for der in stated.TrustedCertificates or []])


def _checked(certificates: list[bytes]) -> list[bytes]:
    try:
        for der in certificates:
            x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise ServiceError(_CODES.BadCertificateInvalid) from error
    return certificates


_METHODS: dict[int, _Method] = {
    getattr(_IDS, _PREFIX + "Open"): TrustList._open_file,  # noqa: SLF001 - its own methods, by their NodeId
    getattr(_IDS, _PREFIX + "Read"): TrustList._read,  # noqa: SLF001
    getattr(_IDS, _PREFIX + "Write"): TrustList._write,  # noqa: SLF001
    getattr(_IDS, _PREFIX + "Close"): TrustList._close,  # noqa: SLF001
    getattr(_IDS, _PREFIX + "CloseAndUpdate"): TrustList._close_and_update,  # noqa: SLF001
    getattr(_IDS, _PREFIX + "AddCertificate"): TrustList._add,  # noqa: SLF001
    _IDS.ServerConfiguration_ApplyChanges: TrustList._apply_changes,  # noqa: SLF001
}
TRUST_LIST = node_id(_IDS.ServerConfiguration_CertificateGroups_DefaultApplicationGroup_TrustList)
"""The object that the methods belong to."""
