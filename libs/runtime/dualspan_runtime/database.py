"""PostgreSQL: the only way in is a transaction that has a tenant, or one that says it works for the platform."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Literal, Self, TypeAlias, TypeVar

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from dualspan_runtime import tracing
from dualspan_runtime.clocks import warn_of_clock
from dualspan_runtime.errors import Aborted, DeadlineExceeded, DomainError, InvalidArgument, Unavailable
from dualspan_runtime.metrics import PoolMetrics
from dualspan_runtime.migrations import Migrations, check_schema
from dualspan_runtime.names import SLUG
from dualspan_runtime.settings import ServiceSettings
from dualspan_runtime.traced_connections import traced_connections

T = TypeVar("T")
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Constraints: TypeAlias = Mapping[str, Callable[[], DomainError]]
Isolation = Literal["read_committed", "repeatable_read", "serializable"]

_log = structlog.stdlib.get_logger()
_PATIENCE_SECONDS = 60
_CONFLICT = "CONFLICT"
_RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# The one character that protobuf's strings may hold and PostgreSQL's may not: in a text, and escaped in JSON.
_UNSTORABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
_LOST = (asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, ConnectionError)
# Waiting does not help: somebody has to mend a setting.
_REFUSED = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
_NOT_CONNECTED = (*_LOST, asyncpg.TooManyConnectionsError, OSError, TimeoutError)


class DatabaseRefusedError(Exception):
    """PostgreSQL answers, and does not let this service in."""


async def _wait_for_server(url: str, service: str) -> None:
    """Waits until PostgreSQL takes connections: services and their database may start in any order."""
    for attempt in itertools.count(1):
        try:
            connection = await asyncpg.connect(url, timeout=10)
        except _REFUSED as error:
            msg = (
                f"PostgreSQL refuses {service}: {error}. Set DUALSPAN_{service.upper()}_DATABASE_URL to the right "
                "role, password and database; `dualspan migrate` gives the roles DUALSPAN_DATABASE_PASSWORD."
            )
            raise DatabaseRefusedError(msg) from error
        except _NOT_CONNECTED as error:
            if attempt == _PATIENCE_SECONDS:
                raise _unavailable() from error
            _log.warning("waiting for the database", error=str(error))
            await asyncio.sleep(1)
        else:
            await connection.close()
            return


def _unavailable() -> Unavailable:
    return Unavailable("DATABASE_UNAVAILABLE", "The database does not answer. Try again shortly.")


async def _keep_session(_connection: object) -> None:
    """Replaces the pool's reset query: transactions set everything with SET LOCAL, so nothing is left to reset."""


