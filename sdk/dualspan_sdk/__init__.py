"""DualSpan for apps and notebooks: read, subscribe and query production data as NumPy columns.

async with await Client.connect(Endpoints(), token="…") as client:
tags = [tag async for tag in client.list_tags(query="temperature")]
series = await client.read_processed([tags[0].tag_id], start, end, interval=timedelta(minutes=1))
"""

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind
from dualspan_sdk._client import Client
from dualspan_sdk._credentials import AccessToken, ExchangedCredentials
from dualspan_sdk._errors import DualSpanError
from dualspan_sdk._results import Aggregate, AggregateRules, Series, Tag, Update
from dualspan_sdk._times import Instant
from dualspan_sdk._transport import Endpoints

__all__ = [
    "AccessToken",
    "Aggregate",
    "AggregateRules",
    "BinaryColumn",
    "Block",
    "Client",
    "DualSpanError",
    "Endpoints",
    "ExchangedCredentials",
    "Frame",
    "Instant",
    "Series",
    "Tag",
    "Update",
    "ValueKind",
]
