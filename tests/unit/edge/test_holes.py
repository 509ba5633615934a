"""Which holes stay open, and which end."""

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.opcua.holes import Holes

LOST = historian.GAP_CAUSE_CONNECTION_LOST


def test_a_hole_stays_until_something_runs() -> None:
    holes = Holes()
    holes.note(LOST, 100, "gone")
    holes.note(historian.GAP_CAUSE_SUBSCRIPTION_LOST, 90, "gone as well")
    assert not holes.settle({1, 2}, set(), 200)
    assert holes.since == 90
    (closed,) = holes.settle({1, 2}, {1, 2}, 300)
    assert (closed.cause, closed.since, closed.tag_id) == (LOST, 90, 0)
    assert holes.since is None
    assert not holes.settle({1, 2}, {1, 2}, 400)


def test_a_tag_that_ran_and_is_refused_has_a_hole_of_its_own() -> None:
    holes = Holes()
    holes.settle({1, 2, 3}, {1, 2}, 50)
    holes.note(LOST, 100, "gone")
    (closed,) = holes.settle({1, 2, 3}, {1}, 200)
    assert closed.tag_id == 0
    assert not holes.settle({1, 2, 3}, {1}, 250)
    (closed,) = holes.settle({1, 2, 3}, {1, 2, 3}, 300)
    assert (closed.cause, closed.since, closed.tag_id) == (LOST, 100, 2)
    assert not holes.leave()


def test_a_hole_of_a_tag_ends_with_the_tag() -> None:
    holes = Holes()
    holes.settle({1, 2}, {1, 2}, 50)
    assert not holes.settle({1, 2}, {1}, 100)
    (closed,) = holes.settle({1}, {1}, 200)
    assert (closed.cause, closed.since, closed.tag_id) == (historian.GAP_CAUSE_SUBSCRIPTION_LOST, 100, 2)
    holes.settle({1, 2}, {1, 2}, 300)
    holes.settle({1, 2}, {1}, 400)
    (left,) = holes.leave()
    assert (left.since, left.tag_id) == (400, 2)


def test_what_was_recorded_and_what_was_missing_outlives_the_process() -> None:
    holes = Holes()
    holes.settle({1, 2, 3}, {1, 2}, 50)
    holes.settle({1, 2, 3}, {1}, 100)
    again = Holes(holes.recorded)
    assert again.started == {1: 50, 2: 50}
    again.note(historian.GAP_CAUSE_GATEWAY_DOWN, 150, "down")
    # Tag 1 is refused since the restart, tag 2 was before, tag 3 never ran.
    (whole,) = again.settle({1, 2, 3, 4}, {4}, 200)
    assert (whole.since, whole.tag_id) == (150, 0)
    assert {tag_id: hole.since for tag_id, hole in again.tags.items()} == {1: 150, 2: 100}
    closed = again.settle({1, 2, 3, 4}, {1, 2, 4}, 300)
    assert sorted((hole.tag_id, hole.since) for hole in closed) == [(1, 150), (2, 100)]
    assert again.started == {1: 50, 2: 50, 4: 200}
