"""Containers of apps on a real engine: one at a time, with what it needs around it, healed and removed."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from dualspan_marketplace.deployments.docker.options import Names
from dualspan_marketplace.deployments.docker.provisioner import DockerProvisioner
from dualspan_marketplace.deployments.provisioner import CannotStartError, Given, Holding, Orders
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.app_containers import NAME, SERVER, container_of, forget, image_of, orders, provisioning, well

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

POOL = "10.214.0.0/20"


@pytest.fixture(scope="module")
def image(engine: Any) -> Iterator[Any]:
    """An app: `GET /` answers 200."""
    with image_of(engine, SERVER) as made:
        yield made


@pytest_asyncio.fixture
async def provisioner(engine_url: str) -> AsyncGenerator[DockerProvisioner]:
    async with provisioning(engine_url, POOL) as made:
        yield made


async def test_one_runs_is_found_and_leaves_nothing(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    assert await provisioner.consumption(NAME) == []
    await provisioner.ensure(wanted)
    app = await well(provisioner, wanted, engine)
    (used,) = await provisioner.consumption(NAME)
    assert used.cpu_us > 1000
    assert 1 << 20 < used.memory_bytes < 1 << 30
    assert used.started < used.time
    await provisioner.ensure(wanted)
    assert (await well(provisioner, wanted, engine)).handle == app.handle
    assert (await provisioner.observe(NAME)).lacks == ""
    assert await provisioner.subscriptions() == [NAME]
    await provisioner.remove(NAME)
    assert await provisioner.observe(NAME) == Holding()
    assert await provisioner.subscriptions() == []


async def test_its_files_are_its_own_and_change(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    await provisioner.ensure(wanted)
    app = await well(provisioner, wanted, engine)
    read = "print(open('/run/dualspan/token').read())"
    assert app.does(read) == "first\n"
    await provisioner.deliver(replace(wanted, files=[Given("TOKEN_FILE", "token", b"second")]))
    assert app.does(read) == "second\n"


async def test_volumes_that_an_image_wants_are_bounded_and_go(
    provisioner: DockerProvisioner, engine: Any, engine_url: str
) -> None:
    before = {each.id for each in engine.volumes.list()}
    with image_of(engine, SERVER, Volumes={"/data": {}}) as image:
        wanted = orders(image)
        await provisioner.ensure(wanted)
        app = await well(provisioner, wanted, engine)
        code, said = app.run("open('/data/large', 'wb').write(bytes(32 << 20))")
        assert code != 0
        assert "No space left on device" in said
        await provisioner.remove(NAME)
    assert {each.id for each in engine.volumes.list()} <= before


async def test_a_change_by_hand_is_seen(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    await provisioner.ensure(wanted)
    app = await well(provisioner, wanted, engine)
    engine.containers.get(app.handle).update(mem_limit="1g", memswap_limit="1g")
    (found,) = (await provisioner.observe(NAME)).instances
    assert found.altered


async def test_a_network_that_leads_out_is_seen(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    await provisioner.ensure(wanted)
    app = await well(provisioner, wanted, engine)
    outside = engine.networks.create(f"dualspan-{app.handle[:12]}")
    try:
        outside.connect(app.handle)
        (found,) = (await provisioner.observe(NAME)).instances
        assert found.altered
    finally:
        outside.disconnect(app.handle, force=True)
        outside.remove()


async def mended(provisioner: DockerProvisioner, wanted: Orders, engine: Any, lacks: str, peer: Any = None) -> None:
    """What is missing is seen, and put right around an app that goes on."""
    holding = await provisioner.observe(NAME)
    assert lacks in holding.lacks
    assert not holding.instances[0].altered
    await provisioner.ensure(wanted)
    again = await provisioner.observe(NAME)
    assert again.lacks == ""
    assert again.instances == holding.instances
    await well(provisioner, wanted, engine, asked_by=peer)


async def test_the_way_to_its_files_is_healed(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    await provisioner.ensure(wanted)
    app = await well(provisioner, wanted, engine)
    engine.containers.get(f"{engine.containers.get(app.handle).name}-files").remove(force=True)
    await mended(provisioner, wanted, engine, "the way to its files was not there")


async def test_peers_that_are_gone_or_made_anew_are_healed(engine_url: str, engine: Any, image: Any) -> None:
    environment = {"DUALSPAN_APP_PORT": "7403"}
    wanted = orders(image)
    with container_of(engine, SERVER, environment=environment) as peer:
        async with provisioning(engine_url, POOL, peers={"historian": peer.name}) as provisioner:
            await provisioner.ensure(wanted)
            app = await well(provisioner, wanted, engine, asked_by=peer)
            ask = "import urllib.request; print(urllib.request.urlopen('http://historian:7403/', timeout=3).status)"
            assert app.does(ask) == "200\n"
            network = engine.networks.get(engine.containers.get(app.handle).name)

            network.disconnect(peer, force=True)
            forget(provisioner)
            await mended(provisioner, wanted, engine, "historian was not in its network", peer)
            assert app.does(ask) == "200\n"

            # Under its old name, as docker compose makes it anew.
            name = peer.name
            peer.remove(force=True)
            forget(provisioner)
            assert (await provisioner.observe(NAME)).lacks == "", "there is nobody to be connected"
            with pytest.raises(CannotStartError, match=name):
                await provisioner.ensure(wanted)
            again = engine.containers.run(
                image.id, ["python", "-c", SERVER], name=name, environment=environment, detach=True
            )
            try:
                forget(provisioner)
                await mended(provisioner, wanted, engine, "historian was not in its network", again)
                assert app.does(ask) == "200\n"
                # One that stopped is no fault of this network's, and can be started after its end.
                again.stop(timeout=0)
                forget(provisioner)
                assert (await provisioner.observe(NAME)).lacks == ""
                await provisioner.remove(NAME)
                again.start()
            finally:
                again.remove(force=True)


async def test_two_subscriptions_do_not_reach_each_other(
    provisioner: DockerProvisioner, engine: Any, image: Any
) -> None:
    wanted, other = orders(image), SubscriptionName("acme", "spc")
    await provisioner.ensure(wanted)
    app = await well(provisioner, wanted, engine)
    try:
        await provisioner.ensure(replace(wanted, name=other))
        beside = await well(provisioner, replace(wanted, name=other), engine)
        code, said = app.run(f"import socket; socket.create_connection(({beside.host!r}, 8080), 3)")
        assert code != 0, said
    finally:
        await provisioner.remove(other)


def test_names_of_networks_fit_the_engine() -> None:
    assert len(Names("p" * 60, SubscriptionName("t" * 60, "s" * 60)).outside) <= 63
