"""The marketplace's own worker, whose local processes are the test's: `celery --app=harness.market_worker worker`.

`python -m harness.market_worker FOLDER [["", 3], ["/start", 1]]` forks one of them for each, with queues `kill-0`,
`kill-1` and so on: this first one kills itself, as `kill -9` does, after the third thing that it does to the world
outside, the second one after its first start of a container. Each ends when its first task does. What it was killed
after stands in FOLDER/0 and so on.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import requests
from celery.signals import task_postrun, task_prerun

from dualspan_marketplace import tasks
from dualspan_marketplace.composition import deployments, upgrades
from dualspan_marketplace.deployments.process import launch
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.service import deploying
from dualspan_marketplace.store import upgrades as store
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.killing import INTERPRETER, Cut

_AT_ONCE = 1000
_LOOK_SECONDS = 0.05
# On a machine that is busy, too, a worker gets to the step that it is killed after.
setattr(deploying, "_FOLLOW_SECONDS", 300.0)  # noqa: B010 - a constant to a type checker
app = tasks.app
if INTERPRETER in os.environ:
    mine = functools.partial(ProcessProvisioner, interpreter=[os.environ[INTERPRETER]])
    setattr(deployments, "ProcessProvisioner", mine)  # noqa: B010 - a type checker knows the class


@app.task(name="harness.upgrade")
def upgrade(tenant: str, subscription_id: str) -> None:
    """One upgrade to its end, with all that is started and ended for it."""
    name = SubscriptionName(tenant, subscription_id)
    tasks.runner.run(lambda worker: _upgraded(worker, name))


async def _upgraded(worker: tasks.Worker, name: SubscriptionName) -> None:
    upgrading = upgrades.upgrading(worker.parts)
    canary = name
    while True:
        async with worker.parts.database.platform_transaction() as connection:
            left = [each for each in await store.unsettled(connection, _AT_ONCE) if each[0] == name]
        for _, number, barred in left:
            await upgrading.follow(name, number, barred)
            async with worker.parts.database.transaction(name.tenant) as connection:
                found = await store.find(connection, name, number)
            canary = found.canary if found else name
        for each in {name, canary}:
            await worker.deploying.follow(each)
        if not left:
            return
        await asyncio.sleep(_LOOK_SECONDS)


class Effects:
    """Counts what is done to the world outside, and kills this process after one of it.

    Args:
        cut: After which.
        note: Where what it was is written down.
    """

    def __init__(self, cut: Cut, note: Path) -> None:
        self._thing, self._left = cut
        self._note = note
        self._kill = os.kill
        self._dirty = False
        self._apart = threading.local()

    def watch(self) -> None:
        """Begin: files, processes, requests to an engine, commits."""
        for owner, name in ((launch, "replace"), (os, "kill"), (os, "unlink"), (os, "rmdir")):
            setattr(owner, name, self._counted(getattr(owner, name), name))
        subprocess.Popen.__init__ = self._counted(subprocess.Popen.__init__, "launching")
        subprocess.run = self._counted(subprocess.run, "launched")
        self._watch_requests()
        self._watch_commits()
        self._pass_over_scratch()

    def _pass_over_scratch(self) -> None:
        """A folder of the process's own, and what it removes of it, is not the world outside."""
        cleanup = tempfile.TemporaryDirectory.cleanup

        def quietly(folder: tempfile.TemporaryDirectory[str]) -> None:
            self._apart.here = True
            try:
                cleanup(folder)
            finally:
                self._apart.here = False

        setattr(tempfile.TemporaryDirectory, "cleanup", quietly)  # noqa: B010 - with another signature

    def _watch_requests(self) -> None:
        send = requests.Session.send

        def counted(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            answer = send(session, request, **options)
            if request.method != "GET":
                self._happened(f"{request.method} {request.path_url}")
            return answer

        setattr(requests.Session, "send", counted)  # noqa: B010 - with another signature

    def _watch_commits(self) -> None:
        execute = asyncpg.Connection.execute

        async def counted(connection: Any, query: str, *arguments: Any, **options: Any) -> str:
            status = await execute(connection, query, *arguments, **options)
            self._dirty = self._dirty or query.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))
            if query == "COMMIT" and self._dirty:
                self._dirty = False
                self._happened("commit")
            return status

        setattr(asyncpg.Connection, "execute", counted)  # noqa: B010 - with another signature

    def _counted(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            result = original(*arguments, **options)
            self._happened(name)
            return result

        return counted

    def _happened(self, name: str) -> None:
        if getattr(self._apart, "here", False) or not re.search(self._thing, name):
            return
        self._left -= 1
        if self._left == 0:
            self._note.write_text(name)
            self._kill(os.getpid(), signal.SIGKILL)


def _become(number: int, cut: Cut, folder: Path) -> NoReturn:
    task_postrun.connect(_end, weak=False)
    quiet = ["--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    effects = Effects(cut, folder / str(number))
    task_prerun.connect(lambda **_: effects.watch(), weak=False)
    app.worker_main(["worker", "--pool=solo", f"--queues=kill-{number}", f"--hostname=kill-{number}@%h", *quiet])
    sys.exit(1)


def _end(**_: Any) -> NoReturn:
    """What the task has begun comes to its end, and then the process does."""
    tasks.runner.wait()
    os._exit(0)


def _main(folder: Path, cuts: Sequence[Cut]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for pid in [os.fork() or _become(number, cut, folder) for number, cut in enumerate(cuts)]:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), [Cut(*each) for each in json.loads(sys.argv[2])])