class Database:
    """A pool of connections of one service's role.

    Use `Database.open`.
    """

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        platform_role: str,
        constraints: Constraints,
        metrics: PoolMetrics,
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._platform_role = platform_role
        self._constraints = constraints
        self._releasing: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: ServiceSettings,
        *,
        schema: Migrations,
        constraints: Constraints | None = None,
        min_size: int = 1,
    ) -> AsyncGenerator[Self]:
        """Opens a pool, once the schema has been found to be the one that this code was written for.

        Args:
            settings: Whose database it is.
            schema: The migrations that must have been applied.
            constraints: By constraint name, the error that its violation means.
            min_size: Connections to hold open at all times.

        Raises:
            DatabaseRefusedError: The role, its password or the database is wrong.
            SchemaMismatchError: The schema is older or newer than the code.
            Unavailable: PostgreSQL did not answer for a minute (`DATABASE_UNAVAILABLE`).
        """
        await _wait_for_server(settings.database_url, schema.service)
        pool: asyncpg.Pool[asyncpg.Record]
        async with asyncpg.create_pool(
            settings.database_url,
            min_size=min_size,
            max_size=settings.database_pool_size,
            reset=_keep_session,
            command_timeout=None,
            connection_class=traced_connections(schema.service) if tracing.is_on() else asyncpg.Connection,
            server_settings=_session_settings(schema, settings.statement_timeout_seconds),
        ) as pool:
            async with pool.acquire() as connection:
                await check_schema(connection, schema)
                await warn_of_clock(connection)
            metrics = PoolMetrics(schema.service)
            metrics.watch(pool.get_size, pool.get_idle_size, pool.get_max_size())
            yield cls(pool, schema.platform_role, constraints or {}, metrics)

    @asynccontextmanager
    async def transaction(
        self,
        tenant: str,
        *,
        isolation: Isolation = "read_committed",
        readonly: bool = False,
        timeout: float | None = None,
    ) -> AsyncGenerator[Connection]:
        """Opens a transaction that sees one tenant's rows; commits at the end, rolls back on an error.

        Args:
            tenant: The tenant's id.
            isolation: PostgreSQL's isolation level.
            readonly: Refuse writes.
            timeout: Statement timeout in seconds, instead of the service's.
        """
        _check_tenant(tenant)
        # The id has been checked, so it may stand in the text: BEGIN and the tenant then go in one round trip.
        begin = f"{_begin(isolation, readonly, timeout)}; SET LOCAL dualspan.tenant = '{tenant}'"
        async with self._begin(begin, readonly=readonly) as connection:
            yield connection

    async def look(self, tenant: str, query: str, *arguments: object) -> "asyncpg.Record | None":
        """Returns the first row of one statement that reads a tenant's rows, in one round trip.

        The statement calls a function that binds the tenant itself, by `set_config('dualspan.tenant', tenant, true)`
        before it reads: PostgreSQL ends such a binding with the transaction that it makes of a lone statement, so
        no connection keeps it. Row-level security shows nothing to a statement that does not do so.

        Args:
            tenant: The tenant's id: `$1` of the statement.
            query: The statement.
            *arguments: `$2` and the rest.
        """
        _check_tenant(tenant)
        async with self._begin("", readonly=True) as connection:
            return await connection.fetchrow(query, tenant, *arguments)

    @asynccontextmanager
    async def platform_transaction(
        self,
        *,
        isolation: Isolation = "read_committed",
        readonly: bool = False,
        timeout: float | None = None,
    ) -> AsyncGenerator[Connection]:
        """Opens a transaction that sees every tenant's rows. For the few use cases that have no tenant yet."""
        begin = f"{_begin(isolation, readonly, timeout)}; SET LOCAL ROLE {self._platform_role}"
        async with self._begin(begin, readonly=readonly) as connection:
            yield connection

    @asynccontextmanager
    async def listen(self, channel: str, callback: Callable[[str], None]) -> AsyncGenerator[None]:
        """Calls back with the payload of every NOTIFY on a channel, while the context lasts.

        A connection that is lost delivers nothing more and says nothing: leave the context and enter it anew from time
        to time, and look for yourself then.
        """

        def deliver(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            callback(str(payload))

        async with self._pool.acquire() as connection:
            await connection.add_listener(channel, deliver)
            try:
                yield
            finally:
                # Of a connection that was lost there is nothing to remove, as its InterfaceError says.
                with contextlib.suppress(asyncpg.InterfaceError):
                    await connection.remove_listener(channel, deliver)

    @staticmethod
    async def retrying(work: Callable[[], Awaitable[T]], *, attempts: int = 5) -> T:
        """Runs a use case again when PostgreSQL could not serialise it with others.

        Raises:
            Aborted: It failed as often as `attempts` (`CONFLICT`).
        """
        for attempt in range(attempts):
            try:
                return await work()
            except Aborted as error:
                if error.reason != _CONFLICT or attempt == attempts - 1:
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)
        raise AssertionError

    @asynccontextmanager
    async def _begin(self, begin: str, *, readonly: bool) -> AsyncGenerator[Connection]:
        connection = await self._acquire()
        try:
            if begin:
                await connection.execute(begin)
            yield connection
            if not readonly:
                await connection.execute("COMMIT")
        except asyncpg.IntegrityConstraintViolationError as error:
            known = self._constraints.get(error.constraint_name or "")
            if known is None:
                raise
            raise known() from error
        except _UNSTORABLE as error:
            raise InvalidArgument(
                "UNSTORABLE_TEXT", "A text has the character U+0000, which is stored nowhere. Leave it out."
            ) from error
        except asyncpg.QueryCanceledError as error:
            self._metrics.failed("timeout")
            raise DeadlineExceeded("STATEMENT_TIMEOUT", "The query took too long. Ask for less at once.") from error
        except _RETRYABLE as error:
            self._metrics.failed("conflict")
            raise Aborted(_CONFLICT, "Others changed the same data at the same time. Try again.") from error
        except asyncpg.DiskFullError as error:
            self._metrics.failed("disk_full")
            _log.error("the database's disk is full: nothing can be stored until there is room", error=str(error))
            raise Unavailable(
                "DATABASE_DISK_FULL",
                "The database's disk is full. Make room on it or give it more; what gateways hold is sent then.",
            ) from error
        except _LOST as error:
            self._metrics.failed("unavailable")
            _log.warning("database unavailable", error=str(error))
            raise _unavailable() from error
        finally:
            if readonly:
                self._release_later(connection)
            else:
                await self._release(connection)

    def _release_later(self, connection: Connection) -> None:
        """Ends a transaction that changed nothing while its reader goes on; closing the pool waits for it."""
        task = asyncio.create_task(self._release(connection))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _acquire(self) -> Connection:
        asked = time.perf_counter()
        try:
            connection = await self._pool.acquire()
        except _NOT_CONNECTED as error:
            self._metrics.failed("unavailable")
            _log.warning("database unavailable", error=str(error))
            raise _unavailable() from error
        self._metrics.waited(time.perf_counter() - asked)
        return connection

    async def _release(self, connection: Connection) -> None:
        try:
            # A connection that was lost has no transaction any more, and says so with an InterfaceError.
            with contextlib.suppress(asyncpg.InterfaceError):
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
        finally:
            await self._pool.release(connection)


def _check_tenant(tenant: str) -> None:
    if SLUG.fullmatch(tenant) is None:
        msg = f"not a tenant id: {tenant[:60]!r}"
        raise ValueError(msg)


def _session_settings(schema: Migrations, statement_timeout: float) -> dict[str, str]:
    milliseconds = int(statement_timeout * 1000)
    return {
        "search_path": schema.service,
        "application_name": schema.role,
        "statement_timeout": str(milliseconds),
        "idle_in_transaction_session_timeout": str(2 * milliseconds),
        "synchronous_commit": "on",
        "timezone": "UTC",
        # Statements go by key: planning one anew each time takes longer than running it.
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",  # columns are decoded here; compiling short queries only costs
    }


def _begin(isolation: Isolation, readonly: bool, seconds: float | None) -> str:  # noqa: FBT001 - internal
    parts = ["BEGIN"]
    if isolation != "read_committed":
        parts.append(f"ISOLATION LEVEL {isolation.replace('_', ' ').upper()}")
    if readonly:
        parts.append("READ ONLY")
    statement = " ".join(parts)
    return statement if seconds is None else f"{statement}; SET LOCAL statement_timeout = {int(seconds * 1000)}"
