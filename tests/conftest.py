"""Fixtures with real servers. Each test worker has servers of its own, and each test a database of its own."""

import itertools
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
import redis
import structlog
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling
from xdist.workermanage import WorkerController

from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from harness.databases import ClonedDatabase, clone, drop, make_template, run_apart

_names = (f"test_{number}" for number in itertools.count(1))

# A crash of the machine is no test's subject, and a clone per test flushes a lot.
_TEST_SERVER = {"fsync": "off", "shared_buffers": "64MB", "max_connections": "100"}


def pytest_configure() -> None:
    """Makes a run the same wherever it is started from.

    Logs are as in production: tracebacks without local variables, which can take minutes to print. They go to the
    standard error: what a command prints for its user is read from the standard output. Ctrl-C is heard by what tests
    start, also where a shell runs the tests in the background and has it ignored. Examples of hypothesis may take as
    long as a busy machine takes.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[structlog.processors.add_log_level, console],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where everything that tests need is there, a skip hides a fault."""
    parser.addoption("--no-skips", action="store_true", help="a test that is skipped has failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip fails with its reason, if `--no-skips` is given."""
    report = yield
    if report.skipped and item.config.getoption("no_skips") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be: {report.longrepr}"
    return report


class SharedScheduling(LoadFileScheduling):
    """A worker takes a file at a time, or a whole package: its fixtures are made once, and end with its last test.

    A package is a folder with an `__init__.py`. Anywhere else pytest keeps a fixture of the scope `package` to the end
    of the run, and with it the platform that it started.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        return str(file.parent if (self.config.rootpath / file).with_name("__init__.py").exists() else file)

    def remove_node(self, node: WorkerController) -> str | None:
        """Gives to others what a worker that crashed had not done.

        xdist (3.8) gives away what it had done as well, and whoever is given nothing waits for more without an end.
        """
        work = self.assigned_work[node]
        for done in [scope for scope, tests in work.items() if all(tests.values())]:
            del work[done]
        return super().remove_node(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Ours for `--dist loadfile`, which is how tests/run.py runs them."""
    return SharedScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: then no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that another system user may enter: PostgreSQL refuses to be root, and pytest's own folder is closed."""
    folder = Path(tempfile.mkdtemp(prefix="dualspan-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL."""
    server = EmbeddedPostgres(server_folder, _TEST_SERVER)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated_postgres(postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """The same, with the template that clones are made of."""
    run_apart(make_template(postgres))
    return postgres


@pytest.fixture
def database(migrated_postgres: EmbeddedPostgres) -> Iterator[ClonedDatabase]:
    """A database with every service's schema, of this test alone."""
    cloned = run_apart(clone(migrated_postgres, next(_names)))
    yield cloned
    run_apart(drop(cloned))


@pytest.fixture
def database_url(database: ClonedDatabase) -> str:
    """The address of that database, as the superuser."""
    return database.admin_url


@pytest.fixture(scope="session")
def redis_server(server_folder: Path) -> Iterator[EmbeddedRedis]:
    """A running Redis."""
    server = EmbeddedRedis(server_folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """The address of that Redis, empty."""
    url = redis_server.url()
    with redis.Redis.from_url(url.replace("redis+socket://", "unix://")) as client:
        client.flushall()
    return url


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a TCP port of the loopback address that nobody listens on, another one each time."""
    given: set[int] = set()

    def find() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in given:
                given.add(port)
                return port

    return find
