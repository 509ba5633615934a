"""The `helm` command: renders charts without a cluster, and installs what was checked with one."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualspan_marketplace.deployments.helm.checks import RefusedChartError
from dualspan_marketplace.deployments.provisioner import CannotStartError, UnreachableError

_RENDER_SECONDS = 10
_PATIENCE_SECONDS = 20.0
_CALL_SECONDS = 30.0
_MOST_KIB = 8192
_LAST_WORDS = 700
# Of a shell that finds no such command (POSIX, XCU 2.8.2).
_NO_COMMAND = 127
# A chart's templates are a program: it has this much time, memory and output, no account and nothing of ours to read.
# One at a time: dash, which is `sh` on Debian, takes no more.
_BOUNDED = f'ulimit -t {_RENDER_SECONDS} && ulimit -v 4194304 && ulimit -f {_MOST_KIB * 2} && ulimit -c 0 && exec "$@"'


@dataclass(frozen=True, slots=True)
class Access:
    """The cluster, as the API's address and files that hold who we are.

    Attributes:
        url: https://host:port.
        token_file: Read anew each time: the cluster exchanges it.
        authority_file: PEM of who signed the API's certificate.
    """

    url: str
    token_file: Path
    authority_file: Path

    @property
    def token(self) -> str:
        """A secret."""
        try:
            return self.token_file.read_text("ascii").strip()
        except OSError as err:
            raise UnreachableError(f"The account at the cluster cannot be read: {err}") from err


class Helm:
    """Runs the command.

    Args:
        program: Its path or name.
        access: To the cluster.
    """

    def __init__(self, program: str, access: Access) -> None:
        self._program = program
        self._access = access

    def render(self, chart: Path, release: str, values: Mapping[str, Any]) -> str:
        """What a chart renders, without a cluster to look at; its values are checked against its schema first.

        Raises:
            RefusedChartError: The values are not what its schema says, or it cannot be rendered.
        """
        with tempfile.TemporaryDirectory(prefix="dualspan-chart-") as folder:
            given = Path(folder, "values.json")
            given.write_text(json.dumps(dict(values)), "utf-8")
            command = [self._program, "template", release, str(chart), f"--values={given}", "--include-crds"]
            rendered = Path(folder, "rendered")
            try:
                with rendered.open("wb") as output:
                    done = _run(["sh", "-c", _BOUNDED, "sh", *command], _environment(folder), _PATIENCE_SECONDS, output)
            except subprocess.TimeoutExpired as err:
                raise RefusedChartError(f"The chart is not rendered within {_PATIENCE_SECONDS:.0f} s.") from err
            if done.returncode == _NO_COMMAND:
                raise _absent(self._program)
            if done.returncode != 0:
                raise RefusedChartError(f"The chart cannot be rendered: {_words(done)}")
            return rendered.read_text("utf-8", "replace")

    def install(self, archive: bytes, release: str, namespace: str) -> None:
        """Install a chart; raises CannotStartError if the cluster refuses."""
        with tempfile.TemporaryDirectory(prefix="dualspan-chart-") as folder:
            chart = Path(folder, "app.tgz")
            chart.write_bytes(archive)
            done = self._at_cluster(folder, "install", release, str(chart), "--namespace", namespace)
        if done.returncode != 0:
            raise CannotStartError(f"The cluster does not take it: {_words(done)}")

    def uninstall(self, release: str, namespace: str) -> bool:
        """Remove a release, whatever state it was left in; False if Helm cannot."""
        with tempfile.TemporaryDirectory(prefix="dualspan-chart-") as folder:
            done = self._at_cluster(folder, "uninstall", release, "--namespace", namespace)
        return done.returncode == 0

    def _at_cluster(self, folder: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        # As variables: arguments can be read by whoever may list processes.
        own = {
            "HELM_KUBEAPISERVER": self._access.url,
            "HELM_KUBETOKEN": self._access.token,
            "HELM_KUBECAFILE": str(self._access.authority_file),
            # There is none: what the machine's user has set up is not ours.
            "KUBECONFIG": str(Path(folder, "none")),
        }
        try:
            return _run([self._program, *arguments], _environment(folder) | own, _CALL_SECONDS)
        except subprocess.TimeoutExpired as err:
            raise UnreachableError(f"{self._program} has not ended within {_CALL_SECONDS:.0f} s.") from err


def _run(
    command: list[str], environment: Mapping[str, str], seconds: float, output: Any = subprocess.PIPE
) -> "subprocess.CompletedProcess[bytes]":
    """What a command did; raises TimeoutExpired."""
    try:
        return subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as err:
        raise _absent(command[0]) from err


def _absent(program: str) -> UnreachableError:
    return UnreachableError(f"There is no command {program}: install Helm 3.6 or later.")


def _environment(folder: str) -> dict[str, str]:
    """Nothing of the worker's own: it has the platform's secrets."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"}


def _words(done: "subprocess.CompletedProcess[bytes]") -> str:
    text = " ".join(done.stderr.decode("utf-8", "replace").split())
    return text.removeprefix("Error: ")[:_LAST_WORDS] or f"it ended with {done.returncode}."
