"""Trust the other way: servers are told to trust the gateway, and go on with its next certificate."""

import asyncio
import datetime as dt
import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import trust_pb2
from dualspan_edge.opcua.certificates import create_application_instance, load_stored_instance, store_instance
from dualspan_edge.opcua.own_certificates import OwnCertificates, at_part, sha256_of
from dualspan_edge.opcua.trust_desk import REFUSED, UPCOMING
from dualspan_edge.trust import first_certificate
from dualspan_frame import ValueKind
from harness.certificates import der
from harness.node_opcua import ManagedUsers, run_managed_node_opcua
from plc_sim.opcua.trust_list import TrustList

COUNT = tag(2, "count", frame_pb2.VALUE_KIND_INT64)
UNTRUSTED, CONNECTED = onboarding.CONNECTION_STATE_UNTRUSTED, onboarding.CONNECTION_STATE_CONNECTED


class ManagedPlant:
    """A plant that trusts whom its list names, and lets the list be written."""

    def __init__(self, plant: Plant, folder: Path, **options: object) -> None:
        self.plant = plant
        self.trusted = TrustList(folder, frozenset({"admin"}), enforced=True, **options)  # pyright: ignore[reportArgumentType]
        self.user = "admin"

    def open(self) -> None:
        server = self.plant.server
        server.set_certificate_validator(self.trusted.validate)
        for node_id, node in server.iserver.aspace._nodes.items():
            if self.trusted.owns(node_id):
                node.call = self._caller(node_id)

    def _caller(self, node_id: ua.NodeId):
        async def call(parent: ua.NodeId, *arguments: ua.Variant) -> ua.CallMethodResult:
            request = ua.CallMethodRequest(parent, node_id, list(arguments))
            return await self.trusted.call(request, self.user)

        return call


def own_certificate(box: RunningGateway) -> bytes:
    instance = load_stored_instance(box.settings.data_dir / "opcua" / "application.pem")
    assert instance is not None
    return bytes.fromhex(sha256_of(instance))


async def push(platform: Platform, command_id: str) -> gateway.ConnectRequest.CommandReport:
    work = trust_pb2.TrustPush(server="plant")
    platform.onboarding.command(gateway.ConnectResponse.Command(command_id=f"{command_id}.1", push_trust=work))
    reports = platform.onboarding.command_reports
    await until(lambda: f"{command_id}.1" in reports and reports[f"{command_id}.1"].done, "the push ends")
    return reports[f"{command_id}.1"]


@pytest.mark.parametrize("options", [{}, {"adds": False}, {"adds": False, "transactions": False}])
async def test_a_server_that_lets_itself_be_managed_is_told_to_trust_the_gateway(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path, options: dict[str, bool]
) -> None:
    managed = ManagedPlant(plant, tmp_path / "trusted", **options)
    managed.open()
    platform.onboarding.configure(plant.configuration())
    box.start()
    await until(lambda: platform.onboarding.server_state() == CONNECTED, "an empty list lets everybody in")
    managed.trusted.replace([])
    report = await push(platform, "a")
    assert report.error == ""
    outcome = report.push_trust
    assert list(outcome.added_sha256) == [own_certificate(box).hex()]
    assert outcome.applied is (options == {"adds": False})
    assert [hashlib.sha256(one).digest() for one in managed.trusted.certificates()] == [own_certificate(box)]
    again = (await push(platform, "b")).push_trust
    assert (list(again.added_sha256), len(again.present_sha256)) == ([], 1)


async def test_others_stay_in_a_list_that_is_written_as_a_whole(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path
) -> None:
    managed = ManagedPlant(plant, tmp_path / "trusted", adds=False)
    managed.open()
    platform.onboarding.configure(plant.configuration())
    box.start()
    await until(lambda: platform.onboarding.server_state() == CONNECTED, "an empty list lets everybody in")
    other = der(create_application_instance("other").certificate)
    gateway_own = load_stored_instance(box.settings.data_dir / "opcua" / "application.pem")
    assert gateway_own is not None
    managed.trusted.enforced = False
    managed.trusted.replace([other])
    assert (await push(platform, "a")).error == ""
    assert set(managed.trusted.certificates()) == {other, der(gateway_own.certificate)}


_TRUST_LIST = "ServerConfiguration_CertificateGroups_DefaultApplicationGroup_TrustList"


