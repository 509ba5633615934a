"""Use cases: what is defined for production: calendars, machine profiles and custom KPIs."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from dualspan_analytics.calendars.expansion import check_shifts
from dualspan_analytics.calendars.model import Calendar
from dualspan_analytics.expressions.parsing import parse
from dualspan_analytics.expressions.windows import check_windowed
from dualspan_analytics.kpis.errors import has_calendar, has_profile, reserved_kpi, too_many_definitions
from dualspan_analytics.kpis.profile import Profile, check
from dualspan_analytics.kpis.ratios import ALL
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.store import production
from dualspan_analytics.store.production import Kind
from dualspan_analytics.units import check as check_unit
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import NotFound

MOST = 1000
"""Definitions of one kind that there may be: every question looks at all of them."""
_WORDS = {"calendar": "calendar", "profile": "machine profile", "kpi": "custom KPI"}
T = TypeVar("T", Calendar, Profile, "CustomKpi")


@dataclass(frozen=True, slots=True)
class CustomKpi:
    """A KPI of the tenant's own; `unit` is a UCUM code or empty."""

    id: str
    display_name: str
    formula: str
    unit: str


class Definitions(Generic[T]):
    """Definitions of one kind.

    Args:
        database: Where they are.
        kind: Which.
        adapter: Their form as JSON.
    """

    def __init__(self, database: Database, kind: Kind, adapter: TypeAdapter[T]) -> None:
        self._database = database
        self._kind: Kind = kind
        self._adapter = adapter

    async def put(self, tenant: str, given: T) -> T:
        """Store one that was checked.

        Raises:
            ResourceExhausted: There are too many (`TOO_MANY_DEFINITIONS`).
        """
        document = self._adapter.dump_json(given).decode()
        async with self._database.transaction(tenant) as connection:
            if await production.others(connection, tenant, self._kind, given.id) >= MOST:
                raise too_many_definitions(_WORDS[self._kind], MOST)
            await production.put(connection, tenant, self._kind, given.id, document)
        return given

    async def get(self, tenant: str, definition_id: str) -> T:
        """One of them.

        Raises:
            NotFound: There is none of that id.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await production.get(connection, tenant, self._kind, definition_id)
        if found is None:
            raise self._missing(definition_id)
        return self._adapter.validate_json(found)

    async def page(self, tenant: str, after: str, most: int) -> list[T]:
        """Those with ids behind `after`, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await self.within(connection, tenant, after, most)

    async def within(self, connection: Connection, tenant: str, after: str = "", most: int = MOST) -> list[T]:
        """The same in a transaction that is open."""
        rows = await production.page(connection, tenant, self._kind, after, most)
        return [self._adapter.validate_json(row) for row in rows]

    async def delete(self, tenant: str, definition_id: str) -> None:
        """Delete one.

        Raises:
            NotFound: There is none of that id.
        """
        async with self._database.transaction(tenant) as connection:
            if not await production.delete(connection, tenant, self._kind, definition_id):
                raise self._missing(definition_id)

    def _missing(self, definition_id: str) -> NotFound:
        words = f"There is no {_WORDS[self._kind]} {definition_id[:60]!r}."
        return NotFound(f"{self._kind.upper()}_NOT_FOUND", words)


@dataclass(frozen=True, slots=True)
class ProductionDefinitions:
    """All kinds together, each checked before it is stored."""

    plant: PlantData
    calendars: Definitions[Calendar]
    profiles: Definitions[Profile]
    kpis: Definitions[CustomKpi]

    @classmethod
    def of(cls, database: Database, plant: PlantData) -> "ProductionDefinitions":
        """In a database, about the assets of a plant."""
        return cls(
            plant,
            Definitions(database, "calendar", TypeAdapter(Calendar)),
            Definitions(database, "profile", TypeAdapter(Profile)),
            Definitions(database, "kpi", TypeAdapter(CustomKpi)),
        )

    async def put_calendar(self, tenant: str, given: Calendar) -> Calendar:
        """Make or replace a calendar.

        Raises:
            InvalidArgument: It is not valid, or its shifts overlap.
            NotFound: There is no such asset.
            FailedPrecondition: An asset has another calendar (`ASSET_HAS_CALENDAR`).
            ResourceExhausted: There are too many.
        """
        check_shifts(given)
        (await self.plant.assets(tenant)).check_known(given.assets)
        for other in await self.calendars.page(tenant, "", MOST):
            taken = set(given.assets).intersection(other.assets)
            if taken and other.id != given.id:
                raise has_calendar(min(taken), other.id)
        return await self.calendars.put(tenant, given)

    async def put_profile(self, tenant: str, given: Profile) -> Profile:
        """Make or replace a machine profile.

        Raises:
            InvalidArgument: It is not valid.
            NotFound: There is no such asset.
            FailedPrecondition: A machine or model has another profile (`MACHINE_HAS_PROFILE`).
            ResourceExhausted: There are too many.
        """
        check(given)
        (await self.plant.assets(tenant)).check_known(given.assets)
        for other in await self.profiles.page(tenant, "", MOST):
            taken = set(given.assets).intersection(other.assets) | set(given.models).intersection(other.models)
            if taken and other.id != given.id:
                raise has_profile(min(taken), other.id)
        return await self.profiles.put(tenant, given)

    async def put_kpi(self, tenant: str, given: CustomKpi) -> CustomKpi:
        """Make or replace a custom KPI.

        Raises:
            InvalidArgument: Its id is one of the standard, its expression is no KPI, or its unit is not known.
            ResourceExhausted: There are too many.
        """
        if given.id in ALL:
            raise reserved_kpi(given.id)
        check_windowed(parse(given.formula))
        check_unit(given.unit)
        return await self.kpis.put(tenant, given)
