"""A completeness report as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dualspan_cli.statements import Statement

_MOST_LINES = 15


def summary(statement: Statement) -> RenderableType:
    """The totals, the tags of which something is missing, and the gaps."""
    content = statement.content
    parts: list[RenderableType] = [_head(content), _totals(content["totals"])]
    incomplete = sorted(
        (tag for tag in content["tags"] if not tag["complete"]), key=lambda tag: -tag["missing_ms"] - tag["pending_ms"]
    )
    if incomplete:
        parts.append(_tags(incomplete))
    if content["gaps"]:
        parts.append(_gaps(content["gaps"]))
    return Group(*parts)


def _head(content: Mapping[str, Any]) -> Text:
    period = content["period"]
    lines = [
        f"Completeness of {content['subject']}",
        f"from {period['start_time']} to {period['end_time']}",
        f"made {content['create_time']} for {content['requested_by']}",
    ]
    return Text("\n".join(lines))


def _totals(totals: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "time of all tags", "share", "samples"):
        table.add_column(column, justify="left" if not column else "right")
    expected = max(totals["expected_ms"], 1)
    for name, samples in (
        ("expected", ""),
        ("received", str(totals["received_samples"])),
        ("repaired", str(totals["repaired_samples"])),
        ("missing", str(totals["missing_samples"] or "")),
        ("pending", ""),
    ):
        time = totals[f"{name}_ms"]
        table.add_row(name, duration(time), share(time, expected), samples)
    table.caption = f"{totals['complete_tags']} of {totals['tags']} tags are complete"
    table.caption_justify = "left"
    return table


def _tags(tags: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Not complete", title_justify="left")
    for column in ("tag", "missing", "pending", "repaired", "causes"):
        table.add_column(column, overflow="fold")
    for tag in tags[:_MOST_LINES]:
        causes = ", ".join(_words(cause) for cause in tag.get("causes", {}))
        times = (duration(tag[f"{name}_ms"]) for name in ("missing", "pending", "repaired"))
        table.add_row(tag["name"] or str(tag["tag_id"]), *times, causes)
    if len(tags) > _MOST_LINES:
        table.caption = f"and {len(tags) - _MOST_LINES} more"
    return table


def _gaps(gaps: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Gaps", title_justify="left")
    for column in ("from", "to", "of", "cause", "state", "repaired", "why not"):
        table.add_column(column, overflow="fold")
    for gap in gaps[:_MOST_LINES]:
        of = f"tag {gap['tag_id']}" if gap["tag_id"] else gap["server"] or gap["gateway"]
        table.add_row(
            gap["start_time"],
            gap["end_time"],
            of,
            _words(gap["cause"]),
            _words(gap["state"]),
            str(gap["repaired_samples"] or ""),
            gap["resolution"],
        )
    if len(gaps) > _MOST_LINES:
        table.caption = f"and {len(gaps) - _MOST_LINES} more"
    return table


def duration(milliseconds: int) -> str:
    """Such as `2d 3h`, `59m 30s` or `0.250s`; `-` for none."""
    if not milliseconds:
        return "-"
    seconds, rest = divmod(milliseconds, 1000)
    if seconds < 60:
        return f"{seconds}.{rest:03d}s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    named = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    first = next(place for place, (count, _) in enumerate(named) if count)
    return " ".join(f"{count}{unit}" for count, unit in named[first : first + 2])


def share(part: int, whole: int) -> str:
    """Per cent with four digits behind the point, rounded down: what is missing is never rounded away."""
    return f"{part * 1_000_000 // whole / 10_000:.4f} %" if part else "-"


def _words(name: str) -> str:
    return name.lower().replace("_", " ")
