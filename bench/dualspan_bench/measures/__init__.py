"""The measures, by the name that `make bench ONLY=` takes."""

from collections.abc import Mapping

from dualspan_bench.measures.opcua_decode import opcua_decode
from dualspan_bench.measures.read_processed_24h import read_processed_24h
from dualspan_bench.measures.stored_bytes import stored_bytes
from dualspan_bench.model import Measure

MEASURES: Mapping[str, Measure] = {
    "opcua_decode": opcua_decode,
    "stored_bytes": stored_bytes,
    "read_processed_24h": read_processed_24h,
}
