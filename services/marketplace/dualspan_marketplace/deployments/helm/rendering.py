"""Charts of apps as objects, rendered without a cluster and checked: for who looks at a version and who installs it."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import requests

from dualspan_manifest import Manifest
from dualspan_marketplace.deployments.helm.charts import Charts
from dualspan_marketplace.deployments.helm.checks import Object, RefusedChartError, check, images, read
from dualspan_marketplace.deployments.helm.cli import Helm
from dualspan_marketplace.deployments.helm.sealing import health_port
from dualspan_marketplace.deployments.provisioner import CannotStartError, UnreachableError

T = TypeVar("T")

# Of an app that comes with an image only.
OWN_CHART = Path(__file__).with_name("chart")
# What a release is called where none is installed.
_TRIAL = "app-trial"


class Rendering:
    """Renders what an app comes with, its own chart or ours for an image.

    Args:
        charts: Where charts come from.
        helm: The command; of a cluster nothing is asked.
    """

    def __init__(self, charts: Charts, helm: Helm) -> None:
        self._charts = charts
        self._helm = helm

    def refusal(self, manifest: Manifest) -> str:
        """Why an app cannot be rendered, as far as its manifest says; "" if it can be tried."""
        if manifest.run.helm:
            return self._charts.refusal(manifest.run.helm.chart)
        if not manifest.run.image:
            return "It comes with neither a chart nor an image."
        return "" if "@sha256:" in manifest.run.image else "Its image is not named by digest."

    def fetch(self, manifest: Manifest) -> None:
        """Have its chart here, if it has one; raises as `asked` says."""
        if manifest.run.helm:
            self._charts.fetch(manifest.run.helm.chart)

    def objects(self, manifest: Manifest, release: str) -> list[Object]:
        """What is to be installed, checked; raises as `asked` says."""
        values = manifest.run.helm.values if manifest.run.helm else _own_values(manifest)
        with tempfile.TemporaryDirectory(prefix="dualspan-chart-") as folder:
            chart = OWN_CHART
            if manifest.run.helm:
                chart = Path(folder, "chart.tgz")
                chart.write_bytes(self._charts.fetch(manifest.run.helm.chart))
            rendered = self._helm.render(chart, release, values)
        objects = read(rendered)
        check(objects, manifest, release)
        return objects

    async def images(self, manifest: Manifest) -> Sequence[str]:
        """By digest, every image that its objects name.

        Raises:
            CannotStartError: It cannot be installed, for the reason given.
            UnreachableError: The charts' registry does not answer, or there is no helm command.
        """
        return await asked(lambda: images(self.objects(manifest, _TRIAL)))


def _own_values(manifest: Manifest) -> dict[str, Any]:
    limits = {"cpu": f"{manifest.resources.cpu}m", "memory": str(manifest.resources.memory)}
    return {"image": manifest.run.image, "port": health_port(manifest), "limits": limits}


async def asked(question: Callable[[], T]) -> T:
    """What somebody else says, asked beside the event loop.

    Raises:
        CannotStartError: What was asked for is refused.
        UnreachableError: Nobody answers.
    """
    try:
        return await asyncio.to_thread(question)
    except RefusedChartError as err:
        raise CannotStartError(str(err)) from err
    except requests.RequestException as err:
        raise UnreachableError(f"The charts' registry does not answer: {err}") from err
