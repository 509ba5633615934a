from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_sdk._times import to_duration, to_microseconds, to_timestamp


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-5))])))
def test_a_datetime_of_any_zone_keeps_its_microsecond(instant: datetime) -> None:
    back = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=to_microseconds(instant))
    assert back == instant


@given(st.integers(-(2**53), 2**53))
def test_all_forms_of_an_instant_agree(microseconds: int) -> None:
    assert to_microseconds(np.datetime64(microseconds, "us")) == microseconds
    message = to_timestamp(microseconds)
    assert message.seconds * 1_000_000 + message.nanos // 1000 == microseconds
    assert 0 <= message.nanos < 1_000_000_000


def test_coarser_datetime64_is_the_same_instant() -> None:
    assert to_microseconds(np.datetime64("2026-01-02")) == to_microseconds(datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("instant", [datetime(2026, 1, 1), np.datetime64("NaT")])  # noqa: DTZ001 - that is the point
def test_what_is_no_instant_is_refused(instant: datetime | np.datetime64) -> None:
    with pytest.raises(ValueError, match=r"time zone|NaT"):
        to_microseconds(instant)


def test_durations_keep_microseconds() -> None:
    message = to_duration(timedelta(minutes=1, microseconds=7))
    assert (message.seconds, message.nanos) == (60, 7000)
