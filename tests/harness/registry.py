"""A registry of images and charts on this machine's Docker Engine."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import secrets
import subprocess
import tarfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

_PATIENCE_S = 90.0
_SECONDS = 10


def docker(*arguments: str, given: str | None = None) -> str:
    """What a `docker` command says."""
    command = ("docker", *arguments)
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@dataclass(frozen=True)
class Store:
    """A registry as this machine reaches it."""

    url: str

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def push_image(self, image: str, name: str) -> str:
        """An image of the engine, by the digest that the registry gives it."""
        tag = f"{self.host}/{name}:1"
        docker("tag", image, tag)
        pushed = docker("push", tag)
        found = re.search(r"sha256:[0-9a-f]{64}", pushed)
        assert found, pushed
        return f"{self.host}/{name}@{found[0]}"

    def push_chart(self, files: Mapping[str, str]) -> str:
        """A chart's reference."""
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w") as archive:
            for path, text in files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        chart, configuration = gzip.compress(whole.getvalue(), mtime=0), b"{}"
        layer = {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", **self._blob(chart)}
        config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", **self._blob(configuration)}
        content = json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode()
        kind = {"content-type": "application/vnd.oci.image.manifest.v1+json"}
        url = f"{self.url}/v2/charts/app/manifests/1"
        requests.put(url, data=content, headers=kind, timeout=_SECONDS).raise_for_status()
        return f"oci://{self.host}/charts/app@sha256:{hashlib.sha256(content).hexdigest()}"

    def _blob(self, content: bytes) -> dict[str, object]:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        begun = requests.post(f"{self.url}/v2/charts/app/blobs/uploads/", timeout=_SECONDS)
        place = begun.headers["location"]
        place = place if place.startswith("http") else self.url + place
        sign = "&" if "?" in place else "?"
        requests.put(f"{place}{sign}digest={digest}", data=content, timeout=_SECONDS).raise_for_status()
        return {"digest": digest, "size": len(content)}


@contextmanager
def running_registry(folder: Path) -> Generator[Store]:
    """One that ends, with all that is in it, when the context does."""
    name = f"dualspan-registry-{secrets.token_hex(4)}"
    # That of an image may ask for names.
    settings = folder / "config.yml"
    settings.write_text("{version: 0.1, storage: {filesystem: {rootdirectory: /tmp/registry}}, http: {addr: ':5000'}}")
    volume = f"{settings}:/etc/docker/registry/config.yml:ro"
    docker(
        *("run", "--detach", "--rm", "--name", name, "--publish", "127.0.0.1::5000", "--volume", volume),
        "registry:2",
    )
    try:
        made = Store(f"http://{docker('port', name, '5000/tcp').splitlines()[0].strip()}")
        until = time.monotonic() + _PATIENCE_S
        while not _is_there(made.url):
            assert time.monotonic() < until
            time.sleep(0.1)
        yield made
        # What nodes have pulled from it.
        pulled = docker("images", "--quiet", "--filter", f"reference={made.host}/*").split()
        if pulled:
            docker("rmi", "--force", *dict.fromkeys(pulled))
    finally:
        docker("rm", "--force", name)


def _is_there(url: str) -> bool:
    try:
        return requests.get(f"{url}/v2/", timeout=5).ok
    except requests.ConnectionError:
        return False
