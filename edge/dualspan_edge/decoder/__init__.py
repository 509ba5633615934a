"""OPC UA notifications as NumPy columns.

    response = decode_publish_response(body)      # body: the decrypted message, from the TypeId on
    for change in response.data_changes:
        for run in change.runs:
            run.handle, run.timestamp, run.status, run.values    # one array each

One call decodes the PublishResponse and every notification in it. Items that share a DataValue mask and a scalar
type are one structured NumPy view; mixed ones are sorted into runs; text, arrays and structures are cut out
without being decoded. Nothing reads outside of `body` or allocates from a length that `body` only claims; whatever
is wrong with it raises `DecodeError`, and nothing else.

To get samples of tags from it, see `dualspan_edge.samples.TagTable`.
"""

from dualspan_edge.decoder.model import DataChange, EventFields, ItemRun, PublishResponse, RunForm
from dualspan_edge.decoder.response import check_read_response, decode_publish_response, decode_republish_response
from dualspan_edge.errors import DecodeError

__all__ = [
    "DataChange",
    "DecodeError",
    "EventFields",
    "ItemRun",
    "PublishResponse",
    "RunForm",
    "check_read_response",
    "decode_publish_response",
    "decode_republish_response",
]
