"""Alerts and dashboards ask for what the code counts; every alert has its page, and every page its alert."""

import importlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client import REGISTRY, Metric

ROOT = Path(__file__).resolve().parents[3]
FILES = ROOT / "charts/dualspan/files"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text("utf-8"))["groups"] for rule in group["rules"]
]
DASHBOARDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((FILES / "dashboards").glob("*.json"))}
RUNBOOKS = ROOT / "docs/runbooks"
# What a scrape adds, and what Prometheus itself knows.
OF_A_SCRAPE = frozenset({"job", "instance", "component"})
OF_PROMETHEUS: Mapping[str, frozenset[str]] = {"up": frozenset(), "ALERTS": frozenset({"alertname", "alertstate"})}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}

_COUNTS = re.compile(r"^from prometheus_client import .*(Counter|Gauge|Histogram)", re.MULTILINE)


def counting_modules() -> Iterator[str]:
    """Every module of the platform that makes metrics."""
    for package in [*ROOT.glob("libs/*/dualspan_*"), *ROOT.glob("services/*/dualspan_*")]:
        for path in sorted(package.rglob("*.py")):
            if re.search(
                r"^from prometheus_client import .*(Counter|Gauge|Histogram)", path.read_text("utf-8"), re.MULTILINE
            ):
                yield ".".join(path.relative_to(package.parent).with_suffix("").parts)


def described(collector: Any) -> Iterable[Metric]:
    """What a collector serves; those of processes say so by collecting."""
    return (collector.describe() if hasattr(collector, "describe") else ()) or collector.collect()


@pytest.fixture(scope="module")
def series() -> Mapping[str, frozenset[str]]:
    """The labels of every series that the platform's processes serve."""
    for module in counting_modules():
        importlib.import_module(module)
    found = dict(OF_PROMETHEUS)
    for collector in list(REGISTRY._collector_to_names):
        labels = frozenset[str](getattr(collector, "_labelnames", ()))
        for metric in described(collector):
            for suffix in SUFFIXES.get(metric.type, ("",)):
                found[metric.name + suffix] = labels | ({"le"} if suffix == "_bucket" else frozenset())
    return found


def selectors(expression: str) -> Iterator[Any]:
    """What an expression selects; the labels that it groups by are checked by `grouped`."""
    found = list[Any]()

    def visit(node: Any) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        elif isinstance(node, promql.MatrixSelector):
            found.append(node.vector_selector)
        return True

    promql.walk(promql.parse(expression), visit)
    return iter(found)


def expressions() -> Iterator[tuple[str, str]]:
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for name, board in DASHBOARDS.items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield f"{name}: {panel['title']}", plain(target["expr"])


def plain(expression: str) -> str:
    """An expression as Prometheus is asked, with Grafana's variables filled in."""
    return expression.replace("$__rate_interval", "1m").replace("$component", ".*")


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_is_asked_for_is_counted(where: str, expression: str, series: Mapping[str, frozenset[str]]) -> None:
    asked = list(selectors(expression))
    assert asked
    for selector in asked:
        assert selector.name in series, f"{where} asks for {selector.name}"
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= series[selector.name] | OF_A_SCRAPE, f"{where} asks for labels of {selector.name}"
    known = frozenset[str]().union(*(series[selector.name] for selector in asked)) | OF_A_SCRAPE
    grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(",")}
    assert grouped <= known, where


def test_what_is_counted_is_looked_at(series: Mapping[str, frozenset[str]]) -> None:
    asked = {selector.name for _, expression in expressions() for selector in selectors(expression)}
    ours = {name for name in series if name.startswith("dualspan_")}
    # A histogram's sum and count are there for other questions than ours.
    assert {name for name in ours if not name.endswith(("_sum", "_count"))} - asked == set()


def test_metrics_have_base_units_and_are_explained() -> None:
    for module in counting_modules():
        importlib.import_module(module)
    for collector in list(REGISTRY._collector_to_names):
        for metric in described(collector):
            if not metric.name.startswith("dualspan_"):
                continue
            assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
            assert not re.search(r"_(ms|us|milliseconds|minutes|hours|days|kb|mb|kilobytes|percent)(_|$)", metric.name)
            assert metric.documentation[:1].isupper(), metric.name
            assert not metric.documentation.endswith("."), metric.name
            assert metric.type != "histogram" or metric.name.endswith(("_seconds", "_bytes")), metric.name


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    names = Counter(rule["alert"] for rule in ALERTS)
    assert max(names.values()) == 1
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(names)
    listed = set(re.findall(r"\((\w+)\.md\)", (RUNBOOKS / "README.md").read_text("utf-8")))
    assert listed == set(names)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page = ROOT / rule["annotations"]["runbook"]
    assert page == RUNBOOKS / f"{rule['alert']}.md"
    text = page.read_text("utf-8")
    assert text.startswith(f"# {rule['alert']}: ")
    assert "**Look.**" in text
    assert "**Do.**" in text
    # What a summary shows is there after the expression's grouping.
    grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", rule["expr"]) for label in by.split(",")}
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"] + rule["annotations"]["description"]))
    assert shown <= (grouped or OF_A_SCRAPE)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_one_that_grafana_takes(name: str) -> None:
    board = DASHBOARDS[name]
    assert board["uid"] == f"dualspan-{name}"
    assert "id" not in board, "an id belongs to the Grafana that it was exported from"
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set[tuple[int, int]]()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another panel"
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["fieldConfig"]["defaults"]["unit"]
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(board["panels"]))) - {"__rate_interval"}
    assert used <= variables


def test_the_dashboards_are_of_one_family() -> None:
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS) == 3
    assert all("dualspan" in board["tags"] for board in DASHBOARDS.values())


def test_prometheus_of_compose_asks_whoever_serves_metrics() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    serving = set[str]()
    for name, service in services.items():
        told = service.get("environment", {})
        is_worker = "celery" in service.get("entrypoint", ())
        listens = "DUALSPAN_WORKER_METRICS_LISTEN" if is_worker else f"DUALSPAN_{name.upper()}_METRICS_LISTEN"
        if told.get(listens) == "0.0.0.0:9400":
            serving.add(name)
    (job,) = yaml.safe_load((ROOT / "observability/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert job["job_name"] == "dualspan"
    asked = {each["labels"]["component"]: each["targets"] for each in job["static_configs"]}
    assert asked == {name: [f"{name}:9400"] for name in serving}
    assert len(serving) == 8
    mounted = {part.split(":")[0] for name in ("prometheus", "grafana", "tempo") for part in services[name]["volumes"]}
    assert all((ROOT / path).exists() for path in mounted if path.startswith("./"))
    assert {services[name]["profiles"][0] for name in ("prometheus", "grafana", "tempo")} == {"observability"}
