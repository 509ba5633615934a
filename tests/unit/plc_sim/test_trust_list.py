import struct
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from plc_sim.opcua.trust_list import TRUST_LIST, TrustList

IDS = ua.ObjectIds
PREFIX = "ServerConfiguration_CertificateGroups_DefaultApplicationGroup_TrustList_"
FILE = struct_to_binary(
    ua.TrustListDataType(SpecifiedLists=ua.UInt32(1), TrustedCertificates=[ua.ByteString(b"no certificate"), None])
)


async def call(trust: TrustList, method: str, *arguments: ua.Variant) -> ua.CallMethodResult:
    request = ua.CallMethodRequest(TRUST_LIST, ua.NodeId(getattr(IDS, PREFIX + method)), list(arguments))
    return await trust.call(request, "admin")


async def written(folder: Path, content: bytes) -> int:
    """The status with which a trust list ends that is written as a file."""
    trust = TrustList(folder, admins=frozenset({"admin"}))
    opened = await call(trust, "Open", ua.Variant(6, ua.VariantType.Byte))
    handle = opened.OutputArguments[0]
    assert (await call(trust, "Write", handle, ua.Variant(content, ua.VariantType.ByteString))).StatusCode.is_good()
    return int((await call(trust, "CloseAndUpdate", handle)).StatusCode.value)


@pytest.mark.parametrize("content", [b"", FILE[:-1], struct.pack("<Iii", 1, 1, -2), struct.pack("<Iii", 1, 1 << 30, 4)])
async def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert await written(tmp_path, content) == ua.StatusCodes.BadDecodingError


async def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    assert await written(tmp_path, FILE) == ua.StatusCodes.BadCertificateInvalid


@given(
    st.binary(max_size=80)
    | st.tuples(st.integers(0, len(FILE)), st.binary(max_size=9)).map(
        lambda cut: FILE[: cut[0]] + cut[1] + FILE[cut[0] :]
    )
)
async def test_no_file_is_more_than_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    codes = ua.StatusCodes
    refused = {codes.BadDecodingError, codes.BadNotSupported, codes.BadCertificateInvalid}
    assert await written(tmp_path_factory.getbasetemp() / "none", content) in refused | {codes.Good}
