"""A version's life from a draft to everybody's catalogue, and who sees what on the way."""

import asyncio
import base64
import json
from collections.abc import Awaitable

import grpc.aio
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from dualspan.marketplace.v1 import apps_pb2, catalogue_pb2, publishing_pb2
from dualspan.marketplace.v1.catalogue_pb2_grpc import CatalogueServiceStub
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan_marketplace.composition import catalogue
from dualspan_runtime.errors import error_info
from harness.historian import unique_tenant
from harness.marketplace import Marketplace, draft, manifest_of, say_who, submit, version_name

pytestmark = pytest.mark.asyncio(loop_scope="module")
IMAGE = "registry.example.com/apps/oee-board@sha256:" + "1" * 64


def reason(error: grpc.aio.AioRpcError) -> str:
    info = error_info(error)
    assert info is not None, error
    return info.reason


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return reason(raised.value)


async def search(
    channel: grpc.aio.Channel, tenant: str, query: str = "", industry: str = "", domain: str = ""
) -> list[str]:
    request = catalogue_pb2.ListListingsRequest(
        parent=f"tenants/{tenant}", query=query, industry=industry, domain=domain
    )
    found = await CatalogueServiceStub(channel).ListListings(request)
    return [each.name.rpartition("/")[2] for each in found.listings]


async def operation_of(channel: grpc.aio.Channel, name: str) -> operations_pb2.Operation:
    return await OperationsStub(channel).GetOperation(operations_pb2.GetOperationRequest(name=name))


async def test_a_version_is_published_and_found_by_others_in_both_languages(marketplace: Marketplace) -> None:
    maker, buyer = unique_tenant(), unique_tenant()
    app = f"{maker}-oee"
    looking = await marketplace.channel(buyer, "viewer")
    plan = apps_pb2.Plan(
        display_name=apps_pb2.MarketText(en="Each machine", zh="按设备"),
        model=apps_pb2.PLAN_MODEL_PER_ASSET_HOUR,
        price_micros=120_000,
        currency="CNY",
    )
    making = PublishingServiceStub(await marketplace.channel(maker))
    request = publishing_pb2.CreatePlanRequest(parent=f"tenants/{maker}/apps/{app}", plan_id="metered", plan=plan)
    assert (await making.CreatePlan(request)).state == apps_pb2.PLAN_STATE_PREPARED
    assert app not in await search(looking, buyer)
    published = await marketplace.publish(maker, app)
    assert published.state == apps_pb2.APP_VERSION_STATE_PUBLISHED
    for query in ("", "oee", "OEE availab", "看板", "合格率", "设备", "效 率", f"{maker}"):
        assert (app in await search(looking, buyer, query)) == (query != "效 率"), query
    assert app in await search(looking, buyer, industry="tyre-curing", domain="production")
    assert app not in await search(looking, buyer, domain="energy")
    assert app not in await search(looking, buyer, "oee turbine")
    listing = await CatalogueServiceStub(looking).GetListing(
        catalogue_pb2.GetListingRequest(name=f"tenants/{buyer}/listings/{app}")
    )
    assert (listing.version, listing.publisher.en, listing.plans[0].price_micros) == ("1.2.0", maker.title(), 120_000)
    assert list(listing.egress) == ["api.example.com:443"]
    assert listing.plans[0].state == apps_pb2.PLAN_STATE_OFFERED
    needed = {each.property for role in listing.roles for each in role.properties}
    assert needed, "what is read is said before anybody subscribes"
    assert listing.configuration["type"] == "object"


async def test_drafts_and_withdrawn_versions_are_nobody_elses(marketplace: Marketplace) -> None:
    maker, buyer = unique_tenant(), unique_tenant()
    app = f"{maker}-app"
    looking = CatalogueServiceStub(await marketplace.channel(buyer, "viewer"))
    making = await marketplace.channel(maker)
    get = catalogue_pb2.GetListingRequest(name=f"tenants/{buyer}/listings/{app}")
    await draft(making, maker, app, "1.0.0", apps_pb2.AppVersion(manifest=manifest_of(app, "1.0.0")))
    assert await refused(looking.GetListing(get)) == "APP_NOT_FOUND"
    await marketplace.publish(maker, app, "1.0.0")
    await marketplace.publish(maker, app, "1.10.0-rc.1")
    await marketplace.publish(maker, app, "1.9.0")
    assert (await looking.GetListing(get)).version == "1.10.0-rc.1"
    withdraw = publishing_pb2.WithdrawAppVersionRequest(
        name=version_name(maker, app, "1.10.0-rc.1"), remark="It leaks."
    )
    assert (await PublishingServiceStub(making).WithdrawAppVersion(withdraw)).remark == "It leaks."
    assert (await looking.GetListing(get)).version == "1.9.0"
    deprecate = publishing_pb2.DeprecateAppVersionRequest(name=version_name(maker, app, "1.9.0"))
    assert (await PublishingServiceStub(making).DeprecateAppVersion(deprecate)).state == (
        apps_pb2.APP_VERSION_STATE_DEPRECATED
    )
    assert (await looking.GetListing(get)).version == "1.0.0"


