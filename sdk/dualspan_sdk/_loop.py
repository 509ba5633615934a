"""An event loop in a thread of its own: for code that has none, or one that must not wait."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for threads that wait for them. It ends with `stop`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dualspan-sdk", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it has not been stopped."""
        return not self._loop.is_closed()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of it; raises what it raises, and `RuntimeError` after `stop`."""
        if not self.is_running:
            work.close()
            raise RuntimeError("it was closed; open it again")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def each(self, batches: AsyncGenerator[T]) -> Generator[T]:
        """One after the other, none of them None."""
        try:
            while (batch := self.run(anext(batches, None))) is not None:
                yield batch
        finally:
            if self.is_running:
                self.run(batches.aclose())

    def stop(self) -> None:
        """End the thread; nothing may run in it any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
