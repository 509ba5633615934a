"""Publishers, plans, pictures and signatures: messages to domain and back."""

import base64
import binascii
from collections.abc import Iterable

from dualspan.marketplace.v1 import apps_pb2
from dualspan_manifest import MAX_BYTES
from dualspan_marketplace.catalogue import errors
from dualspan_marketplace.catalogue.model import Picture, Plan, PlanModel, PlanState, Publisher, Signature, VersionName
from dualspan_marketplace.catalogue.pictures import read_picture
from dualspan_marketplace.names import APP_VERSION, PLAN, PUBLISHER
from dualspan_marketplace.servicer.usage_mapping import limit_message, read_limit

_MOST_PICTURES = 9
_MOST_SIGNATURES = 10
_MOST_PAYLOAD = 64 * 1024
_MODELS = {
    apps_pb2.PLAN_MODEL_FREE: PlanModel.FREE,
    apps_pb2.PLAN_MODEL_TRIAL: PlanModel.TRIAL,
    apps_pb2.PLAN_MODEL_FLAT: PlanModel.FLAT,
    apps_pb2.PLAN_MODEL_PER_ASSET_HOUR: PlanModel.PER_ASSET_HOUR,
}
_MODEL_NUMBERS = {model: number for number, model in _MODELS.items()}
_STATES = {
    PlanState.OFFERED: apps_pb2.PLAN_STATE_OFFERED,
    PlanState.RETIRED: apps_pb2.PLAN_STATE_RETIRED,
    PlanState.PREPARED: apps_pb2.PLAN_STATE_PREPARED,
}


def read_version_name(name: str) -> VersionName:
    """Which version a resource name means."""
    parts = APP_VERSION.parse(name)
    return VersionName(parts["tenant"], parts["app"], parts["version"])


def read_publisher(given: apps_pb2.Publisher) -> Publisher:
    """A publisher of a request."""
    return Publisher(
        tenant=PUBLISHER.parse(given.name)["tenant"],
        name_en=given.display_name.en,
        name_zh=given.display_name.zh,
        website=given.website,
        contact=given.contact,
        signing_key=given.signing_key,
    )


def publisher_message(given: Publisher) -> apps_pb2.Publisher:
    """A publisher of an answer."""
    return apps_pb2.Publisher(
        name=PUBLISHER.format(tenant=given.tenant),
        display_name=apps_pb2.MarketText(en=given.name_en, zh=given.name_zh),
        website=given.website,
        contact=given.contact,
        signing_key=given.signing_key,
    )


def read_plan(tenant: str, app_id: str, plan_id: str, given: apps_pb2.Plan) -> Plan:
    """A plan of a request."""
    if given.model not in _MODELS:
        raise errors.invalid("plan.model", "Say how the plan counts: free, trial, flat or per asset and hour.")
    return Plan(
        tenant=tenant,
        app_id=app_id,
        plan_id=plan_id,
        name_en=given.display_name.en,
        name_zh=given.display_name.zh,
        model=_MODELS[given.model],
        price_micros=given.price_micros,
        currency=given.currency,
        trial_days=given.trial_days,
        max_assets=given.max_assets,
        state=PlanState.PREPARED,
        limits=tuple(read_limit(each) for each in given.quotas),
    )


def plan_message(given: Plan) -> apps_pb2.Plan:
    """A plan of an answer."""
    return apps_pb2.Plan(
        name=PLAN.format(tenant=given.tenant, app=given.app_id, plan=given.plan_id),
        display_name=apps_pb2.MarketText(en=given.name_en, zh=given.name_zh),
        model=_MODEL_NUMBERS[given.model],
        price_micros=given.price_micros,
        currency=given.currency,
        trial_days=given.trial_days,
        max_assets=given.max_assets,
        state=_STATES[given.state],
        quotas=[limit_message(each) for each in given.limits],
    )


def read_manifest_text(text: str) -> str:
    """The text of a manifest, of any content but not of any size; what is wrong inside is the checks' business."""
    if not text or len(text.encode()) > MAX_BYTES:
        words = f"Hand in the text of app.yaml, {MAX_BYTES // 1024} KiB at the most."
        raise errors.invalid("app_version.manifest", words)
    if "\0" in text:
        raise errors.invalid("app_version.manifest", "The manifest has a character that no text has. Save it as UTF-8.")
    return text


def read_signatures(given: Iterable[apps_pb2.ImageSignature]) -> list[Signature]:
    """Signatures of a request."""
    found = [_signature(each) for each in given]
    if len(found) > _MOST_SIGNATURES:
        raise errors.invalid("app_version.signatures", f"There are more than {_MOST_SIGNATURES} signatures.")
    return found


def _signature(given: apps_pb2.ImageSignature) -> Signature:
    if not given.payload or len(given.payload) > _MOST_PAYLOAD or len(given.signature) > 1024:
        raise errors.invalid("app_version.signatures", "A signature has a payload of 64 KiB at the most.")
    try:
        return Signature(given.payload, base64.b64decode(given.signature, validate=True))
    except (binascii.Error, ValueError) as err:
        words = "The signature must be base64, as `cosign sign --output-signature` writes it."
        raise errors.invalid("app_version.signatures", words) from err


def read_pictures(given: Iterable[apps_pb2.AppPicture]) -> list[Picture]:
    """Pictures of a request, none too large and none with anything that runs."""
    found: dict[str, Picture] = {}
    for each in given:
        if not 0 < len(each.path) <= 256 or each.path in found:
            raise errors.invalid(
                "app_version.pictures", "Each picture has a path of its own, as the manifest names it."
            )
        picture, problem = read_picture(each.path, each.content)
        if picture is None:
            raise errors.invalid("app_version.pictures", problem)
        found[each.path] = picture
    if len(found) > _MOST_PICTURES:
        raise errors.invalid("app_version.pictures", "An app has an icon and eight pictures at the most.")
    return list(found.values())
