"""What was granted to an app, as the platform writes it into a file."""

import asyncio
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from dualspan.onboarding.v1 import asset_service_pb2
from dualspan_sdk._assets import Asset, Assets, Model
from dualspan_sdk._errors import DualSpanError


class FileBinding:
    """The assets of a file: `{"assets": […], "models": […]}`, as `Asset` and `AssetModel` of the contract in JSON.

    An asset has the bindings that were granted, a model its properties and states. The platform replaces the file as a
    whole when the subscriber chooses other machines; the next question sees them.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[tuple[int, int], Assets] | None = None

    async def assets(self) -> Assets:
        """What is granted now; raises `DualSpanError` `BINDING_UNREADABLE`."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Assets:
        try:
            stat = self._path.stat()
            version = (stat.st_mtime_ns, stat.st_ino)
            if self._known is None or self._known[0] != version:
                self._known = (version, _assets(json.loads(self._path.read_text("utf-8"))))
            return self._known[1]
        except (OSError, ValueError, KeyError, TypeError, ParseError) as err:
            words = f"What was granted cannot be read from {self._path}: {err}."
            raise DualSpanError("FAILED_PRECONDITION", "BINDING_UNREADABLE", words) from err


def _assets(document: dict[str, list[dict[str, Any]]]) -> Assets:
    models: dict[tuple[str, str], Model] = {}
    for each in document["models"]:
        message = ParseDict(each, asset_service_pb2.AssetModel(), ignore_unknown_fields=True)
        model = Model.from_message(message)
        models[model.id, model.version] = model
    found: list[Asset] = []
    for each in document["assets"]:
        asset = ParseDict(each, asset_service_pb2.Asset(), ignore_unknown_fields=True)
        found.append(Asset.from_message(asset, models.get((asset.model, asset.model_version))))
    return Assets(found)
