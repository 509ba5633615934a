"""Tags in and out in bulk: a file is taken whole or not at all."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dualspan_onboarding.errors.browsing import difference_changed
from dualspan_onboarding.errors.fleet import server_unknown
from dualspan_onboarding.model import Limits, OpcUaServer, Tag
from dualspan_onboarding.names import GatewayName, GatewayScope, ServerName
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.budget import LoadChange, enforce_budget, load_after, load_of_new
from dualspan_onboarding.service.sampling import load_of_tag
from dualspan_onboarding.service.servers import add_server, configuration_changed, lock_gateway
from dualspan_onboarding.service.transfer_lookup import look_up
from dualspan_onboarding.store import outbox, servers, tags, transfers
from dualspan_onboarding.transfer.entries import (
    FileFormat,
    FileRefused,
    Mode,
    Place,
    Problem,
    Remark,
    TagFile,
)
from dualspan_onboarding.transfer.files import read_file, write_file
from dualspan_onboarding.transfer.plan import Plan, Planner, Update, in_order
from dualspan_onboarding.transfer.targets import Assignment, Scope, Targets
from dualspan_onboarding.vault import Vault
from dualspan_runtime.database import Connection, Database

_ALL = 1_000_000
_NOTHING = TagFile((), (), (), 0)


@dataclass(frozen=True, slots=True)
class Import:
    """What a person wants brought in."""

    tenant: str
    content: bytes = field(repr=False)
    format: FileFormat | None = None
    mode: Mode = Mode.MERGE
    dry_run: bool = False
    gateway: GatewayName | None = None
    server: ServerName | None = None
    expected_difference: str = ""
    accept_over_budget: bool = False

    @property
    def scope(self) -> Scope:
        """What goes for entries that say less."""
        return Scope(self.tenant, self.gateway, self.server)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do."""

    applied: bool
    file: TagFile
    plan: Plan


@dataclass(frozen=True, slots=True)
class Exported:
    """A file of tags, and what its format has no place for."""

    content: bytes
    tags: int
    remarks: Sequence[Remark]


def changed_tag(update: Update) -> Tag:
    """A tag as an import makes it."""
    settings = update.settings
    return replace(
        update.tag,
        display_name=settings.display_name,
        sampling_interval_us=settings.sampling_interval_us,
        publishing_interval_us=settings.publishing_interval_us,
        queue_size=settings.queue_size,
        acquisition=settings.acquisition,
    )


