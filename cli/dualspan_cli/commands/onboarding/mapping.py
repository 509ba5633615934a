"""`dualspan onboarding mapping …`: what the variables of a server mean, proposed, applied, undone, measured."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.onboarding.v1 import mapping_service_pb2 as contract
from dualspan.onboarding.v1.mapping_service_pb2_grpc import MappingServiceStub
from dualspan_cli.commands.gateways import ServerArgument, server_name
from dualspan_cli.commands.onboarding.assets import asset_name, split_place
from dualspan_cli.commands.onboarding.measuring import evaluate
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_message, print_messages, screen
from dualspan_cli.output import print_rows as print_table
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.mapping_service_pb2_grpc import MappingServiceAsyncStub

mapping = typer.Typer(help="What variables mean: propose, look, correct, apply, undo.", no_args_is_help=True)
mapping.command("evaluate")(evaluate)

_GROUP_COLUMNS = ("group", "machine", "model", "confidence", "sure", "unsure", "unmatched", "family", "asset")
_MATCH_COLUMNS = ("property", "variable", "confidence", "sure", "reason")
_APPLICATION_COLUMNS = ("name", "create_time", "undo_time", "assets", "tags", "bindings")
_SHOWN = 20
ProposalArgument = Annotated[str, typer.Argument(help="The proposal's id, as `propose` prints it.")]
GroupsOption = Annotated[
    list[str] | None, typer.Option("--group", help="One machine of the proposal; repeatable. All if not given.")
]
TwinsOption = Annotated[bool, typer.Option("--twins", help="Their twins, the machines of the same shape, too.")]
ConfidenceOption = Annotated[
    float, typer.Option(help="Matches below this stay out; what was measured as sure if not given.", min=0.0, max=1.0)
]
ParentOption = Annotated[str, typer.Option(help="The asset that the machines become part of.")]
OverOption = Annotated[bool, typer.Option("--over-budget", help="Although the server would bear too much load.")]


def stub(session: Session) -> MappingServiceAsyncStub:
    """The service of mappings."""
    return MappingServiceStub(session.onboarding_channel)


def _proposal_name(session: Session, proposal: str) -> str:
    return proposal if "/" in proposal else f"{required_tenant(session)}/mappingProposals/{proposal}"


async def _groups(session: Session, name: str) -> list[contract.MappingGroup]:
    request = contract.ListMappingGroupsRequest(parent=name, page_size=200)
    call = partial(stub(session).ListMappingGroups)
    return await all_pages(call, request, lambda page: page.groups)


def _row(group: contract.MappingGroup) -> dict[str, object]:
    sure = sum(match.sure for match in group.matches)
    return {
        "group": group.group,
        "machine": group.browse_path or "(whole server)",
        "model": group.model,
        "confidence": f"{group.confidence:.2f}",
        "sure": sure,
        "unsure": len(group.matches) - sure,
        "unmatched": len(group.unmatched),
        "family": group.family,
        "asset": group.asset,
    }


def _print_groups(groups: list[contract.MappingGroup]) -> None:
    print_table([_row(group) for group in groups], as_json=False, columns=_GROUP_COLUMNS)


@mapping.command("propose")
def propose(
    server: ServerArgument,
    prefix: Annotated[str, typer.Option(help="Only variables below this browse path.")] = "",
    model: Annotated[list[str] | None, typer.Option(help="Only this model; repeatable.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Look at what the last browse of a server found, and propose machines and their properties."""

    async def use(session: Session) -> tuple[contract.MappingProposal, list[contract.MappingGroup]]:
        request = contract.ProposeMappingRequest(
            server=server_name(session, server), browse_path_prefix=prefix, models=model or ()
        )
        with messages.status("Comparing names, units and types…"):
            made = await stub(session).ProposeMapping(request, timeout=240)
            return made, await _groups(session, made.name)

    made, groups = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(made) | {"machines": [as_dict(group) for group in groups]})
        return
    _print_groups(groups)
    proposal = made.name.rpartition("/")[2]
    messages.print(f"{made.groups} machines; of {made.variables} variables {made.matched} matched, {made.sure} surely.")
    messages.print(f"Look at one: dualspan onboarding mapping show {proposal} --group 1")
    messages.print(f"Take it:     dualspan onboarding mapping apply {proposal}")