@pytest.mark.parametrize("answer", [[None], [b""], [7], []], ids=str)
async def test_a_list_that_is_not_read_is_not_written_over(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path, answer: list[object]
) -> None:
    managed = ManagedPlant(plant, tmp_path / "trusted", adds=False)
    managed.trusted.enforced = False
    other = der(create_application_instance("other").certificate)
    managed.trusted.replace([other])
    take = managed.trusted.call

    async def call(request: ua.CallMethodRequest, user: str) -> ua.CallMethodResult:
        result = await take(request, user)
        if request.MethodId == ua.NodeId(getattr(ua.ObjectIds, f"{_TRUST_LIST}_Read")):
            result.OutputArguments = [ua.Variant(one, _variant_type(one)) for one in answer]
        return result

    managed.trusted.call = call
    managed.open()
    platform.onboarding.configure(plant.configuration())
    box.start()
    await until(lambda: platform.onboarding.server_state() == CONNECTED, "connected")
    assert "lets nobody read or change it" in (await push(platform, "a")).error
    assert managed.trusted.certificates() == [other]


def _variant_type(one: object) -> ua.VariantType:
    return ua.VariantType.Int32 if isinstance(one, int) else ua.VariantType.ByteString


@pytest.mark.parametrize("moment", ["AddCertificate", "Open"])
async def test_what_somebody_else_changes_at_the_same_time_stays(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path, moment: str
) -> None:
    managed = ManagedPlant(plant, tmp_path / "trusted", adds=False)
    managed.trusted.enforced = False
    first, second = (der(create_application_instance(name).certificate) for name in ("first", "second"))
    managed.trusted.replace([first])
    take = managed.trusted.call
    updated = plant.server.get_node(ua.NodeId(getattr(ua.ObjectIds, f"{_TRUST_LIST}_LastUpdateTime")))

    async def call(request: ua.CallMethodRequest, user: str) -> ua.CallMethodResult:
        at_it = request.MethodId == ua.NodeId(getattr(ua.ObjectIds, f"{_TRUST_LIST}_{moment}"))
        if at_it and (moment != "Open" or request.InputArguments[0].Value != 1):
            managed.trusted.replace([first, second])
            await updated.write_value(ua.Variant(dt.datetime.now(dt.UTC), ua.VariantType.DateTime))
        return await take(request, user)

    managed.trusted.call = call
    managed.open()
    platform.onboarding.configure(plant.configuration())
    box.start()
    await until(lambda: platform.onboarding.server_state() == CONNECTED, "connected")
    assert "at the same time" in (await push(platform, "a")).error
    assert set(managed.trusted.certificates()) == {first, second}


async def test_a_user_without_the_right_is_told_so(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path
) -> None:
    managed = ManagedPlant(plant, tmp_path / "trusted")
    managed.user = "operator"
    managed.open()
    platform.onboarding.configure(plant.configuration())
    box.start()
    await until(lambda: platform.onboarding.server_state() == CONNECTED, "connected")
    report = await push(platform, "a")
    assert "may not manage the server's certificates" in report.error
    assert "SecurityAdmin" in report.error
    assert managed.trusted.certificates() == []


async def test_a_server_that_does_not_trust_the_gateway_is_named(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path
) -> None:
    managed = ManagedPlant(plant, tmp_path / "trusted")
    managed.trusted.replace([der(create_application_instance("other").certificate)])
    managed.open()
    platform.onboarding.configure(plant.configuration())
    box.start()
    await until(lambda: (REFUSED, "plant") in platform.onboarding.notices, "the gateway says so")
    notice = platform.onboarding.notices[REFUSED, "plant"]
    assert own_certificate(box).hex() in notice.text
    managed.trusted.replace([])
    await until(lambda: (REFUSED, "plant") not in platform.onboarding.notices, "and takes it back")


