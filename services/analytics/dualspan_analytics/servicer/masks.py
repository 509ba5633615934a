"""Which fields a change is about."""

from collections.abc import Set as AbstractSet

from google.protobuf.field_mask_pb2 import FieldMask

from dualspan_runtime.errors import InvalidArgument


def masked(mask: FieldMask, changeable: frozenset[str]) -> frozenset[str]:
    """The fields that are to be changed; all that can be for an empty mask.

    Raises:
        InvalidArgument: One of them cannot be changed (`MALFORMED_UPDATE_MASK`).
    """
    fields: AbstractSet[str] = set(mask.paths)
    if unknown := fields - changeable:
        listed = ", ".join(sorted(unknown))[:200]
        words = f"update_mask has {listed}; {', '.join(sorted(changeable))} can be changed."
        raise InvalidArgument("MALFORMED_UPDATE_MASK", words, field="update_mask")
    return frozenset(fields) or changeable