@mapping.command("show")
def show(
    proposal: ProposalArgument,
    group: Annotated[str, typer.Option(help="One machine with its variables; all machines if not given.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the machines of a proposal, or one of them with every match and its reason."""

    async def use(session: Session) -> list[contract.MappingGroup]:
        return await _groups(session, _proposal_name(session, proposal))

    groups = with_session(use, tenant=tenant, data=data)
    chosen = [each for each in groups if group in {"", each.group}]
    if group and not chosen:
        raise CommandError("GROUP_NOT_FOUND", f"The proposal has no group {group}.", exit_code=2)
    if as_json:
        print_json([as_dict(each) for each in chosen])
        return
    if not group:
        _print_groups(chosen)
        return
    _print_group(chosen[0])


def _print_group(group: contract.MappingGroup) -> None:
    """One machine for a person: what it is and why, each match and why, what is left."""
    why = f"{group.display_name} is a {group.model} {group.model_version} ({group.confidence:.2f}): {group.reason}."
    screen.print(why, markup=False, soft_wrap=True)
    rows = [
        {
            "property": f"{match.property}/{match.index}" if match.index else match.property,
            "variable": match.browse_path.removeprefix(group.browse_path).lstrip("/"),
            "confidence": f"{match.confidence:.2f}",
            "sure": match.sure,
            "reason": match.reason,
        }
        for match in group.matches
    ]
    print_table(rows, as_json=False, columns=_MATCH_COLUMNS)
    if group.unmatched:
        messages.print(f"Nothing is proposed for {len(group.unmatched)} variables:")
        for path in group.unmatched[:_SHOWN]:
            messages.print(f"  {path.removeprefix(group.browse_path).lstrip('/')}", markup=False)


@mapping.command("correct")
def correct(
    proposal: ProposalArgument,
    corrections: Annotated[
        list[str], typer.Argument(help="VARIABLE=PROPERTY, VARIABLE=PROPERTY/NUMBER, or VARIABLE= for none.")
    ],
    group: Annotated[str, typer.Option(help="The machine.")],
    twins: TwinsOption = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what variables of a machine are, before it is applied. VARIABLE is its path below the machine."""

    async def use(session: Session) -> list[contract.MappingGroup]:
        name = _proposal_name(session, proposal)
        request = contract.CorrectMappingRequest(name=name, group=group, with_twins=twins)
        nodes = await _nodes_of(session, name, group)
        for text in corrections:
            variable, _, place = text.rpartition("=")
            target, number = split_place(place)
            if variable not in nodes:
                raise CommandError("VARIABLE_NOT_FOUND", f"The machine has no variable {variable!r}.", exit_code=2)
            request.corrections.add(node_id=nodes[variable], property=target, index=number)
        return list((await stub(session).CorrectMapping(request)).groups)

    changed = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_messages(changed, as_json=True, columns=())
        return
    _print_groups(changed)


async def _nodes_of(session: Session, proposal: str, group: str) -> dict[str, str]:
    """Path below the machine to NodeId, for all variables of a group."""
    from dualspan.onboarding.v1 import service_pb2 as service

    found = [each for each in await _groups(session, proposal) if each.group == group]
    if not found:
        raise CommandError("GROUP_NOT_FOUND", f"The proposal has no group {group}.", exit_code=2)
    made = await stub(session).GetMappingProposal(contract.GetMappingProposalRequest(name=proposal))
    request = service.ListBrowsedNodesRequest(
        parent=made.server, page_size=10_000, variables_only=True, browse_path_prefix=found[0].browse_path
    )
    call = session.onboarding.ListBrowsedNodes
    nodes = await all_pages(call, request, lambda page: page.nodes)
    return {node.browse_path.removeprefix(found[0].browse_path).lstrip("/"): node.node_id for node in nodes}


def _choice(
    session: Session, groups: list[str] | None, twins: bool, confidence: float, parent: str, over: bool
) -> contract.MappingChoice:
    return contract.MappingChoice(
        groups=groups or (),
        with_twins=twins,
        minimum_confidence=confidence,
        parent_asset=asset_name(session, parent),
        accept_over_budget=over,
    )


def _print_difference(difference: contract.MappingDifference) -> None:
    for asset in difference.assets:
        screen.print(f"+ {asset.name.rpartition('/')[2]}  {asset.model}  {asset.display_name}", markup=False)
    for change in difference.bindings[:_SHOWN]:
        place = f"{change.property}/{change.index}" if change.index else change.property
        was = f" (was {change.was})" if change.was else ""
        asset = change.asset.rpartition("/")[2]
        screen.print(f"  {asset}.{place} = {change.browse_path}{was}", markup=False, soft_wrap=True)
    if len(difference.bindings) > _SHOWN:
        screen.print(f"  … and {len(difference.bindings) - _SHOWN} more; all of them with --json")
    screen.print(
        f"{len(difference.assets)} assets, {len(difference.bindings)} bindings, {difference.tags} new tags",
        markup=False,
    )


@mapping.command("diff")
def preview(
    proposal: ProposalArgument,
    group: GroupsOption = None,
    twins: TwinsOption = False,
    confidence: ConfidenceOption = 0.0,
    parent: ParentOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what applying would change. Nothing changes."""

    async def use(session: Session) -> contract.MappingDifference:
        choice = _choice(session, group, twins, confidence, parent, over=False)
        request = contract.PreviewMappingRequest(name=_proposal_name(session, proposal), choice=choice)
        return await stub(session).PreviewMapping(request)

    difference = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(difference))
        return
    _print_difference(difference)


@mapping.command("apply")
def apply(
    proposal: ProposalArgument,
    group: GroupsOption = None,
    twins: TwinsOption = False,
    confidence: ConfidenceOption = 0.0,
    parent: ParentOption = "",
    over_budget: OverOption = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create the assets, tags and bindings of machines; all or nothing."""

    async def use(session: Session) -> contract.MappingApplication:
        choice = _choice(session, group, twins, confidence, parent, over=over_budget)
        request = contract.ApplyMappingRequest(name=_proposal_name(session, proposal), choice=choice)
        with messages.status("Applying…"):
            return await stub(session).ApplyMapping(request, timeout=120)

    made = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(made))
        return
    messages.print(f"{made.assets} assets, {made.bindings} bound properties, {made.tags} new tags.")
    messages.print(f"Take it back: dualspan onboarding mapping undo {made.name.rpartition('/')[2]}")


@mapping.command("undo")
def undo(
    application: Annotated[str, typer.Argument(help="The application's id, as `apply` and `applied` print it.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back what was applied, as far as nobody has changed it since."""

    async def use(session: Session) -> contract.MappingApplication:
        name = application if "/" in application else f"{required_tenant(session)}/mappingApplications/{application}"
        return await stub(session).UndoMapping(contract.UndoMappingRequest(name=name))

    undone = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_message(undone, as_json=True, columns=())
        return
    gone = undone.difference
    messages.print(f"Taken back: {len(gone.assets)} assets, {len(gone.bindings)} bindings, {gone.tags} tags.")
    for words in gone.kept:
        messages.print(f"Kept: {words}", markup=False)


@mapping.command("applied")
def applied(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List what was applied, the latest first."""

    async def use(session: Session) -> list[contract.MappingApplication]:
        request = contract.ListMappingApplicationsRequest(parent=required_tenant(session))
        call = partial(stub(session).ListMappingApplications)
        return await all_pages(call, request, lambda page: page.mapping_applications)

    print_messages(with_session(use, tenant=tenant, data=data), as_json=as_json, columns=_APPLICATION_COLUMNS)
