"""What an upload has beside its samples: a gateway's word is bounded, never refused."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import repair_pb2, resources_pb2, service_pb2
from dualspan_historian.servicer.notes import notes

YEAR_US = 366 * 86_400_000_000


def test_intervals_that_no_database_holds_become_ones_that_it_does() -> None:
    wanted = [(2**62, 0, YEAR_US), (-(2**62), -1, 0), (0, 500_000_000, 500_000), (1, 0, 1_000_000)]
    starts = [
        repair_pb2.Coverage.Start(tag_id=1, cyclic_interval=Duration(seconds=seconds, nanos=nanos))
        for seconds, nanos, _ in wanted
    ]
    (told,) = notes(service_pb2.IngestRequest.Upload(coverage=[repair_pb2.Coverage(starts=starts)])).coverage
    assert [start.cyclic_us for start in told.starts] == [expected for *_, expected in wanted]


def test_more_gaps_than_anybody_reads_become_one() -> None:
    gaps = [
        resources_pb2.Gap(
            tag_id=number,
            server="s",
            start_time=Timestamp(seconds=number),
            end_time=Timestamp(seconds=number + 1),
            lost_samples=2,
        )
        for number in range(1, 20_001)
    ]
    found = notes(service_pb2.IngestRequest.Upload(gaps=gaps)).gaps
    assert len(found) == 10_000
    assert [gap.tag_id for gap in found[:-1]] == list(range(1, 10_000))
    rest = found[-1]
    assert rest.start_time is not None
    assert rest.end_time is not None
    assert (rest.tag_id, rest.server_id, rest.lost_samples) == (0, "", 20_002)
    assert (rest.start_time.timestamp(), rest.end_time.timestamp()) == (10_000, 20_001)
