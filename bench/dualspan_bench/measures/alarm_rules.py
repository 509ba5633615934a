"""Share of a core that 10 000 alarm rules take on 100 000 values a second, decoded from messages of the stream."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dualspan.frame.v1 import frame_pb2
from dualspan_analytics.alarms.checkpoint import encode_standing
from dualspan_analytics.alarms.evaluation import Samples, evaluate
from dualspan_analytics.alarms.rules import Signal, SignalKind
from dualspan_analytics.alarms.table import ConditionKey, ConditionRow, ConditionTable, Measure, Standing
from dualspan_analytics.assets import Binding
from dualspan_analytics.samples import Routes
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers.rule_loop import RuleLoop
from dualspan_bench.workbench import Workbench
from dualspan_frame import Block, Frame, ValueKind, decode_frame, encode_frame

_RULES = 10_000
_RATE = 100_000
_FRAMES_PER_SECOND = 10
_BATCH_SECONDS = 0.5
_CHECKPOINT_SECONDS = 5
_LIMIT, _DEADBAND, _DELAY_US = 90.0, 2.0, 2_000_000
_T0 = 1_760_000_000_000_000
_NEVER = -(1 << 62)


async def alarm_rules(bench: Workbench) -> Sequence[Outcome]:
    """Both on the same values: a limit with deadband on each of 10 000 signals, every other one with a delay."""
    seconds, warm_up = (4, 1) if bench.quick else (60, 5)
    bench.note(PRODUCT)
    share, found = _share(_product(seconds + warm_up), warm_up)
    bench.note("a rule loop")
    peer_share, peer_found = _share(_loop(seconds + warm_up), warm_up)
    if found != peer_found:
        msg = f"the product found {found} changes, the loop {peer_found}: one of them is wrong"
        raise RuntimeError(msg)
    given = (
        f"{_RULES:,} rules on as many signals of 10 Hz, doubles, high limit with deadband, every other with 2 s "
        f"on-delay; CPU time of one process; {bench.machine}"
    )
    ours = (
        f"{seconds} s after {warm_up} s: messages of the live stream decoded, evaluated every {_BATCH_SECONDS:g} s, "
        f"a checkpoint encoded every {_CHECKPOINT_SECONDS} s, {found} changes; without the commits; {given}"
    )
    theirs = (
        f"{seconds} s after {warm_up} s: the same messages through the same decoder, then for each sample the rule "
        f"of its signal from a dictionary; no checkpoint, one kind of rule; {peer_found} changes; {given}"
    )
    readings = [
        Reading(PRODUCT, 100 * share, ours),
        Reading("rule loop in Python, one sample at a time", 100 * peer_share, theirs),
    ]
    return [Outcome("% of one core", Better.LOWER, readings)]


def _share(rounds: Iterator[Callable[[], int]], warm_up: int) -> tuple[float, int]:
    """CPU seconds for each second of stream, and how many changes were found after the warm-up."""
    for _ in range(warm_up):
        next(rounds)()
    spent, found, count = 0.0, 0, 0
    for one_second in rounds:
        start = time.process_time()
        found += one_second()
        spent += time.process_time() - start
        count += 1
    return spent / count, found


def _values(
    second: int,
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """A second of values, (10, rules), and their times; every 200th signal is hot for some seconds in turn."""
    chance = np.random.default_rng(second)
    steps = _RATE // _RULES
    values = chance.normal(70.0, 3.0, (steps, _RULES))
    values[:, second // 4 % 200 :: 200] += 25.0
    times = _T0 + second * 1_000_000 + np.arange(steps, dtype=np.int64) * (1_000_000 // steps)
    return values, times


def _messages(second: int) -> list[bytes]:
    """The same as the historian sends them: frames of 10 000 samples."""
    values, times = _values(second)
    tags = np.arange(1, _RULES + 1, dtype=np.int64)
    return [
        encode_frame(
            Frame((Block(ValueKind.FLOAT64, tags, np.full(_RULES, at), np.zeros(_RULES, np.uint32), row.copy()),))
        ).SerializeToString()
        for row, at in zip(values, times, strict=True)
    ]


def _table() -> ConditionTable:
    return ConditionTable.of(
        [
            ConditionRow(
                ConditionKey("hot", f"m{number:05}", 0, "H"),
                1,
                Signal(SignalKind.PROPERTY, f"m{number:05}", "temperature"),
                Measure.VALUE,
                limit=_LIMIT,
                deadband=_DEADBAND,
                on_delay_us=_DELAY_US if number % 2 else 0,
            )
            for number in range(_RULES)
        ]
    )


def _product(seconds: int) -> Iterator[Callable[[], int]]:
    table = _table()
    standing = Standing.beginning(table, _T0)
    routes = Routes([Binding(number + 1, 1.0, 0.0, unit_known=True) for number in range(_RULES)])

    def run(second: int, messages: Sequence[bytes]) -> int:
        nonlocal standing
        found = 0
        per_batch = round(_FRAMES_PER_SECOND * _BATCH_SECONDS)
        for start in range(0, len(messages), per_batch):
            parts: list[Samples] = []
            for message in messages[start : start + per_batch]:
                for ref, timestamp, value, status in routes.columns(decode_frame(frame_pb2.Frame.FromString(message))):
                    parts.append(Samples(ref.astype(np.int64), timestamp, value, status))
            columns = zip(*((part.signal, part.timestamp, part.value, part.status) for part in parts), strict=True)
            samples = Samples(*(np.concatenate(column) for column in columns))
            horizon = int(samples.timestamp.max()) - 2_000_000
            standing, changes = evaluate(table, standing, samples, horizon, 1 << 62)
            found += len(changes)
        if second % _CHECKPOINT_SECONDS == 0:
            encode_standing(standing)
        return found

    for second in range(seconds):
        messages = _messages(second)
        yield lambda second=second, messages=messages: run(second, messages)


def _loop(seconds: int) -> Iterator[Callable[[], int]]:
    loop = RuleLoop({tag: (_LIMIT, _DEADBAND, 0 if tag % 2 else _DELAY_US) for tag in range(1, _RULES + 1)})

    def run(messages: Sequence[bytes]) -> int:
        found = 0
        per_batch = round(_FRAMES_PER_SECOND * _BATCH_SECONDS)
        for place, message in enumerate(messages, start=1):
            frame = decode_frame(frame_pb2.Frame.FromString(message))
            found += loop.feed(frame)
            if place % per_batch == 0:
                found += loop.tick(int(frame.blocks[0].timestamp.max()) - 2_000_000)
        return found

    for second in range(seconds):
        messages = _messages(second)
        yield lambda messages=messages: run(messages)
