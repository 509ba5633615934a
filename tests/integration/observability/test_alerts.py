"""Each alert fires when it should and is silent when it should be, by Prometheus's own engine."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ALERTS = ROOT / "charts/dualspan/files/alerts.yaml"
SCRAPED = 'job="dualspan"'


@dataclass(frozen=True, slots=True)
class Case:
    """Series, minute by minute in Prometheus's notation, for two hours: those of trouble, and those of every day."""

    trouble: Mapping[str, str]
    calm: Mapping[str, str]
    minutes: int = 60


def _calls(good: str, bad: str) -> dict[str, str]:
    labels = 'component="historian", method="/a/B"'
    return {
        f'dualspan_rpc_calls_total{{{labels}, code="OK"}}': good,
        f'dualspan_rpc_calls_total{{{labels}, code="INTERNAL"}}': bad,
        # What a caller did wrong is nobody's alert.
        f'dualspan_rpc_calls_total{{{labels}, code="INVALID_ARGUMENT"}}': good,
    }


def _histogram(name: str, labels: str, within: Mapping[str, str]) -> dict[str, str]:
    return {
        f'{name}_bucket{{{labels}{", " if labels else ""}le="{bound}"}}': counts for bound, counts in within.items()
    }


def _times(name: str, labels: str = "") -> Case:
    """Of a histogram: everything longer than ten seconds, or everything within a millisecond."""
    slow = {"0.001": "0x120", "10.0": "0x120", "30.0": "0+60x120", "+Inf": "0+60x120"}
    quick = dict.fromkeys(slow, "0+60x120")
    return Case(_histogram(name, labels, slow), _histogram(name, labels, quick))


