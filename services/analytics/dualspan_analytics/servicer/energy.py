"""EnergyService: load profiles, energy use, tariffs, emission factors."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import energy_pb2 as contract
from dualspan.analytics.v1 import energy_pb2_grpc
from dualspan_analytics.service.energy import EnergyUse
from dualspan_analytics.service.energy_definitions import EnergyDefinitions
from dualspan_analytics.servicer import energy_mapping as mapping
from dualspan_analytics.servicer.energy_mapping import EMISSION_FACTOR, TARIFF
from dualspan_analytics.servicer.times import read_length
from dualspan_runtime.names import TENANT
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)
_USUAL_PEAKS = 5
_UNITS = "good-count"


class EnergyServicer(energy_pb2_grpc.EnergyServiceServicer):
    """Answers for energy.

    Args:
        energy: Use cases around it.
        definitions: Tariffs and emission factors.
        tokens: Makes page tokens.
    """

    def __init__(self, energy: EnergyUse, definitions: EnergyDefinitions, tokens: PageTokens) -> None:
        self._energy = energy
        self._definitions = definitions
        self._tokens = tokens

    async def QueryLoadProfile(
        self, request: contract.QueryLoadProfileRequest, context: Context
    ) -> contract.QueryLoadProfileResponse:
        """See the contract."""
        tenant, interval = TENANT.parse(request.parent)["tenant"], read_length(request.interval, "interval")
        most = request.peaks if request.peaks > 0 else _USUAL_PEAKS
        return mapping.profile(
            await self._energy.profile(tenant, mapping.span(request), interval, request.limits, most)
        )

    async def QueryEnergyUse(
        self, request: contract.QueryEnergyUseRequest, context: Context
    ) -> contract.QueryEnergyUseResponse:
        """See the contract."""
        tenant, units = TENANT.parse(request.parent)["tenant"], request.unit_property or _UNITS
        found = await self._energy.use(tenant, mapping.span(request), request.tariff, request.region, units)
        return mapping.used(tenant, found)

    async def GetTariff(self, request: contract.GetTariffRequest, context: Context) -> contract.Tariff:
        """See the contract."""
        names = TARIFF.parse(request.name)
        return mapping.tariff_message(names["tenant"], await self._definitions.tariff(**names))

    async def ListTariffs(self, request: contract.ListTariffsRequest, context: Context) -> contract.ListTariffsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListTariffs", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._definitions.tariffs(tenant, str(after), size + 1)
        response = contract.ListTariffsResponse(tariffs=[mapping.tariff_message(tenant, t) for t in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].id,), query)
        return response

    async def UpdateTariff(self, request: contract.UpdateTariffRequest, context: Context) -> contract.Tariff:
        """See the contract."""
        names = TARIFF.parse(request.tariff.name)
        given = mapping.tariff(request.tariff, names["tariff"])
        return mapping.tariff_message(names["tenant"], await self._definitions.put_tariff(names["tenant"], given))

    async def DeleteTariff(self, request: contract.DeleteTariffRequest, context: Context) -> Empty:
        """See the contract."""
        await self._definitions.delete_tariff(**TARIFF.parse(request.name))
        return Empty()

    async def ListEmissionFactors(
        self, request: contract.ListEmissionFactorsRequest, context: Context
    ) -> contract.ListEmissionFactorsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListEmissionFactors", tenant, request.region)
        (place,) = self._tokens.read(request.page_token, query) or (0,)
        every = await self._definitions.factors(tenant)
        wanted = [factor for factor in every if factor.region.startswith(request.region)]
        shown = wanted[int(place) : int(place) + size]
        response = contract.ListEmissionFactorsResponse(
            emission_factors=[mapping.factor_message(tenant, factor) for factor in shown]
        )
        if int(place) + size < len(wanted):
            response.next_page_token = self._tokens.write((int(place) + size,), query)
        return response

    async def UpdateEmissionFactor(
        self, request: contract.UpdateEmissionFactorRequest, context: Context
    ) -> contract.EmissionFactor:
        """See the contract."""
        names = EMISSION_FACTOR.parse(request.emission_factor.name)
        given = mapping.factor(request.emission_factor, names["emission_factor"])
        return mapping.factor_message(names["tenant"], await self._definitions.put_factor(names["tenant"], given))

    async def DeleteEmissionFactor(self, request: contract.DeleteEmissionFactorRequest, context: Context) -> Empty:
        """See the contract."""
        names = EMISSION_FACTOR.parse(request.name)
        await self._definitions.delete_factor(names["tenant"], names["emission_factor"])
        return Empty()
