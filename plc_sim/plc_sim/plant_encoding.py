"""From a plant's samples to OPC UA DataValues."""

from typing import Any

from numpy.typing import NDArray

from plc_sim.model.plant import Samples, render_text
from plc_sim.model.signal import Signal
from plc_sim.opcua import encoding
from plc_sim.opcua.encoding import BuiltInType, DataValues


def data_values(signal: Signal, samples: Samples, types_namespace: int) -> DataValues:
    """Samples as a column that `encoding.encode` takes.

    Args:
        signal: What the samples are of.
        samples: Timestamps, values, status codes.
        types_namespace: Index of the namespace of the custom structures on the server.
    """
    times, values, status = samples
    if signal.length:
        return DataValues(signal.kind, times, [encoding.variant_array(signal.kind, row) for row in values], status)
    if signal.render is None:
        return DataValues(signal.kind, times, values, status)
    return DataValues(signal.kind, times, _variants(signal, values, types_namespace), status)


def _variants(signal: Signal, keys: NDArray[Any], types_namespace: int) -> list[bytes]:
    out: list[bytes] = []
    for key in keys.tolist():
        rendered = render_text(signal, key)
        if isinstance(rendered, bytes):
            assert signal.structure is not None  # noqa: S101 - bytes are the body of a structure
            out.append(encoding.variant_structure(types_namespace, signal.structure.encoding_id, rendered))
        elif signal.kind is BuiltInType.LOCALIZED_TEXT:
            out.append(encoding.variant_text(rendered, "en"))
        else:
            out.append(encoding.variant_string(rendered))
    return out
