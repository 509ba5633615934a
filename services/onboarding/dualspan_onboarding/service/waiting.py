"""Variables that a file named before their server was known: looked for again after each browse."""

from dualspan_onboarding.model import Limits
from dualspan_onboarding.notices import MAX_TEXT, Severity, storable
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.budget import enforce_budget
from dualspan_onboarding.service.servers import found_server, lock_gateway
from dualspan_onboarding.service.transfer import apply_creations, load_changes, targets_of
from dualspan_onboarding.service.transfer_lookup import look_up
from dualspan_onboarding.store import outbox, tags, transfers
from dualspan_onboarding.store.notices import raise_notice, resolve_notice
from dualspan_onboarding.store.transfers import Unsettled
from dualspan_onboarding.transfer.entries import Mode, TagFile
from dualspan_onboarding.transfer.plan import Plan, Planner
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError, NotFound

_STEP = 50
_NOTICE = "IMPORTED_VARIABLES_WAIT"
_REMEDY = "Correct the file and import it again with REPLACE, or browse the server again when it offers them."
_ACTOR = "services/onboarding"


class WaitingVariables:
    """Brings waiting variables to tags, as their servers become known.

    Args:
        database: Where they are.
        limits: How many tags a gateway may have.
    """

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    async def settle(self) -> None:
        """Look for what waits for servers that have been browsed since."""
        async with self._database.platform_transaction(readonly=True) as connection:
            due = await transfers.unsettled(connection, _STEP)
        for unsettled in due:
            try:
                await self._settle(unsettled)
            except NotFound:
                continue  # the server has gone meanwhile, and with it what waited for it

    async def _settle(self, unsettled: Unsettled) -> None:
        server = unsettled.server
        async with self._database.transaction(server.tenant) as connection:
            await lock_gateway(connection, server.parent)
            there = await found_server(connection, server)
            entries = await transfers.waiting_of(connection, server)
            targets = targets_of(server, TagFile(entries, (), (), len(entries)))
            known = await look_up(connection, targets, {server: there})
            plan = Planner(Mode.MERGE, {}, known).plan(targets)
            # Somebody has made a tag of it in the meantime: what they chose stays.
            plan.updates.clear()
            why_not = {problem.place.entry: problem.message for problem in plan.problems}
            refused = await self._refusal(connection, unsettled, plan)
            if refused:
                why_not = {entry.node.text: refused for entry in entries}
            else:
                await self._make(connection, unsettled, plan)
                made = [entry.node.text for entry in entries if entry.node.text not in why_not]
                await transfers.forget_waiting(connection, server, made)
            await transfers.note_tried(connection, unsettled, why_not)
            await self._notify(connection, unsettled, why_not)

    async def _refusal(self, connection: Connection, unsettled: Unsettled, plan: Plan) -> str:
        """Why nothing of a plan can be done; empty if it can."""
        server, most = unsettled.server, self._limits.tags_per_gateway
        if await tags.count(connection, server.parent) + len(plan.creations) > most:
            return f"The gateway would have more than {most} tags."
        for name, change in load_changes(plan).items():
            try:
                await enforce_budget(connection, name, change, accept_over_budget=False)
            except DomainError as over:
                return over.message
        return ""

    async def _make(self, connection: Connection, unsettled: Unsettled, plan: Plan) -> None:
        if not plan.creations:
            return
        server = unsettled.server
        await apply_creations(connection, plan)
        await outbox.notify_work(connection)
        created = str(len(plan.creations))
        await audit(connection, server.tenant, "server.settle_import", server, actor=_ACTOR, created=created)

    async def _notify(self, connection: Connection, unsettled: Unsettled, why_not: dict[str, str]) -> None:
        server = unsettled.server
        if not why_not:
            await resolve_notice(connection, server.tenant, _NOTICE, server)
            return
        first = next(iter(why_not.items()))
        words = f"{len(why_not)} variables of an imported file are no tags. The first, {first[0][:200]}: {first[1]}"
        await raise_notice(
            connection, server.tenant, _NOTICE, Severity.WARNING, server, storable(words, MAX_TEXT), _REMEDY
        )