async def test_what_is_wrong_sends_a_version_back_with_lines(marketplace: Marketplace) -> None:
    maker = unique_tenant()
    making = await marketplace.channel(maker)
    await say_who(making, maker)
    text = manifest_of("bad-" + maker).replace("@sha256:" + "1" * 64, ":latest")
    line = text[: text.index(":latest")].count("\n") + 1
    operation = await submit(making, maker, "bad-" + maker, "1.2.0", text)
    await marketplace.check(maker, "bad-" + maker, "1.2.0")
    ended = await operation_of(making, operation.name)
    assert "by a tag, not by a digest" in ended.error.message
    name = version_name(maker, "bad-" + maker, "1.2.0")
    version = await PublishingServiceStub(making).GetAppVersion(publishing_pb2.GetAppVersionRequest(name=name))
    assert version.state == apps_pb2.APP_VERSION_STATE_DRAFT
    assert version.checks[0].outcome == apps_pb2.CHECK_OUTCOME_FAILED
    assert version.checks[0].findings[0].startswith(f"line {line}, run.docker.image")
    assert {each.outcome for each in version.checks[1:]} == {apps_pb2.CHECK_OUTCOME_UNSPECIFIED}


async def test_submitting_twice_at_once_has_one_outcome(marketplace: Marketplace) -> None:
    maker = unique_tenant()
    app = f"{maker}-app"
    making = await marketplace.channel(maker)
    await say_who(making, maker)
    operations = await asyncio.gather(*(submit(making, maker, app, "1.2.0", manifest_of(app)) for _ in range(8)))
    assert len({each.name for each in operations}) == 1
    await asyncio.gather(*(marketplace.check(maker, app, "1.2.0") for _ in range(3)))
    assert (await operation_of(making, operations[0].name)).done
    assert (await submit(making, maker, app, "1.2.0", manifest_of(app))).name == operations[0].name
    other = apps_pb2.AppVersion(manifest=manifest_of(app) + "# another\n")
    assert await refused(draft(making, maker, app, "1.2.0", other)) == "VERSION_TAKEN"


async def test_a_crash_before_the_worker_heard_of_it_is_mended_by_the_sweep(marketplace: Marketplace) -> None:
    maker = unique_tenant()
    app = f"{maker}-app"
    making = await marketplace.channel(maker)
    await say_who(making, maker)
    await submit(making, maker, app, "1.2.0", manifest_of(app))
    asked: list[tuple[str, ...]] = []

    class Heard:
        async def request(self, task: str, *ids: str) -> None:
            asked.append((task, *ids))

    checking = catalogue.checking(marketplace.parts, ())
    checking._jobs = Heard()  # type: ignore[assignment]
    await checking.sweep()
    assert ("marketplace.check_submission", maker, app, "1.2.0") in asked


async def test_an_id_belongs_to_who_used_it_first(marketplace: Marketplace) -> None:
    first, second = unique_tenant(), unique_tenant()
    app = f"{first}-app"
    given = apps_pb2.AppVersion(manifest=manifest_of(app))
    await draft(await marketplace.channel(first), first, app, "1.2.0", given)
    assert await refused(draft(await marketplace.channel(second), second, app, "1.2.0", given)) == "APP_ID_TAKEN"