class Transfers:
    """The use cases around files of tags.

    Args:
        database: Where tags and servers are.
        vault: Seals the passwords that a file has.
        limits: How much a gateway may have.
    """

    def __init__(self, database: Database, vault: Vault, limits: Limits) -> None:
        self._database = database
        self._vault = vault
        self._limits = limits
        # A large file takes much memory while it is read: one at a time in this process.
        self._reading = asyncio.Semaphore(1)

    async def bring(self, wanted: Import) -> Imported:
        """Read a file and do what it says, or say what is wrong with it.

        Raises:
            NotFound: There is no such gateway or server.
            FailedPrecondition: DIFFERENCE_CHANGED: something else would change than was shown.
        """
        async with self._reading:
            try:
                file = await asyncio.to_thread(read_file, wanted.content, wanted.format)
            except FileRefused as refused:
                plan = Plan(problems=[refused.problem])
                return Imported(applied=False, file=_NOTHING, plan=plan)
            readonly = wanted.dry_run or bool(file.problems)
            isolation = "repeatable_read" if readonly else "read_committed"
            async with self._database.transaction(wanted.tenant, isolation=isolation, readonly=readonly) as connection:
                if not readonly:
                    await self._lock(connection, wanted, file)
                plan = await self._plan(connection, wanted, file)
                if readonly or plan.problems:
                    return Imported(applied=False, file=file, plan=plan)
                if wanted.expected_difference and plan.difference != wanted.expected_difference:
                    raise difference_changed()
                await self._apply(connection, wanted, plan)
            return Imported(applied=True, file=file, plan=plan)

    async def _lock(self, connection: Connection, wanted: Import, file: TagFile) -> None:
        """Hold every gateway that the file is about, in order; raises NotFound for what the request names."""
        there = await transfers.gateways_of(connection, wanted.tenant)
        stated = {GatewayName(wanted.tenant, entry.server[0]) for entry in file.entries} & there
        for name in (wanted.gateway, wanted.server and wanted.server.parent):
            if name is not None:
                stated.add(name)
        for name in sorted(stated, key=str):
            await lock_gateway(connection, name)

    async def _plan(self, connection: Connection, wanted: Import, file: TagFile) -> Plan:
        there = await transfers.gateways_of(connection, wanted.tenant)
        scope = GatewayScope(wanted.tenant, None)
        known_servers = await servers.page(connection, scope, ("", ""), _ALL)
        if wanted.server is not None and wanted.server not in {server.name for server in known_servers}:
            raise server_unknown(wanted.server)
        targets = Assignment(wanted.scope, wanted.mode, known_servers, there).assign(file.entries)
        known = await look_up(connection, targets, {server.name: server for server in known_servers})
        planner = Planner(wanted.mode, file.defaults, known)
        plan = await asyncio.to_thread(planner.plan, targets)
        plan.problems = in_order([*file.problems, *plan.problems])
        if not plan.problems:
            plan.problems += await self._over_limits(connection, plan)
        if not plan.problems and not wanted.accept_over_budget:
            plan.problems += await self._over_budget(connection, plan)
        return plan

    async def _over_limits(self, connection: Connection, plan: Plan) -> list[Problem]:
        problems: list[Problem] = []
        for gateway in sorted({creation.server.parent for creation in plan.creations}, key=str):
            coming = sum(creation.server.parent == gateway for creation in plan.creations)
            going = sum(tag.server.parent == gateway for tag in plan.deletions)
            most = self._limits.tags_per_gateway
            if await tags.count(connection, gateway) + coming - going > most:
                words = f"{gateway.gateway} would have more than {most} tags."
                problems.append(Problem(Place(0), "TOO_MANY_TAGS", words, "Take entries out, or use another gateway."))
        return problems

    async def _over_budget(self, connection: Connection, plan: Plan) -> list[Problem]:
        problems: list[Problem] = []
        made = {server.name for server in plan.servers}
        for server, change in load_changes(plan).items():
            if server in made:
                continue
            for figure in (await load_after(connection, server, change)).over:
                remedy = "Sample more slowly, take entries out, or accept it with accept_over_budget."
                problems.append(Problem(Place(0), "OVER_BUDGET", f"{server.server}: {figure.detail}", remedy))
        return problems

    async def _apply(self, connection: Connection, wanted: Import, plan: Plan) -> None:
        for made in plan.servers:
            sealed = self._vault.seal(made.password, made.name)
            await add_server(connection, made.name, made.settings, sealed, self._limits)
        for server, change in load_changes(plan).items():
            await enforce_budget(connection, server, change, accept_over_budget=wanted.accept_over_budget)
        gone = await tags.delete(connection, wanted.tenant, [tag.name.tag_id for tag in plan.deletions])
        await apply_creations(connection, plan)
        await self._apply_updates(connection, wanted.tenant, plan)
        await self._keep_waiting(connection, wanted, plan)
        await self._tell(connection, wanted, plan, gone)

    @staticmethod
    async def _apply_updates(connection: Connection, tenant: str, plan: Plan) -> None:
        changed = [changed_tag(update) for update in plan.updates]
        renamed = {
            after.name.tag_id: after.display_name
            for after, update in zip(changed, plan.updates, strict=True)
            if after.display_name != update.tag.display_name
        }
        if renamed:
            await transfers.rename_tags(connection, tenant, renamed)
        resampled = [
            after
            for after, update in zip(changed, plan.updates, strict=True)
            if replace(after, display_name=update.tag.display_name) != update.tag
        ]
        if resampled:
            await tags.update_sampling(connection, tenant, resampled)

    @staticmethod
    async def _keep_waiting(connection: Connection, wanted: Import, plan: Plan) -> None:
        if wanted.mode is Mode.REPLACE:
            for server in sorted(_servers_of(plan), key=str):
                await transfers.forget_all_waiting(connection, server)
        for server in sorted({waiting.server for waiting in plan.waiting}, key=str):
            entries = [waiting.entry for waiting in plan.waiting if waiting.server == server]
            await transfers.add_waiting(connection, server, entries)

    @staticmethod
    async def _tell(connection: Connection, wanted: Import, plan: Plan, gone: Mapping[int, GatewayName]) -> None:
        """Let the gateways, the historian and the audit log know."""
        changed = {update.tag.server.parent for update in plan.updates} | {made.name.parent for made in plan.servers}
        for gateway in sorted(changed | set(gone.values()), key=str):
            revision = await configuration_changed(connection, gateway)
            ids = [tag_id for tag_id, whose in gone.items() if whose == gateway]
            await tags.set_deleted_revision(connection, wanted.tenant, ids, revision)
        if plan.creations:
            await outbox.notify_work(connection)
        for gateway in sorted({server.parent for server in _servers_of(plan)}, key=str):
            await audit(
                connection,
                wanted.tenant,
                "gateway.import_tags",
                gateway,
                mode=wanted.mode.name,
                file_sha256=hashlib.sha256(wanted.content).hexdigest(),
                created=str(sum(c.server.parent == gateway for c in plan.creations)),
                updated=str(sum(u.tag.server.parent == gateway for u in plan.updates)),
                deleted=str(sum(whose == gateway for whose in gone.values())),
                waiting=str(sum(w.server.parent == gateway for w in plan.waiting)),
            )

    async def export(
        self, tenant: str, how: FileFormat, gateway: GatewayName | None, server: ServerName | None
    ) -> Exported:
        """Every tag of a tenant, a gateway or a server as a file.

        Raises:
            NotFound: There is no such server.
        """
        async with self._database.transaction(tenant, isolation="repeatable_read", readonly=True) as connection:
            scope = GatewayScope(tenant, gateway.gateway if gateway else None)
            there = {found.name: found for found in await servers.page(connection, scope, ("", ""), _ALL)}
            if server is not None:
                if server not in there:
                    raise server_unknown(server)
                there = {server: there[server]}
            found = await tags.page(connection, tenant, server=server, query="", after=0, limit=_ALL)
        wanted = [tag for tag in found.tags if tag.server in there]
        content, remarks = await asyncio.to_thread(_written, wanted, there, how)
        return Exported(content, len(wanted), remarks)


