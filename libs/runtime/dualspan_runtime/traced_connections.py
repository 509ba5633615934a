"""Connections to PostgreSQL that record their statements. For processes that trace; others have asyncpg's own."""

from typing import Any

import asyncpg

from dualspan_runtime import tracing


class TracedConnection(asyncpg.Connection):
    """Records each statement that is run within something that is recorded: its text, never its arguments."""

    schema = ""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        """See asyncpg."""
        with tracing.statement(query, self.schema):
            return await super().execute(query, *args, **options)

    async def executemany(self, command: str, args: Any, **options: Any) -> None:
        """See asyncpg."""
        with tracing.statement(command, self.schema):
            await super().executemany(command, args, **options)

    async def fetch(self, query: str, *args: Any, **options: Any) -> list[Any]:
        """See asyncpg."""
        with tracing.statement(query, self.schema):
            return await super().fetch(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        """See asyncpg."""
        with tracing.statement(query, self.schema):
            return await super().fetchrow(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        """See asyncpg."""
        with tracing.statement(query, self.schema):
            return await super().fetchval(query, *args, **options)


def traced_connections(schema: str) -> type[asyncpg.Connection]:
    """Returns the class of connections of one service."""
    return type("TracedConnection", (TracedConnection,), {"schema": schema})
