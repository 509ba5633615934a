"""Where conditions stand, as bytes that survive a restart: columns, little-endian, compressed."""

import io
import json
import zlib
from dataclasses import asdict, fields, replace

import numpy as np

from dualspan_analytics.alarms.rules import Signal, SignalKind
from dualspan_analytics.alarms.table import (
    ConditionKey,
    ConditionRow,
    ConditionTable,
    Measure,
    Purpose,
    Standing,
    Tail,
)

_TAIL = {"tail_row": "row", "tail_timestamp": "timestamp", "tail_value": "value"}


class CheckpointError(Exception):
    """Bytes that are no checkpoint of this program."""


def encode_conditions(table: ConditionTable) -> bytes:
    """The conditions of a standing."""
    rows = [asdict(row) for row in table.rows]
    return zlib.compress(json.dumps(rows).encode(), 1)


def decode_conditions(content: bytes) -> ConditionTable:
    """The other way round.

    Raises:
        CheckpointError: Another release wrote it, in another form.
    """
    try:
        return ConditionTable.of([_row(row) for row in json.loads(zlib.decompress(content))])
    except (zlib.error, ValueError, TypeError, KeyError) as err:
        raise CheckpointError(str(err)) from err


def _row(given: dict[str, object]) -> ConditionRow:
    key: dict[str, object] = given["key"]  # pyright: ignore[reportAssignmentType] - what encode_conditions wrote
    signal: dict[str, object] = given["signal"]  # pyright: ignore[reportAssignmentType]
    states: list[int] = given["states"]  # pyright: ignore[reportAssignmentType]
    return ConditionRow(
        **given  # pyright: ignore[reportArgumentType]
        | {
            "key": ConditionKey(**key | {"purpose": Purpose(key["purpose"])}),  # pyright: ignore[reportArgumentType]
            "signal": Signal(**signal | {"kind": SignalKind(signal["kind"])}),  # pyright: ignore[reportArgumentType]
            "measure": Measure(given["measure"]),
            "states": tuple(states),
        }
    )


def encode_standing(standing: Standing) -> bytes:
    """Where the conditions of a table stand."""
    columns = {field.name: getattr(standing, field.name) for field in fields(standing) if field.name != "tail"}
    columns |= {name: getattr(standing.tail, column) for name, column in _TAIL.items()}
    written = io.BytesIO()
    np.savez(written, **columns)
    return zlib.compress(written.getvalue(), 1)


def decode_standing(content: bytes, table: ConditionTable) -> Standing:
    """The other way round.

    Raises:
        CheckpointError: It is none, or of other conditions.
    """
    try:
        with np.load(io.BytesIO(zlib.decompress(content)), allow_pickle=False) as columns:
            tail = Tail(**{column: columns[name] for name, column in _TAIL.items()})
            names = [field.name for field in fields(Standing) if field.name != "tail"]
            standing = replace(Standing.beginning(table, 0), **{name: columns[name] for name in names}, tail=tail)
    except (zlib.error, ValueError, KeyError, OSError) as err:
        raise CheckpointError(str(err)) from err
    if len(standing.raw) != len(table) or len(standing.heard) != len(table.signals):
        raise CheckpointError("the standing is of other conditions")
    return standing