def _written(
    wanted: Sequence[Tag], there: Mapping[ServerName, OpcUaServer], how: FileFormat
) -> tuple[bytes, list[Remark]]:
    return write_file(wanted, there, how)


def _servers_of(plan: Plan) -> set[ServerName]:
    return {
        *(made.name for made in plan.servers),
        *(creation.server for creation in plan.creations),
        *(update.tag.server for update in plan.updates),
        *(tag.server for tag in plan.deletions),
        *(waiting.server for waiting in plan.waiting),
    }


def load_changes(plan: Plan) -> dict[ServerName, LoadChange]:
    """What a plan changes of each server's load."""
    found: dict[ServerName, LoadChange] = {}
    for server in sorted(_servers_of(plan), key=str):
        found[server] = LoadChange(
            added=[load_of_new(c.tag) for c in plan.creations if c.server == server],
            changed={u.tag.name.tag_id: load_of_tag(changed_tag(u)) for u in plan.updates if u.tag.server == server},
            removed=[tag.name.tag_id for tag in plan.deletions if tag.server == server],
        )
    return found


async def apply_creations(connection: Connection, plan: Plan) -> None:
    """Make the tags of a plan, each server's in the order of browse path."""
    for server in sorted({creation.server for creation in plan.creations}, key=str):
        new = [creation.tag for creation in plan.creations if creation.server == server]
        await tags.insert(connection, server, sorted(new, key=lambda tag: (tag.node.browse_path, tag.node.node_id)))


def targets_of(server: ServerName, file: TagFile) -> Targets:
    """Entries that are all about one server."""
    return Targets([(server, entry) for entry in file.entries], (), (), ())
