"""DualSpan for apps and notebooks: read, subscribe and query production data by the properties of assets.

async with await Plant.connect(token="…") as plant:
    good = await plant.read("imm01", "good-count", start, end)
    good.to_pandas()
"""

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind
from dualspan_sdk._app import App, Health, forever, open_app, open_plant
from dualspan_sdk._assets import Asset, AssetLevel, Assets, Model, Property, State
from dualspan_sdk._client import Client
from dualspan_sdk._clock import Clock
from dualspan_sdk._columns import Columns, LiveColumns, PropertyRef
from dualspan_sdk._credentials import AccessToken, ExchangedCredentials, FileCredentials
from dualspan_sdk._errors import DualSpanError
from dualspan_sdk._plant import Plant
from dualspan_sdk._results import Aggregate, AggregateRules, Series, Tag, Update
from dualspan_sdk._sync import SyncPlant
from dualspan_sdk._sync_app import SyncApp, SyncResults
from dualspan_sdk._times import Instant
from dualspan_sdk._transport import Endpoints
from dualspan_sdk._writing import OutputTag, Results
from dualspan_sdk.settings import AppSettings

__all__ = [
    "AccessToken",
    "Aggregate",
    "AggregateRules",
    "App",
    "AppSettings",
    "Asset",
    "AssetLevel",
    "Assets",
    "BinaryColumn",
    "Block",
    "Client",
    "Clock",
    "Columns",
    "DualSpanError",
    "Endpoints",
    "ExchangedCredentials",
    "FileCredentials",
    "Frame",
    "Health",
    "Instant",
    "LiveColumns",
    "Model",
    "OutputTag",
    "Plant",
    "Property",
    "PropertyRef",
    "Results",
    "Series",
    "State",
    "SyncApp",
    "SyncPlant",
    "SyncResults",
    "Tag",
    "Update",
    "ValueKind",
    "forever",
    "open_app",
    "open_plant",
]
