from pathlib import Path

import pytest

from dualspan.analytics.v1 import query_pb2 as contract
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_cli.commands.analytics.query import TableForm, _column, _form
from dualspan_cli.errors import CommandError


def test_columns_as_people_write_them() -> None:
    assert _column("imm01/good-count") == contract.QueryColumn(asset="imm01", property="good-count")
    assert _column("imm01/mould-temperature[2]:time-average|[degF]") == contract.QueryColumn(
        asset="imm01",
        property="mould-temperature",
        index=2,
        aggregate=historian.AGGREGATE_TIME_AVERAGE,
        unit="[degF]",
    )
    assert _column("a/b:linear|kW.h/{piece}").join == contract.JOIN_KIND_LINEAR
    assert _column("cycle time=imm01/cycle-time").title == "cycle time"


@pytest.mark.parametrize("text", ["imm01", "imm01/", "/x", "imm01/a[x]", "Imm01/a", "imm01/a|", "imm01/a:"])
def test_what_is_no_column_says_how_one_is_written(text: str) -> None:
    with pytest.raises(CommandError) as raised:
        _column(text)
    assert raised.value.reason == "BAD_COLUMN"


@pytest.mark.parametrize("word", ["median", "unspecified"])
def test_an_unknown_aggregate_lists_those_that_there_are(word: str) -> None:
    with pytest.raises(CommandError, match="time-average"):
        _column(f"imm01/cycle-time:{word}")


def test_the_form_is_that_of_the_file() -> None:
    assert _form(None, None) is TableForm.TABLE
    assert _form(None, Path("a.xlsx")) is TableForm.XLSX
    assert _form(None, Path("a.parquet")) is TableForm.PARQUET
    assert _form(None, Path("a.txt")) is TableForm.CSV
    assert _form(TableForm.ARROW, Path("a.csv")) is TableForm.ARROW
