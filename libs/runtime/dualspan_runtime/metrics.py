"""Prometheus metrics: rate, errors and duration of every method; use, saturation and errors of what calls share.

Named as Prometheus asks: base units, `_total` for what only grows. A service's own are beside what they count.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
DATABASE_REASONS = ("unavailable", "timeout", "conflict", "disk_full")
_CALLS = Counter("dualspan_rpc_calls", "Calls that ended", ["method", "code"])
_SECONDS = Histogram(
    "dualspan_rpc_seconds", "How long calls took, and how long streams lasted", ["method", "kind"], buckets=_BUCKETS
)
_RUNNING = Gauge("dualspan_rpc_running", "Calls that run now, streams among them", ["method"])
_CONNECTIONS = Gauge("dualspan_database_connections", "Connections in the pool", ["schema", "state"])
_MOST_CONNECTIONS = Gauge("dualspan_database_connections_max", "Connections that the pool may have", ["schema"])
_WAITS = Histogram(
    "dualspan_database_wait_seconds", "How long a transaction waited for a connection", ["schema"], buckets=_BUCKETS
)
_DATABASE_ERRORS = Counter(
    "dualspan_database_errors", "Transactions that failed by the database's doing", ["schema", "reason"]
)


class RpcMetrics:
    """Counts and times calls; remembers the labelled metrics, whose look-up costs more than their use.

    Args:
        unary: The methods that are no streams.
    """

    def __init__(self, unary: frozenset[str]) -> None:
        self._unary = unary
        self._running: dict[str, Gauge] = {}
        self._seconds: dict[str, Histogram] = {}
        self._calls: dict[tuple[str, str], Counter] = {}

    def started(self, method: str) -> None:
        """A call has begun."""
        gauge = self._running.get(method)
        if gauge is None:
            gauge = self._running[method] = _RUNNING.labels(method)
            self._seconds[method] = _SECONDS.labels(method, "unary" if method in self._unary else "stream")
        gauge.inc()

    def finished(self, method: str, code: str, seconds: float) -> None:
        """A call has ended, after so many seconds, with a gRPC status code's name."""
        self._running[method].dec()
        self._seconds[method].observe(seconds)
        counter = self._calls.get((method, code))
        if counter is None:
            counter = self._calls[method, code] = _CALLS.labels(method, code)
        counter.inc()


class PoolMetrics:
    """Counts what happens at a pool of connections.

    Args:
        schema: Whose.
    """

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._waits = _WAITS.labels(schema)
        # There from the start, so that the first one is an increase.
        self._errors = {reason: _DATABASE_ERRORS.labels(schema, reason) for reason in DATABASE_REASONS}

    def watch(self, size: Callable[[], int], idle: Callable[[], int], most: int) -> None:
        """Tell how large a pool is, now and at the most."""
        _CONNECTIONS.labels(self._schema, "open").set_function(size)
        _CONNECTIONS.labels(self._schema, "idle").set_function(idle)
        _MOST_CONNECTIONS.labels(self._schema).set(most)

    def waited(self, seconds: float) -> None:
        """A connection was there after so long."""
        self._waits.observe(seconds)

    def failed(self, reason: str) -> None:
        """A transaction failed, by one of `DATABASE_REASONS`."""
        self._errors[reason].inc()


@contextmanager
def serve_metrics(listen: str, registry: CollectorRegistry = REGISTRY) -> Generator[None]:
    """Serves the metrics over HTTP, from a thread of its own, while the context lasts.

    Args:
        listen: `host:port`; empty: not at all.
        registry: What to serve.
    """
    if not listen:
        yield
        return
    host, _, port = listen.rpartition(":")
    server, thread = start_http_server(int(port), host or "0.0.0.0", registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
