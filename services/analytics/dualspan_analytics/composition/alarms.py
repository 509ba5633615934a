"""Alarms: rules and alarms, channels, and the engine that evaluates beside the calls."""

from concurrent.futures import ThreadPoolExecutor

from dualspan.analytics.v1.alarms_pb2_grpc import (
    add_AlarmServiceServicer_to_server,
    add_NotificationChannelServiceServicer_to_server,
)
from dualspan_analytics.composition import production
from dualspan_analytics.parts import Concern, Parts
from dualspan_analytics.sealing import Seal
from dualspan_analytics.service.alarm_engine import AlarmEngine
from dualspan_analytics.service.alarm_evaluation import Sources
from dualspan_analytics.service.alarm_retention import AlarmRetention
from dualspan_analytics.service.alarm_rules import AlarmRules
from dualspan_analytics.service.alarm_timing import Timing
from dualspan_analytics.service.alarms import Alarms
from dualspan_analytics.service.anomaly_signals import AnomalySignals
from dualspan_analytics.service.kpi_signals import KpiSignals
from dualspan_analytics.service.notification_channels import NotificationChannels
from dualspan_analytics.service.notification_delivery import NotificationDelivery
from dualspan_analytics.service.opc_ua_events import OpcUaEvents
from dualspan_analytics.service.sending import MailServer, Sending
from dualspan_analytics.servicer.alarms import AlarmServicer
from dualspan_analytics.servicer.notifications import NotificationChannelServicer
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_analytics.turns import Turns
from dualspan_runtime.server import Binding

_DAY_US = 86_400_000_000
_THREADS, _THREADS_EACH = 16, 4


def compose(parts: Parts) -> Concern:
    """The calls, and the engine in the background."""
    settings, database = parts.settings, parts.database
    rules, alarms = AlarmRules(database, parts.plant, production.kpis(parts)), Alarms(database, parts.plant)
    channels = NotificationChannels(database, _seal(settings), private_allowed=settings.private_webhooks)
    return Concern(
        [
            Binding(add_AlarmServiceServicer_to_server, AlarmServicer(rules, alarms, parts.tokens)),
            Binding(
                add_NotificationChannelServiceServicer_to_server, NotificationChannelServicer(channels, parts.tokens)
            ),
        ],
        [engine(parts).run] if settings.alarm_interval_seconds else [],
    )


def engine(parts: Parts) -> AlarmEngine:
    """What evaluates the rules."""
    settings, database = parts.settings, parts.database
    signals = (AnomalySignals(database), KpiSignals(production.kpi_watch(parts)))
    sources = Sources(parts.plant, signals, OpcUaEvents(parts.events, parts.changes, parts.historian))
    timing = Timing(interval=settings.alarm_interval_seconds, lease=settings.alarm_lease_seconds)
    return AlarmEngine(database, sources, timing)


async def deliver(parts: Parts) -> None:
    """Send the notifications that are due, for the worker."""
    settings = parts.settings
    mail = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        sender=settings.smtp_sender,
    )
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sending")
    try:
        turns = Turns(_THREADS, _THREADS_EACH)
        sending = Sending(
            mail,
            threads,
            turns,
            private_allowed=settings.private_webhooks,
            deadline=settings.notification_timeout_seconds,
        )
        await NotificationDelivery(parts.database, _seal(settings), sending).sweep()
    finally:
        # A name server that does not answer keeps its thread for as long as the operating system has patience.
        threads.shutdown(wait=False, cancel_futures=True)


def retention(parts: Parts) -> AlarmRetention:
    """What removes what happened to alarms long ago, for the worker."""
    return AlarmRetention(parts.database, parts.settings.alarm_days * _DAY_US)


def _seal(settings: AnalyticsSettings) -> Seal:
    return Seal(settings.platform.service_secret.get_secret_value())