async def test_only_what_somebody_of_the_platform_approved_is_published(marketplace: Marketplace) -> None:
    maker = unique_tenant()
    app = f"{maker}-app"
    making = await marketplace.channel(maker)
    stub, name = PublishingServiceStub(making), version_name(maker, app, "1.2.0")
    publish = publishing_pb2.PublishAppVersionRequest(name=name)
    review = publishing_pb2.ReviewAppVersionRequest(name=name, approve=True)
    await say_who(making, maker)
    await submit(making, maker, app, "1.2.0", manifest_of(app))
    assert await refused(stub.PublishAppVersion(publish)) == "NOT_POSSIBLE_NOW"
    await marketplace.check(maker, app, "1.2.0")
    assert await refused(stub.PublishAppVersion(publish)) == "NOT_APPROVED"
    assert await refused(stub.ReviewAppVersion(review)) == "PERMISSION_MISSING"
    admin = PublishingServiceStub(await marketplace.channel("platform", "platform_admin"))
    waiting = await admin.ListReviews(publishing_pb2.ListReviewsRequest())
    assert name in [each.name for each in waiting.app_versions]
    rejected = publishing_pb2.ReviewAppVersionRequest(name=name, remark="The icon is missing.")
    assert (await admin.ReviewAppVersion(rejected)).state == apps_pb2.APP_VERSION_STATE_DRAFT
    assert (await stub.GetAppVersion(publishing_pb2.GetAppVersionRequest(name=name))).remark == "The icon is missing."


@pytest.mark.parametrize("signed", [IMAGE, IMAGE.replace("1" * 64, "2" * 64), ""])
async def test_images_of_publishers_with_a_key_are_signed(marketplace: Marketplace, signed: str) -> None:
    maker = unique_tenant()
    app = f"{maker}-app"
    making = await marketplace.channel(maker)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    await say_who(making, maker, pem)
    given = apps_pb2.AppVersion(manifest=manifest_of(app))
    if signed:
        repository, _, digest = signed.partition("@")
        payload = json.dumps(
            {
                "critical": {
                    "identity": {"docker-reference": repository},
                    "image": {"docker-manifest-digest": digest},
                    "type": "cosign container image signature",
                },
                "optional": None,
            }
        ).encode()
        signature = base64.b64encode(key.sign(payload, ec.ECDSA(SHA256()))).decode()
        given.signatures.add(payload=payload, signature=signature)
    await draft(making, maker, app, "1.2.0", given)
    request = publishing_pb2.SubmitAppVersionRequest(name=version_name(maker, app, "1.2.0"))
    operation = await PublishingServiceStub(making).SubmitAppVersion(request)
    await marketplace.check(maker, app, "1.2.0")
    ended = await operation_of(making, operation.name)
    assert ended.HasField("response") == (signed == IMAGE), ended.error.message


async def test_pages_hold_every_app_once(marketplace: Marketplace) -> None:
    maker, buyer = unique_tenant(), unique_tenant()
    made = [f"{maker}-{number}" for number in range(5)]
    for app in made:
        await marketplace.publish(maker, app)
    looking = CatalogueServiceStub(await marketplace.channel(buyer, "viewer"))
    request = catalogue_pb2.ListListingsRequest(parent=f"tenants/{buyer}", query=maker, page_size=2)
    found: list[str] = []
    while True:
        page = await looking.ListListings(request)
        found += [each.name.rpartition("/")[2] for each in page.listings]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == made


async def test_a_picture_is_served_as_it_was_handed_in(marketplace: Marketplace) -> None:
    maker, buyer = unique_tenant(), unique_tenant()
    app = f"{maker}-app"
    making = await marketplace.channel(maker)
    icon = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>'
    text = manifest_of(app).replace("license:", "icon: icon.svg\nlicense:", 1)
    given = apps_pb2.AppVersion(manifest=text, pictures=[apps_pb2.AppPicture(path="icon.svg", content=icon)])
    await draft(making, maker, app, "1.2.0", given)
    looking = CatalogueServiceStub(await marketplace.channel(buyer, "viewer"))
    get = catalogue_pb2.GetListingPictureRequest(name=f"tenants/{buyer}/listings/{app}", path="icon.svg")
    assert await refused(looking.GetListingPicture(get)) == "APP_NOT_FOUND"
    await say_who(making, maker)
    name = version_name(maker, app, "1.2.0")
    await PublishingServiceStub(making).SubmitAppVersion(publishing_pb2.SubmitAppVersionRequest(name=name))
    await marketplace.check(maker, app, "1.2.0")
    admin = PublishingServiceStub(await marketplace.channel("platform", "platform_admin"))
    await admin.ReviewAppVersion(publishing_pb2.ReviewAppVersionRequest(name=name, approve=True))
    await PublishingServiceStub(making).PublishAppVersion(publishing_pb2.PublishAppVersionRequest(name=name))
    assert (await looking.GetListingPicture(get)).content == icon
    bad = apps_pb2.AppPicture(path="icon.svg", content=icon.replace(b"<path", b"<script>1</script><path"))
    hostile = apps_pb2.AppVersion(manifest=text, pictures=[bad])
    assert await refused(draft(making, maker, app, "1.3.0", hostile)) == "INVALID_FIELD"
