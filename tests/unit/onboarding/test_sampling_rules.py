"""What goes together of how a tag's values are got."""

import pytest

from dualspan_onboarding.sampling import (
    WHOLE_VALUE,
    Acquisition,
    AcquisitionMode,
    Address,
    DataChangeTrigger,
    DeadbandType,
    TagSource,
)
from dualspan_onboarding.sampling_rules import (
    check_acquisition,
    check_address,
    check_fits,
    fitting,
    queue_at_server,
)
from dualspan_runtime.errors import InvalidArgument

FLOAT64, TEXT, BYTES = 1, 4, 5
DEADBAND = Acquisition(deadband_type=DeadbandType.ABSOLUTE, deadband_value=0.5)


@pytest.mark.parametrize("path", ["X", "Position.X", "Limits[2].High", "[7]", "[7].Name", "Ä ö.Ü", "a" * 200])
def test_a_path_that_can_be(path: str) -> None:
    assert check_address(Address(field_path=path)).field_path == path


@pytest.mark.parametrize("path", [".X", "X.", "X..Y", "[x]", "X[", "X[1", "[12345678]", "a" * 201, "X\x00", "x." * 300])
def test_a_path_that_cannot_be(path: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_address(Address(field_path=path))
    assert refused.value.reason == "MALFORMED_FIELD_PATH"


@pytest.mark.parametrize("part", ["3:1", "3:3", "a", "1:", ":1", "1,,2", "-1", "1:2:3"])
def test_an_index_range_that_cannot_be(part: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_address(Address(index_range=part))
    assert refused.value.reason == "MALFORMED_INDEX_RANGE"


def test_a_part_is_stated_in_one_way() -> None:
    for address in (Address(field_path="[1]", index_range="1"), Address(TagSource.EVENTS, "X")):
        with pytest.raises(InvalidArgument) as refused:
            check_address(address)
        assert refused.value.reason == "ADDRESS_AMBIGUOUS"


@pytest.mark.parametrize(
    ("acquisition", "reason"),
    [
        (Acquisition(deadband_type=DeadbandType.ABSOLUTE, deadband_value=-1), "DEADBAND_OUT_OF_RANGE"),
        (Acquisition(deadband_type=DeadbandType.ABSOLUTE, deadband_value=float("nan")), "DEADBAND_OUT_OF_RANGE"),
        (Acquisition(deadband_type=DeadbandType.PERCENT, deadband_value=101), "DEADBAND_OUT_OF_RANGE"),
        (Acquisition(deadband_value=1), "DEADBAND_TYPE_MISSING"),
        (Acquisition(heartbeat_us=10), "INTERVAL_OUT_OF_RANGE"),
        (Acquisition(heartbeat_us=25 * 3600 * 1_000_000), "INTERVAL_OUT_OF_RANGE"),
        (Acquisition(minimum_severity=1001), "SEVERITY_OUT_OF_RANGE"),
    ],
)
def test_settings_that_cannot_be(acquisition: Acquisition, reason: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_acquisition(acquisition)
    assert refused.value.reason == reason


def test_what_goes_for_many_is_left_out_where_it_does_not_fit() -> None:
    assert fitting(DEADBAND, WHOLE_VALUE, FLOAT64) == DEADBAND
    assert fitting(DEADBAND, WHOLE_VALUE, TEXT) == Acquisition()
    assert fitting(DEADBAND, Address(field_path="X"), FLOAT64) == Acquisition()
    heard = Acquisition(heartbeat_us=5_000_000, minimum_severity=300, trigger=DataChangeTrigger.STATUS)
    assert fitting(heard, Address(TagSource.EVENTS), BYTES) == Acquisition(minimum_severity=300)
    assert fitting(heard, WHOLE_VALUE, BYTES).minimum_severity == 0


@pytest.mark.parametrize(
    ("acquisition", "address", "kind", "reason"),
    [
        (DEADBAND, WHOLE_VALUE, TEXT, "DEADBAND_NOT_POSSIBLE"),
        (DEADBAND, Address(field_path="X"), FLOAT64, "DEADBAND_NOT_POSSIBLE"),
        (Acquisition(minimum_severity=1), WHOLE_VALUE, FLOAT64, "NOT_FOR_VALUES"),
        (Acquisition(heartbeat_us=1_000_000), Address(TagSource.EVENTS), BYTES, "ACQUISITION_NOT_POSSIBLE"),
        (
            Acquisition(mode=AcquisitionMode.CYCLIC_READ, trigger=DataChangeTrigger.STATUS),
            WHOLE_VALUE,
            FLOAT64,
            "ACQUISITION_NOT_POSSIBLE",
        ),
    ],
)
def test_what_was_chosen_for_one_tag_is_refused_where_it_does_not_fit(
    acquisition: Acquisition, address: Address, kind: int, reason: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_fits(acquisition, address, kind)
    assert refused.value.reason == reason


def test_the_queue_bridges_a_publishing_interval_and_a_stall() -> None:
    assert queue_at_server(TagSource.VALUE, 0, 100_000, 1_000_000) == 60
    assert queue_at_server(TagSource.VALUE, 100, 100_000, 1_000_000) == 100
    assert queue_at_server(TagSource.EVENTS, 0, 0, 1_000_000) == 1000
