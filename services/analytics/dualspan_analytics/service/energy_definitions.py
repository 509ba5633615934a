"""Use cases: tariffs and emission factors."""

from pydantic import TypeAdapter

from dualspan_analytics.energy.carbon import EmissionFactor, built_in, check_factor
from dualspan_analytics.energy.tariffs import Tariff, check_tariff
from dualspan_analytics.store import energy
from dualspan_runtime.database import Database
from dualspan_runtime.errors import NotFound

_TARIFF = TypeAdapter(Tariff)
_FACTOR = TypeAdapter(EmissionFactor)
_MOST_FACTORS = 1000


class EnergyDefinitions:
    """Tariffs and emission factors of tenants.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_tariff(self, tenant: str, given: Tariff) -> Tariff:
        """Make or replace a tariff.

        Raises:
            InvalidArgument: It says something impossible.
        """
        check_tariff(given)
        async with self._database.transaction(tenant) as connection:
            await energy.put(connection, tenant, "tariff", given.id, _TARIFF.dump_json(given).decode())
        return given

    async def tariff(self, tenant: str, tariff: str) -> Tariff:
        """A tariff; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await energy.get(connection, tenant, "tariff", tariff)
        if found is None:
            raise _no_tariff(tariff)
        return _TARIFF.validate_json(found)

    async def tariffs(self, tenant: str, after: str, most: int) -> list[Tariff]:
        """Tariffs with ids behind `after`, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return [_TARIFF.validate_json(row) for row in await energy.page(connection, tenant, "tariff", after, most)]

    async def delete_tariff(self, tenant: str, tariff: str) -> None:
        """Delete a tariff; raises NotFound."""
        async with self._database.transaction(tenant) as connection:
            if not await energy.delete(connection, tenant, "tariff", tariff):
                raise _no_tariff(tariff)

    async def put_factor(self, tenant: str, given: EmissionFactor) -> EmissionFactor:
        """Make or replace an emission factor of the tenant.

        Raises:
            InvalidArgument: It cannot be, or names no source.
        """
        check_factor(given)
        async with self._database.transaction(tenant) as connection:
            await energy.put(connection, tenant, "emission_factor", given.id, _FACTOR.dump_json(given).decode())
        return given

    async def factors(self, tenant: str) -> list[EmissionFactor]:
        """The tenant's own and the built-in ones, by region and year, of two for one year the own first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            rows = await energy.page(connection, tenant, "emission_factor", "", _MOST_FACTORS)
        own = [_FACTOR.validate_json(row) for row in rows]
        return sorted([*own, *built_in()], key=lambda factor: (factor.region, factor.year, not factor.id, factor.id))

    async def delete_factor(self, tenant: str, factor: str) -> None:
        """Delete an emission factor of the tenant; raises NotFound."""
        async with self._database.transaction(tenant) as connection:
            if not await energy.delete(connection, tenant, "emission_factor", factor):
                words = f"There is no emission factor {factor[:60]!r} of your own."
                raise NotFound("EMISSION_FACTOR_NOT_FOUND", words)


def _no_tariff(tariff: str) -> NotFound:
    return NotFound("TARIFF_NOT_FOUND", f"There is no tariff {tariff[:60]!r}.")
