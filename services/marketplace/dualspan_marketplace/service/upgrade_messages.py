"""An upgrade as a message: the answer to a person, and how its operation goes."""

from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.marketplace.v1 import upgrades_pb2 as contract
from dualspan_marketplace.names import UPGRADE
from dualspan_marketplace.upgrades.comparison import Compared
from dualspan_marketplace.upgrades.model import Phase
from dualspan_marketplace.upgrades.record import Upgrade

_PHASES = {
    Phase.CANARY: contract.UPGRADE_PHASE_CANARY,
    Phase.SWITCHING: contract.UPGRADE_PHASE_SWITCHING,
    Phase.SWITCHED: contract.UPGRADE_PHASE_SWITCHED,
    Phase.ROLLED_BACK: contract.UPGRADE_PHASE_ROLLED_BACK,
    Phase.ABANDONED: contract.UPGRADE_PHASE_ABANDONED,
}


def upgrade_message(given: Upgrade) -> contract.Upgrade:
    """An upgrade."""
    since = given.canary_time
    compare_time = since + timedelta(seconds=given.canary_seconds) if since else None
    return contract.Upgrade(
        name=UPGRADE.format(
            tenant=given.name.tenant, subscription=given.name.subscription_id, upgrade=str(given.number)
        ),
        from_version=given.snapshot.version,
        to_version=given.to_version,
        phase=_PHASES[given.phase],
        reason=given.reason,
        compared=map(_compared, given.compared),
        create_time=_time(given.create_time),
        canary_time=_time(since),
        compare_time=_time(compare_time),
        end_time=_time(given.end_time),
    )


def _compared(given: Compared) -> contract.ComparedOutput:
    return contract.ComparedOutput(
        output=given.output,
        asset=given.asset,
        sample_count=given.samples,
        within_count=given.within,
        missing_count=given.missing,
        largest_difference=given.largest,
        passed=given.passed,
        words=given.words,
    )


def _time(given: datetime | None) -> Timestamp | None:
    if given is None:
        return None
    message = Timestamp()
    message.FromDatetime(given)
    return message
