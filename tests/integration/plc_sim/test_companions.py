"""Types and BrowseNames of companion specifications, as real machines have them."""

from dataclasses import replace
from pathlib import Path

import pytest
from asyncua import Client, Node
from integration.plc_sim.client import HOSTS, Connector
from integration.plc_sim.conftest import options

from plc_sim.companions import DI, IMM2MES_URI, MACHINERY, PACKML_URI
from plc_sim.opcua import certificate
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.standard import node_id
from plc_sim.plant_server import PlantServer
from plc_sim.plants import make_plant


async def type_of(client: Client, node: Node) -> tuple[str, object]:
    kind = await node.read_type_definition()
    assert kind is not None
    uris = await client.get_namespace_array()
    return uris[kind.NamespaceIndex], kind.Identifier


async def name_of(client: Client, node: Node) -> tuple[str, str]:
    name = await node.read_browse_name()
    return (await client.get_namespace_array())[name.NamespaceIndex], name.Name


@pytest.mark.parametrize(
    ("plant", "machine", "kind"),
    [
        ("packaging", "Line1Filler", (PACKML_URI, 6)),
        ("moulding", "IMM01", (IMM2MES_URI, 1007)),
        ("curing", "Press01", ("http://opcfoundation.org/UA/", 58)),
    ],
)
async def test_machines_have_the_types_of_their_industry(
    tmp_path: Path, server_identity: Identity, connect: Connector, plant: str, machine: str, kind: tuple[str, int]
) -> None:
    certificate.keep(tmp_path / plant, server_identity)
    server = PlantServer(make_plant(plant, 1), replace(options(), name=plant), tmp_path / plant, HOSTS)
    await server.start()
    try:
        client = await connect(server.endpoint_url)
        own = server.namespaces.variables
        assert await type_of(client, client.get_node(node_id(machine, own))) == kind
        plate = client.get_node(node_id(f"{machine}/Identification", own))
        assert await type_of(client, plate) == (MACHINERY, 1012)
        assert await name_of(client, plate) == (DI, "Identification")
        year = client.get_node(node_id(f"{machine}/Identification/YearOfConstruction", own))
        assert await name_of(client, year) == (MACHINERY, "YearOfConstruction")
        if plant == "packaging":
            speed = client.get_node(node_id(f"{machine}/Status/CurMachSpeed", own))
            assert await name_of(client, speed) == (PACKML_URI, "CurMachSpeed")
            status = client.get_node(node_id(f"{machine}/Status", own))
            assert await type_of(client, status) == (PACKML_URI, 4)
    finally:
        await connect.close()
        await server.stop()
