"""TransferService: tags in files."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio

from dualspan.onboarding.v1 import transfer_pb2, transfer_pb2_grpc
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.names import GatewayName, ServerName, parse_tenant
from dualspan_onboarding.service.transfer import Import, Imported, Transfers
from dualspan_onboarding.transfer.columns import TagSettings, settings_of
from dualspan_onboarding.transfer.entries import FileFormat, Mode, Place, Problem, Remark, shown
from dualspan_onboarding.transfer.plan import Changed, Creation, Plan, Update, changes
from dualspan_onboarding.transfer.targets import NewServer

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Change = transfer_pb2.ImportChange
_NEW = TagSettings()
_FILES = {
    FileFormat.CSV: ("text/csv; charset=utf-8", "tags.csv"),
    FileFormat.XLSX: ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "tags.xlsx"),
    FileFormat.PUBLISHED_NODES: ("application/json", "published-nodes.json"),
}


def _format(value: int) -> FileFormat | None:
    try:
        return FileFormat(value) if value else None
    except ValueError as err:
        raise malformed("UNKNOWN_FORMAT", "format", "format is none that is known.") from err


def _mode(value: int) -> Mode:
    try:
        return Mode(value) if value else Mode.MERGE
    except ValueError as err:
        raise malformed("UNKNOWN_MODE", "mode", "mode is none that is known.") from err


def _own(name: GatewayName | ServerName | None, tenant: str) -> None:
    if name is not None and name.tenant != tenant:
        raise malformed("FOREIGN_NAME", "parent", "Gateway and server must be the parent's.")


def wanted(request: transfer_pb2.ImportTagsRequest) -> Import:
    """What a person wants brought in; raises InvalidArgument."""
    tenant = parse_tenant(request.parent)
    gateway = GatewayName.parse(request.gateway) if request.gateway else None
    server = ServerName.parse(request.server) if request.server else None
    _own(gateway, tenant)
    _own(server, tenant)
    return Import(
        tenant=tenant,
        content=request.content,
        format=_format(request.format),
        mode=_mode(request.mode),
        dry_run=request.dry_run,
        gateway=gateway,
        server=server,
        expected_difference=request.expected_difference,
        accept_over_budget=request.accept_over_budget,
    )


def _place(place: Place) -> transfer_pb2.FilePlace:
    return transfer_pb2.FilePlace(line=place.line, entry=place.entry, field=place.field)


def _problem(problem: Problem) -> transfer_pb2.ImportProblem:
    return transfer_pb2.ImportProblem(
        place=_place(problem.place), reason=problem.reason, message=problem.message, remedy=problem.remedy
    )


def _remark(remark: Remark) -> transfer_pb2.ImportRemark:
    return transfer_pb2.ImportRemark(place=_place(remark.place), value=remark.value, message=remark.message)


def _fields(changed: list[Changed]) -> list[transfer_pb2.FieldChange]:
    return [transfer_pb2.FieldChange(field=c.column, before=c.before, after=c.after) for c in changed]


def _new_server(made: NewServer) -> transfer_pb2.ImportChange:
    settings = made.settings
    stated = {
        "endpoint_url": settings.endpoint_url,
        "security_mode": settings.security_mode.name,
        "security_policy": settings.security_policy.name,
        "username": settings.username,
    }
    fields = [transfer_pb2.FieldChange(field=field, after=value) for field, value in stated.items() if value]
    return _Change(action=_Change.ACTION_CREATE, server=str(made.name), place=_place(made.place), fields=fields)


def _creation(creation: Creation) -> transfer_pb2.ImportChange:
    fields = [Changed(c.column, "", c.after) for c in changes(_NEW, creation.settings)]
    return _Change(
        action=_Change.ACTION_CREATE,
        server=str(creation.server),
        node_id=creation.tag.node.node_id,
        place=_place(creation.place),
        fields=_fields(fields),
    )


def _update(update: Update) -> transfer_pb2.ImportChange:
    return _Change(
        action=_Change.ACTION_UPDATE,
        server=str(update.tag.server),
        node_id=update.tag.node_id,
        place=_place(update.place),
        fields=_fields(changes(settings_of(update.tag), update.settings)),
    )


def _changes(plan: Plan) -> list[transfer_pb2.ImportChange]:
    return [
        *(_new_server(made) for made in plan.servers),
        *(_creation(creation) for creation in plan.creations),
        *(_update(update) for update in plan.updates),
        *(_Change(action=_Change.ACTION_DELETE, server=str(t.server), node_id=t.node_id) for t in plan.deletions),
        *(
            _Change(
                action=_Change.ACTION_WAIT,
                server=str(waiting.server),
                node_id=shown(waiting.entry.node.text),
                place=_place(waiting.entry.place),
            )
            for waiting in plan.waiting
        ),
    ]


def import_response(imported: Imported) -> transfer_pb2.ImportTagsResponse:
    """What an import did, or would do."""
    plan, file = imported.plan, imported.file
    return transfer_pb2.ImportTagsResponse(
        applied=imported.applied,
        created=len(plan.creations),
        updated=len(plan.updates),
        deleted=len(plan.deletions),
        unchanged=plan.unchanged,
        waiting=len(plan.waiting),
        servers_created=len(plan.servers),
        problems=[_problem(problem) for problem in plan.problems],
        remarks=[_remark(remark) for remark in (*file.remarks, *plan.remarks)],
        changes=_changes(plan),
        difference=plan.difference,
        entries=file.count,
        skipped=file.skipped,
    )


class TransferServicer(transfer_pb2_grpc.TransferServiceServicer):
    """Answers people who bring files.

    Args:
        transfers: Use cases around files of tags.
    """

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers

    async def ImportTags(
        self, request: transfer_pb2.ImportTagsRequest, context: Context
    ) -> transfer_pb2.ImportTagsResponse:
        """See the contract."""
        return import_response(await self._transfers.bring(wanted(request)))

    async def ExportTags(
        self, request: transfer_pb2.ExportTagsRequest, context: Context
    ) -> transfer_pb2.ExportTagsResponse:
        """See the contract."""
        tenant = parse_tenant(request.parent)
        gateway = GatewayName.parse(request.gateway) if request.gateway else None
        server = ServerName.parse(request.server) if request.server else None
        _own(gateway, tenant)
        _own(server, tenant)
        form = _format(request.format) or FileFormat.CSV
        exported = await self._transfers.export(tenant, form, gateway, server)
        media_type, file_name = _FILES[form]
        return transfer_pb2.ExportTagsResponse(
            content=exported.content,
            tags=exported.tags,
            remarks=[_remark(remark) for remark in exported.remarks],
            media_type=media_type,
            file_name=file_name,
        )
