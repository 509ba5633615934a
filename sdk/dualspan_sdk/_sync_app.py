"""An app without async: for scripts and notebooks that write results."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from numpy.typing import ArrayLike

from dualspan_sdk._app import Health, open_app
from dualspan_sdk._loop import LoopThread
from dualspan_sdk._sync import SyncPlant
from dualspan_sdk._writing import Results
from dualspan_sdk.settings import AppSettings


class SyncResults:
    """`Results` for code without an event loop: each call waits until it is done.

    Args:
        results: Being sent.
        thread: Where they are.
    """

    def __init__(self, results: Results, thread: LoopThread) -> None:
        self._results = results
        self._thread = thread

    @property
    def problem(self) -> str:
        """See `Results.problem`."""
        return self._results.problem

    def write(self, asset: str, output: str, timestamp: ArrayLike, value: ArrayLike, status: int = 0) -> int:
        """See `Results.write`."""
        return self._thread.run(self._results.write(asset, output, timestamp, value, status))

    def flush(self, seconds: float = 30.0) -> None:
        """See `Results.flush`. What was not flushed when a script ends is sent when the app is opened again."""
        self._thread.run(self._results.flush(seconds))


class SyncApp:
    """`open_app` for code without an event loop: each call waits for its answer. A context manager.

    The calls run on an event loop in a thread of their own, as those of `SyncPlant` do; results are sent there while
    the code does something else. It may be used by several threads.

    Args:
        settings: Read from the environment if None.

    Attributes:
        plant: What was granted to it.
        settings: What it was told.
        results: Writes its outputs back.
        health: What it tells of itself.

    Raises:
        DualSpanError: See `open_app`.
    """

    def __init__(self, settings: AppSettings | None = None) -> None:
        self._thread = LoopThread()
        self._resources = AsyncExitStack()
        try:
            app = self._thread.run(self._resources.enter_async_context(open_app(settings)))
        except BaseException:
            self._thread.stop()
            raise
        self.plant = SyncPlant(app.plant, self._thread)
        self.settings = app.settings
        self.results = SyncResults(app.results, self._thread)
        self.health: Health = app.health

    def close(self) -> None:
        """Stop sending results, and close the connection."""
        if self._thread.is_running:
            self._thread.run(self._resources.aclose())
            self._thread.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
