"""The scenario `one-node`: a gateway outside, an upgrade and a rollback under load, backups, wrong settings, gone."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dualspan_cli.platform import FIRST_EMAIL
from dualspan_cli.session import open_session
from dualspan_cli.supervisor import Supervisor
from dualspan_sdk import Client, Endpoints
from harness.clients import Asked, asking
from harness.cluster import CHART, IMAGE_TAG, NEXT_TAG
from harness.release import Release, node_address, own_namespace, volumes, wait_until
from harness.site import Streaming, enrol_gateway, now_us, onboard, site_folder, start_load

DATABASES = Path(__file__).resolve().parent / "databases.yaml"
SECRET = "platform"
PASSWORD = "the first password"
# Samples each second: what the platform takes on two cores that nobody else uses.
RATE, ITEMS = int(os.environ.get("DUALSPAN_TEST_RATE", "50000")), 500
SECOND = 1_000_000
SERVING = {"identity", "onboarding", "historian", "analytics", "marketplace", "console", "access"}
WORKERS = {"worker-beat", "analytics-worker-beat", "marketplace-worker-beat", "backup"}
CLAIMS = {"dualspan-exports": "100Gi", "dualspan-backups": "200Gi"}
NEWER = "INSERT INTO historian.schema_migration (name, checksum, additive) VALUES ('9999_of_tomorrow', 'x', false)"
OLDER = "DELETE FROM historian.schema_migration WHERE name = '9999_of_tomorrow'"

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def release(helm: str, images: None, chart: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    password, node = secrets.token_hex(16), node_address()
    values = {
        "image.tag": IMAGE_TAG,
        "secret.name": SECRET,
        "postgres.host": "postgres",
        "redis.url": "redis://redis:6379/0",
        "gateways.onboarding.host": node,
        "gateways.historian.host": node,
    }
    options = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    given = {
        "service-secret": secrets.token_hex(32),
        "database-password": password,
        "first-password": PASSWORD,
        "admin-database-url": f"postgresql://postgres:{password}@postgres:5432/dualspan",
    }
    with own_namespace() as namespace, volumes(namespace, tmp_path_factory.mktemp("volumes"), CLAIMS):
        made = Release(helm, chart, namespace, ("--values", f"{CHART}/scenarios/one-node.yaml", *options))
        literals = [f"--from-literal={key}={value}" for key, value in given.items()]
        made.kubectl("create", "secret", "generic", SECRET, *literals)
        made.kubectl("apply", "--filename", str(DATABASES))
        for name in ("postgres", "redis"):
            made.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s", timeout=150)
        made.install()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(release: Release, free_port: Callable[[], int]) -> AsyncGenerator[Streaming]:
    """A plant beside the cluster: a load server, and a gateway that reaches the platform by the node's ports only."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(site_folder("cluster"))
        supervisor = Supervisor(lambda member, words: None)
        stack.push_async_callback(asyncio.to_thread, supervisor.stop)
        load = await start_load(folder, (free_port(), free_port()), rate=RATE, items=ITEMS, interval_ms=100)
        stack.callback(load.child.stop)
        session = await stack.enter_async_context(open_session(release.access(SECRET)))
        await supervisor.start(await enrol_gateway(folder, session, {}))
        variables = await onboard(session, load, load.endpoint_url)
        client = await stack.enter_async_context(await sign_in(release))
        yield Streaming(session=session, client=client, load=load, variables=variables)


async def sign_in(release: Release) -> Client:
    endpoints = Endpoints(
        historian=release.service_address("historian", 7403),
        onboarding=release.service_address("onboarding", 7402),
        identity=release.service_address("identity", 7401),
    )
    return await Client.sign_in(FIRST_EMAIL, PASSWORD, endpoints, deadline=60)


def sql(release: Release, statement: str) -> None:
    release.kubectl(
        "exec", "deployment/postgres", "--", "psql", "--username=postgres", "--dbname=dualspan", "--command", statement
    )


def tags_of_images(release: Release, *more: str) -> set[str]:
    """Of the pods that are not about to end: of all components, and of these."""
    pods = [each for each in release.pods() if "deletionTimestamp" not in each["metadata"]]
    assert {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in pods} == {*SERVING, *WORKERS, *more}
    return {container["image"].rpartition(":")[2] for pod in pods for container in pod["spec"]["containers"]}


