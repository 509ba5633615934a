"""What a tenant has in analytics: an example of each collection, made through the calls where they can make one.

Who adds a collection to a contract adds its id to `IDS`, and what makes one to `analytics_of`.
"""

import grpc.aio
from integration.onboarding.running import TENANT

from dualspan.analytics.v1 import (
    alarms_pb2,
    annotations_pb2,
    dashboards_pb2,
    exports_pb2,
    models_pb2,
    reports_pb2,
    sharing_pb2,
    spc_pb2,
)
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan.analytics.v1.annotations_pb2_grpc import AnnotationServiceStub
from dualspan.analytics.v1.dashboards_pb2_grpc import DashboardServiceStub
from dualspan.analytics.v1.exports_pb2_grpc import ExportServiceStub
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan.analytics.v1.reports_pb2_grpc import ReportServiceStub
from dualspan.analytics.v1.sharing_pb2_grpc import SharingServiceStub
from dualspan.analytics.v1.spc_pb2_grpc import SpcServiceStub

IDS = {
    "alarmRules": "hot",
    "alarms": "hot.mill",
    "annotations": "theirs",
    "calendars": "theirs",
    "controlCharts": "weight",
    "dashboards": "theirs",
    "emissionFactors": "theirs",
    "exports": "theirs",
    "kpis": "theirs",
    "machineProfiles": "theirs",
    "modelDefinitions": "load",
    "notificationChannels": "theirs",
    "reports": "theirs",
    "runs": "20260101t000000z",
    "sharingConsents": "oee",
    "stopNotes": "1",
    "tariffs": "theirs",
    "versions": "1",
}
"""The id of the example of each collection."""


async def analytics_of(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> dict[str, str]:
    """Makes the examples of `IDS` that can be made at once; returns all ids by collection."""
    await _control_chart(channel, who)
    await _alarm_rule(channel, who)
    grant = sharing_pb2.GrantSharingRequest(name=f"{TENANT}/sharingConsents/{IDS['sharingConsents']}")
    await SharingServiceStub(channel).GrantSharing(grant, metadata=who)
    await _model_definition(channel, who)
    await _export(channel, who)
    await _report(channel, who)
    await _annotation(channel, who)
    await _dashboard(channel, who)
    return IDS


async def _control_chart(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> None:
    chart = spc_pb2.ControlChart(
        asset="mill",
        property="good-count",
        kind=spc_pb2.CONTROL_CHART_KIND_XBAR_R,
        subgrouping=spc_pb2.ControlChart.Subgrouping(count=5),
    )
    create = spc_pb2.CreateControlChartRequest(
        parent=TENANT, control_chart_id=IDS["controlCharts"], control_chart=chart
    )
    await SpcServiceStub(channel).CreateControlChart(create, metadata=who)


async def _alarm_rule(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> None:
    rule = alarms_pb2.AlarmRule(
        display_name="acme is hot",
        source=alarms_pb2.ALARM_SOURCE_PROPERTY,
        property="good-count",
        priority=alarms_pb2.ALARM_PRIORITY_HIGH,
        response="acme cools it",
    )
    rule.scope.assets.append("mill")
    rule.limits.limits.add(level="H", value=1.0)
    create = alarms_pb2.CreateAlarmRuleRequest(parent=TENANT, alarm_rule_id=IDS["alarmRules"], alarm_rule=rule)
    await AlarmServiceStub(channel).CreateAlarmRule(create, metadata=who)


async def _model_definition(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> None:
    definition = models_pb2.ModelDefinition(
        display_name="acme's load", asset_model="cnc-machine", forecast=models_pb2.ForecastSpec(property="active-power")
    )
    create = models_pb2.CreateModelDefinitionRequest(
        parent=TENANT, model_definition_id=IDS["modelDefinitions"], model_definition=definition
    )
    await ModelServiceStub(channel).CreateModelDefinition(create, metadata=who)


async def _export(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> None:
    bucket = exports_pb2.ExportBucket(bucket="acme-lake", access_key_id="acme", secret_access_key="acme's secret")
    export = exports_pb2.Export(name=f"{TENANT}/exports/{IDS['exports']}", bucket=bucket)
    export.start_time.FromSeconds(1_700_000_000)
    await ExportServiceStub(channel).UpdateExport(exports_pb2.UpdateExportRequest(export=export), metadata=who)


async def _report(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> None:
    report = reports_pb2.Report(
        name=f"{TENANT}/reports/{IDS['reports']}",
        display_name="acme's day",
        period=reports_pb2.REPORT_PERIOD_DAILY,
        paused=True,
    )
    await ReportServiceStub(channel).UpdateReport(reports_pb2.UpdateReportRequest(report=report), metadata=who)


async def _annotation(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> None:
    annotation = annotations_pb2.Annotation(text="acme changed the die")
    annotation.start_time.FromSeconds(1_700_000_000)
    create = annotations_pb2.CreateAnnotationRequest(
        parent=TENANT, annotation_id=IDS["annotations"], annotation=annotation
    )
    await AnnotationServiceStub(channel).CreateAnnotation(create, metadata=who)


async def _dashboard(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> None:
    dashboard = dashboards_pb2.Dashboard(display_name="acme's line")
    create = dashboards_pb2.CreateDashboardRequest(parent=TENANT, dashboard_id=IDS["dashboards"], dashboard=dashboard)
    await DashboardServiceStub(channel).CreateDashboard(create, metadata=who)
