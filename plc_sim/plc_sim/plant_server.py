"""One plant as an OPC UA server, and the faults that can be put upon it."""

import asyncio
from collections import deque
from dataclasses import replace
from pathlib import Path

from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary

from plc_sim import companions
from plc_sim.model.alarms import AlarmBook, AlarmJournal
from plc_sim.model.operator import Operator
from plc_sim.model.plant import Plant, Variable
from plc_sim.opcua import certificate, encoding
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.core import without_collector
from plc_sim.opcua.encoding import Stamps
from plc_sim.opcua.event_filter import supertypes_in
from plc_sim.opcua.gate import Gate
from plc_sim.opcua.server import ServerOptions, SimServer
from plc_sim.opcua.subscription import now_us
from plc_sim.opcua.trust_list import TrustList
from plc_sim.plant_conditions import ConditionMethods
from plc_sim.plant_encoding import data_values
from plc_sim.plant_events import EventItems
from plc_sim.plant_history import PlantHistory
from plc_sim.plant_methods import PlantMethods
from plc_sim.plant_nodes import Namespaces, PlantNodes, types_uri, variables_uri
from plc_sim.plant_sampler import Lookup, Loss, PlantSampler, make_lookup
from plc_sim.plant_services import PlantCalls
from plc_sim.plant_writes import PlantWrites

LOSSES_KEPT = 100_000
_WARM_EVERY_S = 20.0


class PlantServer:
    """A plant on the network.

    Attributes:
        plant: The machines behind it.
        gate: Slowness and silence.
        losses: Samples that full queues dropped.
        trust_list: Clients that the server trusts.
        alarms: Alarms on demand, and acknowledgements.
        identity: Key and certificate now in use.
    """

    def __init__(self, plant: Plant, options: ServerOptions, folder: Path, hosts: tuple[str, ...]) -> None:
        self.plant = plant
        self.gate = Gate()
        self.losses: deque[Loss] = deque(maxlen=LOSSES_KEPT)
        self.alarms = AlarmJournal(folder / "alarms.jsonl")
        self.trust_list = TrustList(
            folder / "trusted", admins=frozenset({options.username}), enforced=options.enforce_trust
        )
        self._options = options
        self._folder = folder
        self._hosts = hosts
        self._extra_namespaces = 0
        self._port = options.port
        self._server: SimServer | None = None
        self._warmer: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self.identity: Identity = certificate.load_or_create(folder, options.application_uri, options.name, hosts)

    @property
    def server(self) -> SimServer:
        """The server that runs now.

        Raises:
            RuntimeError: None does.
        """
        if self._server is None:
            raise RuntimeError(f"the server of {self.plant.name} is down")
        return self._server

    @property
    def endpoint_url(self) -> str:
        """Where clients connect."""
        return f"opc.tcp://{self._options.advertised_host}:{self._port}/"

    @property
    def namespaces(self) -> Namespaces:
        """Where the plant's namespaces stand now; re-indexing moves them up."""
        return Namespaces(variables=2 + self._extra_namespaces, types=3 + self._extra_namespaces)

    async def start(self) -> None:
        """Build the address space and listen."""
        namespaces = self.namespaces
        options = self._options
        if options.port != self._port:  # a free port was taken at the first start: keep it
            options = replace(options, port=self._port)
        server = SimServer(options, self.identity, self.gate)
        lookup = make_lookup(self.plant, namespaces.variables)
        space = server.iserver.aspace
        history = PlantHistory(lookup, lambda: namespaces.types)
        uris = [f"urn:dualspan:plc-sim:{self.plant.name}:spare{n}" for n in range(self._extra_namespaces)]
        uris += [variables_uri(self.plant.name), types_uri(self.plant.name), *companions.URIS]
        book = AlarmBook(self.plant, self.alarms, now_us())
        supertypes = supertypes_in(space)

        def sampler() -> PlantSampler:
            events = EventItems(book, namespaces.variables, supertypes, options.subscriptions)
            return PlantSampler(lookup, space.read_attribute_value, namespaces.types, self.losses, events)

        server.iserver.certificate_validator = self.trust_list.validate
        await server.prepare(sampler, history, lambda: uris)
        with without_collector():
            PlantNodes(server, self.plant, namespaces, self._read).build()
        self._serve(server, lookup, book)
        await self._warm()
        await server.start()
        self._port = server.port
        self._server = server
        self._warmer = asyncio.create_task(self._keep_warm())

    def _serve(self, server: SimServer, lookup: Lookup, book: AlarmBook) -> None:
        """Have the plant take what clients write and call."""
        user, index = self._options.username, self.namespaces.variables
        operator = Operator(self.plant)
        machines = PlantMethods(operator, index, user)
        conditions = ConditionMethods(book, index, server.subscription_service.subscriptions, user)
        server.serve(
            PlantWrites(server, lookup, operator, user),
            PlantCalls(server.iserver, machines, conditions, self.trust_list),
        )

    async def _warm(self) -> None:
        """Look every variable up, so that a client's first reads and notifications need not look back far."""
        now = now_us()
        for variable in self.plant.variables.values():
            variable.last(now)
            await asyncio.sleep(0)

    async def _keep_warm(self) -> None:
        while True:
            await asyncio.sleep(_WARM_EVERY_S)
            await self._warm()

    def _read(self, variable: Variable) -> ua.DataValue:
        """The current value, through the encoder that subscriptions use."""
        now = now_us()
        column = data_values(variable.signal, variable.last(now), self.namespaces.types)
        data = encoding.encode(column, Stamps.BOTH, now)
        return struct_from_binary(ua.DataValue, ua.utils.Buffer(data))

    async def stop(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        warmer, self._warmer = self._warmer, None
        if warmer is not None:
            warmer.cancel()
            await asyncio.gather(warmer, return_exceptions=True)
        if server is not None:
            await server.stop()

    async def restart(self, down_s: float = 0.0) -> None:
        """Go away, stay away, come back: sessions and subscriptions are gone."""
        async with self._lock:
            await self.stop()
            await asyncio.sleep(down_s)
            await self.start()

    async def renew_certificate(self, down_s: float = 0.0) -> str:
        """Restart with another key and certificate; the new fingerprint."""
        self.identity = certificate.renew(self._folder, self._options.application_uri, self._options.name, self._hosts)
        await self.restart(down_s)
        return self.identity.sha256

    async def reindex_namespaces(self, down_s: float = 0.0) -> int:
        """Restart with the plant's namespaces one index further; the new index of its variables."""
        self._extra_namespaces += 1
        await self.restart(down_s)
        return self.namespaces.variables

    async def lose_subscriptions(self) -> int:
        """Forget every subscription without a word to the clients; how many there were."""
        service = self.server.subscription_service
        numbers = list(service.subscriptions)
        await service.delete_subscriptions(numbers)
        return len(numbers)