async def test_the_gateways_next_certificate_is_shown_as_soon_as_a_server_takes_it(
    plant: Plant, platform: Platform, box: RunningGateway, tmp_path: Path
) -> None:
    folder = box.settings.data_dir / "opcua"
    # Made a day ago, as all are; two thirds of its life are over.
    old = create_application_instance("tenants:acme:gateways:box", lifetime=dt.timedelta(hours=6))
    store_instance(folder / "application.pem", old)
    managed = ManagedPlant(plant, tmp_path / "trusted")
    managed.trusted.replace([der(old.certificate)])
    managed.open()
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(COUNT))
    box.settings.trust_interval_seconds = 0.3
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0], "it streams with the old one")
    await until(lambda: (UPCOMING, "") in platform.onboarding.notices, "people are warned")
    roles = {one.role: one.certificate for one in platform.onboarding.certificates.applications}
    upcoming = roles[trust_pb2.APPLICATION_CERTIFICATE_ROLE_UPCOMING]
    await until(lambda: platform.onboarding.notices[UPCOMING, ""].details["servers"] == "plant", "plant is named")
    for number in range(1, 6):
        await plant.write("count", number, ua.VariantType.UInt32)
        await asyncio.sleep(0.02)
    # Pushing also asks the server at once whether it takes the new one.
    assert (await push(platform, "a")).error == ""
    assert upcoming in managed.trusted.certificates()
    await until(lambda: (UPCOMING, "") not in platform.onboarding.notices, "the server takes it")
    for number in range(6, 11):
        await plant.write("count", number, ua.VariantType.UInt32)
        await asyncio.sleep(0.02)
    await until(lambda: len(platform.historian.values(ValueKind.INT64, 2)) >= 11, "the stream goes on", 30)
    assert platform.historian.values(ValueKind.INT64, 2) == list(range(11))
    assert not platform.historian.gaps
    (only,) = platform.onboarding.certificates.applications
    assert (only.certificate, only.role) == (upcoming, trust_pb2.APPLICATION_CERTIFICATE_ROLE_IN_USE)


async def test_a_server_of_another_make_takes_it_from_who_may_and_from_nobody_else(
    platform: Platform, box: RunningGateway, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    pki, users = tmp_path / "pki", ManagedUsers()
    async with run_managed_node_opcua(free_port(), str(pki), users) as url:
        configuration = gateway.ServerConfiguration(
            server="plant", endpoint_url=url, username=users.operator, password=users.password
        )
        platform.onboarding.configure(configuration)
        box.start()
        await until(lambda: platform.onboarding.server_state() == UNTRUSTED, "its certificate waits", 30)
        shown = platform.onboarding.status.servers[0].untrusted_certificate
        configuration.trusted_certificate_sha256 = hashlib.sha256(shown).hexdigest()
        platform.onboarding.configure(configuration)
        await until(lambda: platform.onboarding.server_state() == CONNECTED, "it is approved", 30)
        refused = await push(platform, "a")
        # This make hides it from who may not use it.
        assert "shows it to users with the role SecurityAdmin only" in refused.error
        configuration.username = users.admin
        platform.onboarding.configure(configuration)
        await until(lambda: platform.onboarding.complete_revision == 3, "the configuration is in force")
        report = await push(platform, "b")
        assert report.error == ""
        added, present = report.push_trust.added_sha256, report.push_trust.present_sha256
        assert [*added, *present] == [own_certificate(box).hex()]
        trusted = [hashlib.sha256(first_certificate(_der(file))).digest() for file in (pki / "trusted/certs").iterdir()]
        assert own_certificate(box) in trusted
    await box.stop()


def _der(file: Path) -> bytes:
    content = file.read_bytes()
    return ssl.PEM_cert_to_DER_cert(content.decode()) if content.startswith(b"-----") else content


def test_the_next_certificate_is_made_at_two_thirds_and_used_before_the_end(tmp_path: Path) -> None:
    now = [dt.datetime.now(dt.UTC)]
    own = OwnCertificates(tmp_path, "box", clock=lambda: now[0])
    first = own.in_use
    now[0] = at_part(first, 0.66)
    own.renew_if_due()
    assert own.upcoming is None
    now[0] = at_part(first, 0.67)
    own.renew_if_due()
    upcoming = own.upcoming
    assert upcoming is not None
    assert upcoming.application_uri == first.application_uri
    assert own.instance_for("plant") is first
    own.taken("plant")
    assert own.instance_for("plant") is upcoming
    assert own.waiting_for(["plant", "press"]) == ["press"]
    # A gateway that is started again goes on where it was.
    again = OwnCertificates(tmp_path, "box", clock=lambda: now[0])
    assert again.upcoming is not None
    assert (sha256_of(again.in_use), sha256_of(again.upcoming)) == (sha256_of(first), sha256_of(upcoming))
    now[0] = at_part(first, 0.99)
    own.renew_if_due()
    assert (sha256_of(own.in_use), own.upcoming) == (sha256_of(upcoming), None)
    assert not (tmp_path / "application-next.pem").exists()
