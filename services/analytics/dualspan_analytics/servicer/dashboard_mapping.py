"""Panels on the wire ⇄ panels of the domain."""

from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import dashboards_pb2 as contract
from dualspan_analytics.dashboards.errors import bad_dashboard
from dualspan_analytics.dashboards.model import (
    Alarms,
    Chart,
    Content,
    Measurement,
    Oee,
    Panel,
    Place,
    States,
    Value,
    Words,
)
from dualspan_analytics.servicer.times import read_length, write_length
from dualspan_runtime.names import check_slug


def read_panels(given: Iterable[contract.Panel]) -> tuple[Panel, ...]:
    """Panels as they were sent.

    Raises:
        InvalidArgument: One has no content, or an id that cannot be.
    """
    return tuple(
        Panel(
            id=check_slug(each.id, f"dashboard.panels[{number}].id"),
            title=each.title.strip(),
            place=Place(each.place.column, each.place.row, each.place.width, each.place.height),
            content=_read_content(each, f"panels[{number}]"),
        )
        for number, each in enumerate(given)
    )


def _read_content(given: contract.Panel, field: str) -> Content:
    match given.WhichOneof("content"):
        case "chart":
            lines = tuple(_read_measurement(line, f"{field}.chart.lines") for line in given.chart.lines)
            return Chart(lines, _span(given.chart.span, f"{field}.chart.span"))
        case "value":
            value = given.value
            return Value(
                _read_measurement(value.measurement, f"{field}.value.measurement"),
                value.low if value.HasField("low") else None,
                value.high if value.HasField("high") else None,
            )
        case "state":
            return States(_assets(given.state.assets), _span(given.state.span, f"{field}.state.span"))
        case "oee":
            return Oee(_assets(given.oee.assets), _span(given.oee.span, f"{field}.oee.span"))
        case "alarms":
            return Alarms(_assets(given.alarms.assets))
        case "text":
            return Words(given.text.markdown.strip())
        case _:
            raise bad_dashboard(field, "it shows nothing: give it a chart, value, state, oee, alarms or text")


def _span(given: Duration, field: str) -> int:
    return read_length(given, f"dashboard.{field}")


def _assets(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check_slug(each, "dashboard.panels.assets") for each in given))


def _read_measurement(given: contract.Measurement, field: str) -> Measurement:
    if given.asset:
        check_slug(given.asset, f"dashboard.{field}.asset")
        check_slug(given.property, f"dashboard.{field}.property")
    return Measurement(given.asset, given.property, given.index, given.tag_id)


def basic_panel_message(given: Panel) -> contract.Panel:
    """A panel of which only the kind of its content is told."""
    message = _framed(given)
    getattr(message, given.content.kind).SetInParent()
    return message


def panel_message(given: Panel) -> contract.Panel:
    """A panel as it is sent."""
    message = _framed(given)
    match given.content:
        case Chart(lines, span_us):
            drawn = contract.ChartPanel(lines=[_measurement(line) for line in lines], span=write_length(span_us))
            message.chart.CopyFrom(drawn)
        case Value(measurement, low, high):
            message.value.CopyFrom(contract.ValuePanel(measurement=_measurement(measurement), low=low, high=high))
        case States(assets, span_us):
            message.state.CopyFrom(contract.StatePanel(assets=assets, span=write_length(span_us)))
        case Oee(assets, span_us):
            message.oee.CopyFrom(contract.OeePanel(assets=assets, span=write_length(span_us)))
        case Alarms(assets):
            message.alarms.CopyFrom(contract.AlarmsPanel(assets=assets))
        case Words(markdown):
            message.text.CopyFrom(contract.TextPanel(markdown=markdown))
    return message


def _framed(given: Panel) -> contract.Panel:
    place = given.place
    return contract.Panel(
        id=given.id,
        title=given.title,
        place=contract.PanelPlace(column=place.column, row=place.row, width=place.width, height=place.height),
    )


def _measurement(given: Measurement) -> contract.Measurement:
    return contract.Measurement(asset=given.asset, property=given.property, index=given.index, tag_id=given.tag_id)