_SINCE_1970 = "0+60x120"  # promtool's clock begins in 1970, a minute at a time
_UNKNOWN = " ".join(["NaN"] * 120)
CASES: Mapping[str, Case] = {
    "DualSpanProcessDown": Case(
        {f"up{{{SCRAPED}}}": "1x10 0x120"}, {f"up{{{SCRAPED}}}": "1x120", 'up{job="other"}': "0x120"}
    ),
    "DualSpanRpcErrors": Case(_calls("0+60x120", "0+30x120"), _calls("0+60x120", "0+1x120")),
    "DualSpanRpcSlow": _times("dualspan_rpc_seconds", 'component="c", method="m", kind="unary"'),
    "DualSpanBackgroundFails": Case(
        {'dualspan_background_restarts_total{component="c", work="w"}': "0+1x120"},
        {'dualspan_background_restarts_total{component="c", work="w"}': "0x30 1x90"},
    ),
    "DualSpanFileDescriptors": Case(
        {f"process_open_fds{{{SCRAPED}}}": "900x120", f"process_max_fds{{{SCRAPED}}}": "1024x120"},
        {f"process_open_fds{{{SCRAPED}}}": "90x120", f"process_max_fds{{{SCRAPED}}}": "1024x120"},
    ),
    "DualSpanDatabaseUnavailable": Case(
        {'dualspan_database_errors_total{component="c", schema="s", reason="unavailable"}': "0+1x120"},
        {
            'dualspan_database_errors_total{component="c", schema="s", reason="unavailable"}': "3x120",
            'dualspan_database_errors_total{component="c", schema="s", reason="conflict"}': "0+1x120",
        },
    ),
    "DualSpanDatabasePoolExhausted": _times("dualspan_database_wait_seconds", 'component="c", schema="s"'),
    "DualSpanStatementTimeouts": Case(
        {'dualspan_database_errors_total{component="c", schema="s", reason="timeout"}': "0+1x120"},
        {'dualspan_database_errors_total{component="c", schema="s", reason="timeout"}': "0x30 1x90"},
    ),
    "DualSpanNoSamples": Case(
        {"dualspan_historian_samples_total": "500x120", 'dualspan_gateways{state="online"}': "3x120"},
        {"dualspan_historian_samples_total": "500x120", 'dualspan_gateways{state="online"}': "0x120"},
    ),
    "DualSpanFramesQuarantined": Case(
        {'dualspan_historian_frames_total{outcome="quarantined"}': "0+1x120"},
        {
            'dualspan_historian_frames_total{outcome="quarantined"}': "7x120",
            'dualspan_historian_frames_total{outcome="stored"}': "0+900x120",
        },
    ),
    "DualSpanCommitsSlow": _times("dualspan_historian_commit_seconds"),
    "DualSpanSealingBehind": Case(
        {"dualspan_historian_oldest_unsealed_seconds": "0+60x120"},
        {"dualspan_historian_oldest_unsealed_seconds": "90x120"},
    ),
    "DualSpanWatchersBehind": Case(
        {"dualspan_historian_unpublished_frames_total": "0+5x120"},
        {"dualspan_historian_unpublished_frames_total": "9x120"},
    ),
    "DualSpanQueueGrows": Case(
        {'dualspan_queue_tasks{queue="analytics"}': "0+9x120"},
        {'dualspan_queue_tasks{queue="analytics"}': "3x120", 'dualspan_queue_tasks{queue="historian"}': _UNKNOWN},
    ),
    "DualSpanTasksFail": Case(
        {'dualspan_tasks_total{component="worker", task="t", outcome="failure"}': "0+1x120"},
        {
            'dualspan_tasks_total{component="worker", task="t", outcome="failure"}': "0x30 1x90",
            'dualspan_tasks_total{component="worker", task="t", outcome="success"}': "0+9x120",
        },
    ),
    "DualSpanSweepMissing": Case(
        {'dualspan_task_success_timestamp_seconds{task="historian.sweep"}': "60x120"},
        {'dualspan_task_success_timestamp_seconds{task="historian.sweep"}': _SINCE_1970},
    ),
    "DualSpanGatewaysOffline": Case(
        {'dualspan_gateways{state="offline"}': "1x120"},
        {'dualspan_gateways{state="offline"}': "0x55 1x9 0x50", 'dualspan_gateways{state="online"}': "4x120"},
    ),
    "DualSpanGatewayBehind": Case(
        {"dualspan_gateways_oldest_buffered_seconds": "0+60x120"},
        {"dualspan_gateways_oldest_buffered_seconds": "2x120"},
    ),
    "DualSpanGatewayBufferFull": Case(
        {"dualspan_gateways_buffer_full": "2x120"}, {"dualspan_gateways_buffer_full": "0x120"}
    ),
    "DualSpanGatewayClockOff": Case(
        {"dualspan_gateways_clock_offset_seconds": "3600x120"}, {"dualspan_gateways_clock_offset_seconds": "0.2x120"}
    ),
    "DualSpanCertificateExpires": Case(
        {'dualspan_certificate_expiry_timestamp_seconds{component="historian", role="server"}': "260000x120"},
        {
            'dualspan_certificate_expiry_timestamp_seconds{component="historian", role="server"}': "2000000x120",
            'dualspan_certificate_expiry_timestamp_seconds{component="historian", role="ca"}': "9000000x120",
            "dualspan_gateways_certificate_expiry_timestamp_seconds": _UNKNOWN,
        },
    ),
}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool command; Debian's package prometheus has it")
    return found


def _document(alert: str, series: Mapping[str, str], minutes: int, *, fires: bool) -> dict[str, Any]:
    firing = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    return {
        "interval": "1m",
        "name": f"{alert} {'fires' if fires else 'is silent'}",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": f"{minutes}m", "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
        ],
    }


def test_every_alert_has_a_case() -> None:
    assert set(CASES) == set(re.findall(r"- alert: (\w+)", ALERTS.read_text("utf-8")))


def test_alerts_fire_and_are_silent(promtool: str, tmp_path: Path) -> None:
    tests = [
        _document(alert, series, case.minutes, fires=fires)
        for alert, case in CASES.items()
        for series, fires in ((case.trouble, True), (case.calm, False))
    ]
    path = tmp_path / "tests.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}), "utf-8")
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration_of_compose(promtool: str, tmp_path: Path) -> None:
    written = (ROOT / "observability/prometheus.yml").read_text("utf-8")
    path = tmp_path / "prometheus.yml"
    path.write_text(written.replace("/etc/prometheus/alerts.yaml", str(ALERTS)), "utf-8")
    done = subprocess.run([promtool, "check", "config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
