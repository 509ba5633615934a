"""Columns as the tables that notebooks like."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dualspan_sdk import Columns, PropertyRef
from dualspan_sdk import _columns as columns_module

REF = PropertyRef("imm01", "barrel-temperature", 3)
NUMBERS = Columns(
    REF, "Cel", np.array([0, 1_500_000], np.int64), np.array([1.5, np.nan]), np.array([0, 0x80000000], np.uint32)
)
TEXTS = Columns(REF, "", np.array([5], np.int64), np.array(["红"], object), np.zeros(1, np.uint32))


def test_arrow() -> None:
    table = NUMBERS.to_arrow()
    assert str(table.schema.field("timestamp").type) == "timestamp[us, tz=UTC]"
    assert table.schema.field("value").metadata == {b"unit": b"Cel", b"property": b"imm01/barrel-temperature[3]"}
    assert table.column("status").to_pylist() == [0, 0x80000000]
    assert TEXTS.to_arrow().column("value").to_pylist() == ["红"]


def test_pandas() -> None:
    table = NUMBERS.to_pandas()
    assert isinstance(table, pd.DataFrame)
    assert str(table.index[1]) == "1970-01-01 00:00:01.500000+00:00"
    assert table["value"].iloc[0] == 1.5
    assert table.attrs == {"unit": "Cel", "property": "imm01/barrel-temperature[3]"}


def test_polars() -> None:
    table = NUMBERS.to_polars()
    assert isinstance(table, pl.DataFrame)
    assert table.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert table["status"].to_list() == [0, 0x80000000]
    assert TEXTS.to_polars()["value"].to_list() == ["红"]


def test_only_good_leaves_out_what_is_not() -> None:
    assert NUMBERS.only_good().value.tolist() == [1.5]
    assert TEXTS.only_good() is TEXTS


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"dualspan-sdk\[frames\]"):
        columns_module._optional("no_such_module_here", "frames")
