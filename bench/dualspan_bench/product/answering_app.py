"""An app that answers and does nothing else, as an image on this machine's engine and in the catalogue."""

import asyncio

from dualspan_bench.product.platform import Platform
from dualspan_cli.demo.image import AppImage
from dualspan_cli.engine import Engine
from dualspan_cli.publishing.offering import FREE_PLAN, offer

APP = "answering"
PLAN = FREE_PLAN
# Where `python -m http.server` listens.
PORT = 8000
_MANIFEST = """apiVersion: dualspan/v1
id: {app}
version: "1.0.0"
names: {{en: Answering, zh: 应答}}
summary: {{en: Answers., zh: 应答。}}
license: Apache-2.0
categories: {{industries: [general], domains: [production]}}
scopes: []
resources: {{cpu: 0.5, memory: 64Mi, pids: 16, disk: 1Mi}}
ports: [{{name: web, port: {port}}}]
health: {{path: /, interval: 10s}}
ui: {{path: /}}
run:
  docker: {{image: {image}}}
"""


async def make_image(engine: str) -> str:
    """The image by digest; takes some seconds once."""
    return await asyncio.to_thread(AppImage(f"dualspan/{APP}", "", "http.server").load, Engine(engine))


def manifest(image: str) -> str:
    """Of the app."""
    return _MANIFEST.format(app=APP, port=PORT, image=image)


async def publish(platform: Platform, image: str) -> None:
    """Through the checks and the review."""
    await offer(platform.here.access(), manifest(image), {})
