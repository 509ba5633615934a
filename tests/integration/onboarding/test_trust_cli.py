"""The commands around trust, as a person and as a program runs them, against a running service."""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from integration.onboarding.running import Box, Onboarding

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import notice_pb2, trust_pb2
from harness.certificates import Authority, Wanted, certificate, der
from harness.up import environment

OWN = der(certificate(Wanted("box")))


async def run(onboarding: Onboarding, folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and everything printed."""
    settings = onboarding.settings.platform
    told = environment(folder / "none") | {
        "DUALSPAN_SERVICE_SECRET": settings.service_secret.get_secret_value(),
        "DUALSPAN_IDENTITY_ADDRESS": onboarding.identity.address,
        "DUALSPAN_ONBOARDING_ADDRESS": onboarding.address,
        "COLUMNS": "300",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dualspan_cli",
        "onboarding",
        *arguments,
        "--tenant",
        "acme",
        env=told,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


async def as_json(onboarding: Onboarding, folder: Path, *arguments: str) -> list[dict[str, object]]:
    code, output = await run(onboarding, folder, *arguments, "--json")
    assert code == 0, output
    return json.loads(output)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An authority with its revocation list, and what a person might take for one by mistake."""
    root = Authority.root()
    (tmp_path / "ca.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "ca.crl").write_bytes(root.revocation_list(number=2))
    (tmp_path / "other.crl").write_bytes(Authority.root("Other CA", 2).revocation_list())
    (tmp_path / "damaged.der").write_bytes(der(root.certificate)[:-3])
    (tmp_path / "large.der").write_bytes(bytes(10_000_000))
    return tmp_path


async def test_a_trust_list_from_the_command_line(onboarding: Onboarding, files: Path) -> None:
    await onboarding.create_gateway()
    code, output = await run(onboarding, files, "trust", "add", "authority", "ca.pem", "--note", "the plant's")
    assert (code, "Without a revocation list" in output) == (0, True), output
    (entry,) = await as_json(onboarding, files, "trust", "list")
    name = str(entry["name"]).rpartition("/")[2]
    code, output = await run(onboarding, files, "trust", "revocation-list", name, "ca.crl")
    assert (code, "0 revoked" in output) == (0, True), output
    for arguments, words in (
        (("trust", "revocation-list", name, "other.crl"), "issued by CN=Other CA"),
        (("trust", "add", "authority", "damaged.der"), "damaged; export it again"),
        (("trust", "add", "server", "large.der"), "10000000 bytes"),
        (("trust", "add", "authority", "nowhere.der"), "does not exist"),
    ):
        code, output = await run(onboarding, files, *arguments)
        assert code != 0
        assert words in " ".join(output.split()), output
        assert "Traceback" not in output
    code, output = await run(onboarding, files, "trust", "remove", name)
    assert (code, await as_json(onboarding, files, "trust", "list")) == (0, []), output


async def told(onboarding: Onboarding) -> Box:
    """A box that has said which certificate it has, and what bothers it."""
    await onboarding.create_gateway()
    box = await onboarding.box()
    own = trust_pb2.GatewayCertificates.Own(certificate=OWN, role=trust_pb2.APPLICATION_CERTIFICATE_ROLE_IN_USE)
    entry = notice_pb2.GatewayNotices.Entry(
        kind="CLOCK_WRONG", severity=notice_pb2.NOTICE_SEVERITY_WARNING, text="It is late.", remedy="Set it."
    )
    async with box.connected() as stream:
        await stream.configuration()
        request = gateway_messages.ConnectRequest
        await stream.call.write(request(certificates=trust_pb2.GatewayCertificates(applications=[own])))
        await stream.call.write(request(notices=notice_pb2.GatewayNotices(entries=[entry])))
        await stream.status()
        await asyncio.sleep(0.5)
    return box


async def test_notices_and_certificates_from_the_command_line(onboarding: Onboarding, tmp_path: Path) -> None:
    await told(onboarding)
    code, output = await run(onboarding, tmp_path, "notices")
    assert code == 0
    assert "warning CLOCK_WRONG  gateways/g1" in output, output
    assert "To do: Set it." in output
    (notice,) = await as_json(onboarding, tmp_path, "notices")
    name = str(notice["name"]).rpartition("/")[2]
    code, output = await run(onboarding, tmp_path, "notices", "acknowledge", name, "--note", "on it")
    assert (code, "acknowledged" in output) == (0, True), output
    assert await as_json(onboarding, tmp_path, "notices", "--about", "g1/press-1") == []
    lines = await as_json(onboarding, tmp_path, "certificates")
    assert {str(line["use"]).removeprefix("CERTIFICATE_USE_") for line in lines} >= {
        "GATEWAY_APPLICATION",
        "GATEWAY_TLS",
        "PLATFORM_CA",
    }
    code, output = await run(
        onboarding, tmp_path, "certificates", "gateway", "g1", "--out", "own.pem", "--format", "pem"
    )
    assert code == 0, output
    assert hashlib.sha256(OWN).hexdigest() in output
    assert "Siemens S7-1500" in output
    assert (tmp_path / "own.pem").read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    code, output = await run(onboarding, tmp_path, "certificates", "push", "g1/press-1")
    assert (code != 0, "There is no" in output) == (True, True), output
