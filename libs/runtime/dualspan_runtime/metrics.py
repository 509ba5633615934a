"""Prometheus metrics: rate, errors and duration of every method, and where they are served."""

from collections.abc import Generator
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_CALLS = Counter("dualspan_rpc_calls", "Calls that ended", ["method", "code"])
_SECONDS = Histogram("dualspan_rpc_seconds", "How long calls took", ["method"], buckets=_BUCKETS)
_RUNNING = Gauge("dualspan_rpc_running", "Calls that run now, streams among them", ["method"])


class RpcMetrics:
    """Counts and times calls; remembers the labelled metrics, whose look-up costs more than their use."""

    def __init__(self) -> None:
        self._running: dict[str, Gauge] = {}
        self._seconds: dict[str, Histogram] = {}
        self._calls: dict[tuple[str, str], Counter] = {}

    def started(self, method: str) -> None:
        """A call has begun."""
        gauge = self._running.get(method)
        if gauge is None:
            gauge = self._running[method] = _RUNNING.labels(method)
            self._seconds[method] = _SECONDS.labels(method)
        gauge.inc()

    def finished(self, method: str, code: str, seconds: float) -> None:
        """A call has ended, after so many seconds, with a gRPC status code's name."""
        self._running[method].dec()
        self._seconds[method].observe(seconds)
        counter = self._calls.get((method, code))
        if counter is None:
            counter = self._calls[method, code] = _CALLS.labels(method, code)
        counter.inc()


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
