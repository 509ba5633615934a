"""Running until somebody asks for an end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run_until_stopped(main: Coroutine[Any, Any, None]) -> bool:
    """Runs `main` until it returns or somebody asks for an end (Ctrl-C, SIGTERM, a closed terminal).

    Returns:
        Whether it was asked to end.
    """

    async def guarded() -> bool:
        task = asyncio.ensure_future(main)
        loop = asyncio.get_running_loop()
        asked = False

        def ask() -> None:
            nonlocal asked
            asked = True
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup` has the end of the terminal ignored, and a shell so what it runs in the background.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, ask)
        try:
            await task
        except asyncio.CancelledError:
            if not asked:
                raise
        return asked

    return asyncio.run(guarded())
