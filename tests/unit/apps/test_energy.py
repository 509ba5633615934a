"""The arithmetic of the energy app, held against cases that can be done in the head."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dualspan_appkit.machine_time import Element, Timeline
from dualspan_sdk import DualSpanError
from energy_carbon.hours import idle_energy, rises
from energy_carbon.tariff import Tariff

MINUTE = 60_000_000


def us(*hour: int) -> int:
    return int(datetime(2026, 11, 20, *hour, tzinfo=UTC).timestamp()) * 1_000_000


def test_a_price_holds_from_its_hour_on_in_local_time() -> None:
    tariff = Tariff.parse(["08=1.0", "22=0.4"], ZoneInfo("Asia/Shanghai"))
    hours = np.array([us(0), us(13), us(14), us(22)], np.int64)  # 8, 21, 22 and 6 o'clock in Shanghai
    assert tariff.at(hours).tolist() == [1.0, 1.0, 0.4, 0.4]


@pytest.mark.parametrize("text", ["8", "24=1", "-1=1", "08=-2", "08=nan", "x=1"])
def test_what_is_no_price_is_named(text: str) -> None:
    with pytest.raises(DualSpanError, match="MALFORMED_TARIFF"):
        Tariff.parse([text], ZoneInfo("UTC"))


def test_a_meter_that_falls_began_again() -> None:
    assert rises(np.array([[10.0, 12.0, 1.0], [np.nan, 5.0, 6.0]])).tolist()[0] == [2.0, 1.0]
    assert np.isnan(rises(np.array([np.nan, 5.0, 6.0]))).tolist() == [True, False]


def test_energy_belongs_to_what_the_machine_did_in_that_time() -> None:
    line = Timeline(
        np.array([0, 5 * MINUTE, 15 * MINUTE], np.int64),
        np.array([5 * MINUTE, 15 * MINUTE, 20 * MINUTE], np.int64),
        np.array([Element.PRODUCTION, Element.DOWN, Element.UNKNOWN], np.int8),
    )
    starts = np.array([0, 10 * MINUTE], np.int64)
    split = idle_energy(starts, 10 * MINUTE, np.array([4.0, 1.0]), line)
    assert split.producing == pytest.approx(2.0)
    assert split.idle == pytest.approx(2.0 + 0.5)
    assert split.share == pytest.approx(2.5 / 4.5)
    nothing = idle_energy(starts, 10 * MINUTE, np.array([np.nan, np.nan]), line)
    assert nothing.share is None
