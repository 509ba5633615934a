"""Tags from a table, as an engineer imports them: no OPC UA server need be there."""

import csv
import io
from collections.abc import Sequence

from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as onboarding
from dualspan.onboarding.v1 import transfer_pb2 as transfer
from dualspan.onboarding.v1.transfer_pb2_grpc import TransferServiceStub
from dualspan_bench.product.platform import Platform
from dualspan_cli.session import all_pages
from dualspan_frame import ValueKind

_TYPES = {ValueKind.INT64: "Int64", ValueKind.FLOAT64: "Double"}


async def import_tags(platform: Platform, gateway_id: str, wanted: Sequence[tuple[str, ValueKind]]) -> dict[str, int]:
    """Make a gateway, a server and tags of these paths and kinds; returns the tags' ids by path."""
    session = platform.session
    await session.onboarding.CreateGateway(
        onboarding.CreateGatewayRequest(
            parent=platform.tenant, gateway=resources.Gateway(display_name=gateway_id), gateway_id=gateway_id
        )
    )
    made = await session.onboarding.CreateOpcUaServer(
        onboarding.CreateOpcUaServerRequest(
            parent=f"{platform.tenant}/gateways/{gateway_id}",
            opc_ua_server=resources.OpcUaServer(endpoint_url="opc.tcp://hall:4840"),
            opc_ua_server_id="hall",
        )
    )
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["node_id", "browse_path", "kind", "data_type"])
    rows.writerows([f"nsu=urn:plc_sim;s={path}", path, kind.name, _TYPES[kind]] for path, kind in wanted)
    request = transfer.ImportTagsRequest(
        parent=platform.tenant, content=table.getvalue().encode(), server=made.name, accept_over_budget=True
    )
    answer = await TransferServiceStub(session.onboarding_channel).ImportTags(request)
    if not answer.applied:
        raise RuntimeError(f"the tags were not made: {answer}")
    listing = onboarding.ListTagsRequest(parent=platform.tenant, page_size=1000)
    found = await all_pages(session.onboarding.ListTags, listing, lambda page: page.tags)
    return {tag.browse_path.lstrip("/"): int(tag.name.rpartition("/")[2]) for tag in found}