@asynccontextmanager
async def nothing_is_lost(release: Release, plant: Streaming, what: str) -> AsyncGenerator[None]:
    """Asks and streams all the time; afterwards every request has been answered, and every sample is there once."""
    pages = [
        f"http://{release.service_address('console', 8080)}/",
        f"http://{release.service_address('access', 8081)}/healthz",
    ]

    async def new_client() -> Client:
        return await sign_in(release)

    await plant.caught_up(now_us())
    since_us = -(-now_us() // SECOND) * SECOND
    began = time.monotonic()
    async with asking(plant, new_client, pages) as asked:
        await asyncio.sleep(2)
        yield
        # The last old process ends after it has served whoever still came.
        await asyncio.sleep(15)
    until_us = now_us()
    behind = time.monotonic()
    await plant.caught_up(until_us, timeout=420)
    verdict = await plant.verdict(since_us, until_us)
    _tell(what, asked, verdict.kept, time.monotonic() - began, time.monotonic() - behind)
    assert asked.failures == []
    assert min(asked.answers[kind] for kind in (*pages, "read raw", "read latest", "sign in", "updates")) > 3
    assert verdict.is_clean, verdict
    assert verdict.admitted == 0
    assert verdict.kept == pytest.approx(RATE * (until_us - since_us) / SECOND, rel=0.01)


def _tell(what: str, asked: Asked, kept: int, seconds: float, behind: float) -> None:
    told = {
        "what": what,
        "rate": RATE,
        "samples": kept,
        "seconds": round(seconds, 1),
        "caught_up_after_s": round(behind, 1),
        "answers": dict(asked.answers),
        "slowest_s": {kind: round(value, 2) for kind, value in asked.slowest_s.items()},
        "failures": asked.failures[:20],
    }
    print(json.dumps(told, indent=1))


async def test_every_pod_is_ready_and_helm_test_is_green(release: Release) -> None:
    assert tags_of_images(release) == {IMAGE_TAG}
    assert release.not_ready() == set()
    assert "Succeeded" in release.helm("test", "dualspan", "--timeout=120s")


async def test_a_gateway_outside_of_the_cluster_enrols_and_streams(plant: Streaming) -> None:
    since_us = -(-now_us() // SECOND) * SECOND
    await asyncio.sleep(3)
    until_us = now_us()
    await plant.caught_up(until_us)
    verdict = await plant.verdict(since_us, until_us)
    assert verdict.is_clean, verdict
    assert verdict.kept > 2 * RATE


async def test_an_upgrade_under_load_loses_nothing_and_fails_no_request(release: Release, plant: Streaming) -> None:
    async with nothing_is_lost(release, plant, "upgrade"):
        await asyncio.to_thread(release.upgrade, "--set", f"image.tag={NEXT_TAG},services.worker.replicas=2")
    assert tags_of_images(release, "worker") == {NEXT_TAG}


async def test_so_does_a_rollback_which_keeps_what_is_stored(release: Release, plant: Streaming) -> None:
    secret, claims = release.secret(SECRET), release.left("persistentvolumeclaims")
    async with nothing_is_lost(release, plant, "rollback"):
        await asyncio.to_thread(release.rollback, 1)
    assert tags_of_images(release) == {IMAGE_TAG}
    assert (release.secret(SECRET), release.left("persistentvolumeclaims")) == (secret, claims)
    assert claims == {f"persistentvolumeclaim/{each}" for each in CLAIMS}


async def test_backups_are_taken_and_can_be_decrypted(release: Release) -> None:
    """By the commands of docs/guides/kubernetes.md; the second pod goes on where the first one was ended."""
    in_pod = ("exec", "--stdin", "deployment/dualspan-backup", "--", "python", "-m", "dualspan_cli")

    def backups() -> list[dict[str, Any]]:
        return json.loads(release.kubectl(*in_pod, "backup", "list", "--json"))

    key = release.kubectl(*in_pod, "backup", "init", "/backups/repository", "--key-file", "-")
    assert "AGE-SECRET-KEY-" in key
    wait_until("the first backup", lambda: backups() != [])
    release.kubectl("delete", "pod", "--selector", "app.kubernetes.io/component=backup")
    release.kubectl("rollout", "status", "deployment/dualspan-backup", "--timeout=120s", timeout=150)
    (taken,) = backups()
    ended = datetime.now(UTC)
    sql(release, "SELECT pg_switch_wal()")
    wait_until("the log since then", lambda: datetime.fromisoformat(backups()[0]["log_until"]) > ended)
    (verified,) = json.loads(release.kubectl(*in_pod, "verify", "--json", "--key-file", "-", given=key, timeout=300))
    assert verified["problems"] == []
    assert (verified["backup"], verified["decrypted"]) == (taken["backup"], True)
    assert verified["database_files"] > 900


async def test_a_wrong_password_of_the_administrator_is_told_by_the_migration(release: Release) -> None:
    wrong = "postgresql://postgres:wrong@postgres:5432/dualspan"
    release.kubectl("create", "secret", "generic", "administrator", f"--from-literal=uri={wrong}")
    told = _refused_upgrade(release, "--set", "postgres.adminSecret.name=administrator")
    assert "DATABASE_REFUSED PostgreSQL refuses the administrator: password authentication failed" in told
    assert "Set DUALSPAN_ADMIN_DATABASE_URL to the right role, password and database" in told
    assert "Traceback" not in told


async def test_a_database_of_a_newer_schema_is_told_by_the_migration_and_by_the_service(release: Release) -> None:
    sentence = (
        "The schema historian is newer than this program: it has 9999_of_tomorrow. Install the release that wrote it"
    )
    sql(release, NEWER)
    try:
        told = _refused_upgrade(release)
        assert f"SCHEMA_MISMATCH {sentence}" in told
        assert "Traceback" not in told
        said = _reason_of_the_historian(release)
    finally:
        sql(release, OLDER)
    assert said["error"].startswith(sentence)


async def test_a_wrong_password_of_a_service_is_told_by_its_log_and_mended(release: Release) -> None:
    sql(release, "ALTER ROLE dualspan_historian PASSWORD 'wrong'")
    said = _reason_of_the_historian(release)
    assert said["error"].startswith("PostgreSQL refuses historian: password authentication failed for user")
    assert "Set DUALSPAN_HISTORIAN_DATABASE_URL to the right role, password and database" in said["error"]
    # The migration gives the roles their password again.
    release.upgrade()
    wait_until("all pods to be ready", lambda: release.not_ready() == set())


def _refused_upgrade(release: Release, *more: str) -> str:
    """What the migration says, which keeps the upgrade from anything else."""
    with pytest.raises(AssertionError, match=r"pre-upgrade hooks failed"):
        release.helm("upgrade", "dualspan", release.chart, *release.options, *more, "--timeout=25s")
    assert release.not_ready() == set()
    wait_until("the migration to say why", lambda: release.log("job/dualspan-migrate", "migrate") != "")
    told = release.log("job/dualspan-migrate", "migrate")
    # It would try again on its own, and mend what a test breaks next.
    release.kubectl("delete", "job", "dualspan-migrate")
    return told


def _reason_of_the_historian(release: Release) -> dict[str, str]:
    """What it says last when it starts now and cannot."""
    release.kubectl("delete", "pod", "--selector", "app.kubernetes.io/component=historian", "--wait=false")

    def told() -> list[dict[str, str]]:
        lines: list[dict[str, str]] = []
        for pod in release.read("pods", "--selector", "app.kubernetes.io/component=historian"):
            if "deletionTimestamp" not in pod["metadata"]:
                log = release.log(pod["metadata"]["name"], "historian")
                lines += [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == "cannot start"]

    wait_until("the historian to say why", lambda: told() != [])
    return told()[-1]


async def test_uninstall_leaves_the_databases_the_secret_and_the_exports(release: Release) -> None:
    kept = release.secret(SECRET)
    release.helm("uninstall", "dualspan")
    wait_until("its pods to end", lambda: release.pods() == [])
    kinds = "deployments,statefulsets,services,jobs,configmaps,secrets,ingresses,persistentvolumeclaims"
    assert release.left(kinds) == {f"persistentvolumeclaim/{each}" for each in CLAIMS}
    assert release.secret(SECRET) == kept
    databases = {each["metadata"]["name"] for each in release.read("deployments")}
    assert databases == {"postgres", "redis"}
