"""Versions and their checks as messages: operations carry them, and so do calls."""

from dualspan.marketplace.v1 import apps_pb2
from dualspan_manifest import InvalidManifestError, LocalText, Manifest, Requirement, parse
from dualspan_marketplace.catalogue.model import AppVersion, CheckResult, Outcome, VersionState
from dualspan_marketplace.names import APP_VERSION

_STATES = {
    VersionState.DRAFT: apps_pb2.APP_VERSION_STATE_DRAFT,
    VersionState.SUBMITTED: apps_pb2.APP_VERSION_STATE_SUBMITTED,
    VersionState.IN_REVIEW: apps_pb2.APP_VERSION_STATE_IN_REVIEW,
    VersionState.PUBLISHED: apps_pb2.APP_VERSION_STATE_PUBLISHED,
    VersionState.DEPRECATED: apps_pb2.APP_VERSION_STATE_DEPRECATED,
    VersionState.WITHDRAWN: apps_pb2.APP_VERSION_STATE_WITHDRAWN,
}
_OUTCOMES = {
    None: apps_pb2.CHECK_OUTCOME_UNSPECIFIED,
    Outcome.PASSED: apps_pb2.CHECK_OUTCOME_PASSED,
    Outcome.FAILED: apps_pb2.CHECK_OUTCOME_FAILED,
    Outcome.SKIPPED: apps_pb2.CHECK_OUTCOME_SKIPPED,
}


def needed_role(given: Requirement) -> apps_pb2.NeededRole:
    """Assets that play a part in an app."""
    properties = [
        apps_pb2.NeededProperty(property=need.property, unit=need.unit, optional=need.optional)
        for need in given.properties
    ]
    return apps_pb2.NeededRole(role=given.role, models=given.models, properties=properties)


def text_message(given: LocalText) -> apps_pb2.MarketText:
    """A text in both languages."""
    return apps_pb2.MarketText(en=given.en, zh=given.zh)


def _readable(text: str) -> Manifest | None:
    """The manifest of a draft may be anything: its checks say what is wrong with it."""
    try:
        return parse(text)
    except InvalidManifestError:
        return None


def _asks(given: Manifest) -> apps_pb2.AppAsks:
    """What whoever subscribes lets into their plant."""
    return apps_pb2.AppAsks(
        display_name=text_message(given.names),
        summary=text_message(given.summary),
        scopes=given.scopes,
        egress=[f"{each.host}:{each.port}" for each in given.egress],
        roles=[needed_role(each) for each in given.requires],
        outputs=[text_message(each.names) for each in given.outputs],
        license=given.license,
        image=given.run.image,
        cpu_millis=given.resources.cpu,
        memory_bytes=given.resources.memory,
    )


def check_message(given: CheckResult) -> apps_pb2.VersionCheck:
    """One check."""
    return apps_pb2.VersionCheck(check=given.check, outcome=_OUTCOMES[given.outcome], findings=given.findings)


def version_message(given: AppVersion, *, whole: bool = True) -> apps_pb2.AppVersion:
    """A version; lists leave its manifest out."""
    name = given.name
    message = apps_pb2.AppVersion(
        name=APP_VERSION.format(tenant=name.tenant, app=name.app_id, version=name.version),
        manifest=given.manifest if whole else "",
        state=_STATES[given.state],
        checks=[check_message(each) for each in given.checks],
        operation=given.operation,
        approver=given.approver,
        remark=given.remark,
        pictures=[apps_pb2.AppPicture(path=path) for path in given.picture_paths],
    )
    if whole and (manifest := _readable(given.manifest)) is not None:
        message.asks.CopyFrom(_asks(manifest))
    message.create_time.FromDatetime(given.create_time)
    message.state_time.FromDatetime(given.state_time)
    return message
