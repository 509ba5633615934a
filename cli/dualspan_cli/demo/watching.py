"""What somebody watches in the demonstration: a tariff, control charts, alarms, as a works' engineer would set them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from dualspan.analytics.v1 import alarms_pb2, energy_pb2, spc_pb2
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan.analytics.v1.energy_pb2_grpc import EnergyServiceStub
from dualspan.analytics.v1.spc_pb2_grpc import SpcServiceStub
from dualspan_cli.demo.onboard import unless_there
from dualspan_cli.session import Session
from plc_sim.model.machine import Mode

if TYPE_CHECKING:  # exist in the stub files only
    from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceAsyncStub
    from dualspan.analytics.v1.energy_pb2_grpc import EnergyServiceAsyncStub
    from dualspan.analytics.v1.spc_pb2_grpc import SpcServiceAsyncStub

_ZONE, _CURRENCY = "Asia/Shanghai", "CNY"
# Made up, in the shape of a two-part tariff of a Chinese province.
_RATES = (("peak", 1.08), ("flat", 0.68), ("valley", 0.34))
_WINDOWS = (("peak", "08:00", "11:00"), ("peak", "17:00", "22:00"), ("valley", "23:00", "07:00"))
_DEMAND_PRICE = 38.0
_MOULDING, _CURING = "injection-moulding-machine", "tyre-curing-press"


async def watch(session: Session) -> None:
    """Set what nobody has set; safe to repeat.

    Args:
        session: Of somebody who may; the machines are there.
    """
    energy: EnergyServiceAsyncStub = EnergyServiceStub(session.analytics_channel)
    if not (await energy.ListTariffs(energy_pb2.ListTariffsRequest(parent=session.tenant))).tariffs:
        await energy.UpdateTariff(energy_pb2.UpdateTariffRequest(tariff=_tariff(session.tenant)))
    charts: SpcServiceAsyncStub = SpcServiceStub(session.analytics_channel)
    for chart_id, chart in (*_charts(), _study()):
        create = spc_pb2.CreateControlChartRequest(
            parent=session.tenant, control_chart_id=chart_id, control_chart=chart
        )
        await unless_there(charts.CreateControlChart(create))
    alarms: AlarmServiceAsyncStub = AlarmServiceStub(session.analytics_channel)
    for rule_id, rule in _rules():
        make = alarms_pb2.CreateAlarmRuleRequest(parent=session.tenant, alarm_rule_id=rule_id, alarm_rule=rule)
        await unless_there(alarms.CreateAlarmRule(make))


def _tariff(tenant: str) -> energy_pb2.Tariff:
    message = energy_pb2.Tariff
    return message(
        name=f"{tenant}/tariffs/industry",
        display_name="Industry, 10 kV",
        time_zone=_ZONE,
        currency=_CURRENCY,
        rates=[message.Rate(display_name=name, price=price) for name, price in _RATES],
        windows=[message.Window(rate=rate, start=start, end=end) for rate, start, end in _WINDOWS],
        default_rate="flat",
        demand_price=_DEMAND_PRICE,
    )


def _charts() -> Iterator[tuple[str, spc_pb2.ControlChart]]:
    message = spc_pb2.ControlChart
    each_shot = message.Subgrouping(count=5, sampled_by="cycle-count", split_by="product-code")
    yield (
        "part-weight",
        message(
            display_name="Part weight",
            kind=spc_pb2.CONTROL_CHART_KIND_XBAR_R,
            model=_MOULDING,
            property="part-weight",
            subgrouping=each_shot,
        ),
    )
    yield (
        "cycle-time",
        message(
            display_name="Cycle time",
            kind=spc_pb2.CONTROL_CHART_KIND_INDIVIDUALS,
            model=_MOULDING,
            property="cycle-time",
            subgrouping=message.Subgrouping(count=1, sampled_by="cycle-count"),
            rules=[spc_pb2.RUN_RULE_BEYOND_LIMITS, spc_pb2.RUN_RULE_NELSON_NINE_ON_ONE_SIDE],
        ),
    )
    hourly = message.Subgrouping()
    hourly.window.FromTimedelta(timedelta(hours=1))
    yield (
        "scrap-share",
        message(
            display_name="Share of scrap",
            kind=spc_pb2.CONTROL_CHART_KIND_P,
            model=_MOULDING,
            property="scrap-count",
            inspected=["good-count", "scrap-count"],
            subgrouping=hourly,
        ),
    )


def _study() -> tuple[str, spc_pb2.ControlChart]:
    """One product of one machine against its specification: only such a chart has a capability."""
    message = spc_pb2.ControlChart
    return (
        "part-weight-ha-1180",
        message(
            display_name="Part weight of HA-1180",
            kind=spc_pb2.CONTROL_CHART_KIND_XBAR_S,
            asset="imm01",
            property="part-weight",
            subgrouping=message.Subgrouping(
                count=5, sampled_by="cycle-count", split_by="product-code", only=["HA-1180"]
            ),
            specification=message.Specification(lower=355.0, upper=358.0),
        ),
    )


def _rules() -> Iterator[tuple[str, alarms_pb2.AlarmRule]]:
    message = alarms_pb2.AlarmRule
    for rule_id, model, name in (("mould-down", _MOULDING, "Moulding machine"), ("press-down", _CURING, "Press")):
        rule = message(
            display_name=f"{name} stopped by a fault",
            scope=message.Scope(model=model),
            source=alarms_pb2.ALARM_SOURCE_PROPERTY,
            property="state",
            states=message.States(values=[str(Mode.FAULT.value)]),
            priority=alarms_pb2.ALARM_PRIORITY_HIGH,
            cause="The machine has stopped itself.",
            consequence="The line behind it runs empty.",
            response="Read the stop reason on the panel, clear it, restart; call maintenance after 10 minutes.",
        )
        rule.on_delay.FromTimedelta(timedelta(seconds=5))
        yield rule_id, rule
    yield (
        "hopper-low",
        message(
            display_name="Hopper runs empty",
            scope=message.Scope(model=_MOULDING),
            source=alarms_pb2.ALARM_SOURCE_PROPERTY,
            property="hopper-level",
            limits=message.Limits(limits=[message.Limit(level="L", value=34.0)], deadband=5.0),
            priority=alarms_pb2.ALARM_PRIORITY_MEDIUM,
            consequence="The machine starves.",
            response="Fill the hopper from the silo.",
        ),
    )
    yield (
        "service-due",
        message(
            display_name="Service is due",
            scope=message.Scope(model=_MOULDING),
            source=alarms_pb2.ALARM_SOURCE_PROPERTY,
            property="hours-until-service",
            limits=message.Limits(limits=[message.Limit(level="L", value=8.0)]),
            priority=alarms_pb2.ALARM_PRIORITY_LOW,
            consequence="Wear goes unnoticed.",
            response="Plan the service with maintenance.",
        ),
    )
