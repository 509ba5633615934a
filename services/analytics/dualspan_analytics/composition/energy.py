"""Energy, its cost and its carbon."""

from dualspan.analytics.v1.energy_pb2_grpc import add_EnergyServiceServicer_to_server
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.service.energy import EnergyUse
from dualspan_analytics.service.energy_definitions import EnergyDefinitions
from dualspan_analytics.servicer.energy import EnergyServicer
from dualspan_runtime.server import Binding


def compose(parts: Parts) -> Concern:
    """Its calls."""
    definitions = EnergyDefinitions(parts.database)
    servicer = EnergyServicer(EnergyUse(parts.plant, definitions), definitions, parts.tokens)
    return Concern([Binding(add_EnergyServiceServicer_to_server, servicer)])
