"""From data that the schema has found right to the dataclasses, with every default filled in."""

from collections.abc import Mapping
from typing import Any

from dualspan_manifest.model import (
    Category,
    Comparison,
    Egress,
    Health,
    HelmChart,
    LocalText,
    Manifest,
    Output,
    Port,
    PropertyNeed,
    Requirement,
    Resources,
    Run,
    Ui,
    Upgrade,
    ValueKind,
)

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_BYTES = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_ANY_SETTINGS: Mapping[str, Any] = {"type": "object", "properties": {}}
_WHOLE_SUBSCRIPTION = ""


def manifest_of(data: Any, source: str) -> Manifest:
    """The manifest of data that the schema has found right."""
    ports = tuple(Port(each["name"], each["port"]) for each in data["ports"])
    first = ports[0].name
    ui = data.get("ui")
    return Manifest(
        id=data["id"],
        version=data["version"],
        names=_local(data["names"]),
        summary=_local(data["summary"]),
        description=_local(data.get("description", data["summary"])),
        license=data["license"],
        categories=Category(tuple(data["categories"]["industries"]), tuple(data["categories"]["domains"])),
        requires=tuple(_requirement(each) for each in data.get("requires", ())),
        outputs=tuple(_output(each) for each in data.get("outputs", ())),
        scopes=tuple(data.get("scopes", ())),
        configuration=data.get("configuration", _ANY_SETTINGS),
        resources=_resources(data["resources"]),
        ports=ports,
        health=_health(data["health"], first),
        ui=Ui(ui.get("port", first), ui["path"]) if ui else None,
        egress=tuple(Egress(each["host"], each["port"], _local(each["reason"])) for each in data.get("egress", ())),
        run=_run(data["run"]),
        upgrade=_upgrade(data.get("upgrade", {})),
        icon=data.get("icon", ""),
        screenshots=tuple(data.get("screenshots", ())),
        source=source,
    )


def _local(data: Any) -> LocalText:
    return LocalText(data["en"], data["zh"])


def _requirement(data: Any) -> Requirement:
    return Requirement(
        role=data["role"],
        models=tuple(data.get("models", ())),
        minimum=data.get("minimum", 1),
        maximum=data.get("maximum", 1000),
        properties=tuple(
            PropertyNeed(
                each["property"],
                ValueKind(each["kind"]),
                each.get("unit", ""),
                each.get("dimension", ""),
                each.get("optional", False),
            )
            for each in data["properties"]
        ),
    )


def _output(data: Any) -> Output:
    return Output(
        id=data["id"],
        names=_local(data["names"]),
        kind=ValueKind(data["kind"]),
        unit=data.get("unit", ""),
        role=data.get("role", _WHOLE_SUBSCRIPTION),
    )


def _resources(data: Any) -> Resources:
    return Resources(
        cpu=round(data["cpu"] * 1000),
        memory=_size(data["memory"]),
        pids=data.get("pids", 64),
        disk=_size(data.get("disk", "64Mi")),
    )


def _health(data: Any, first_port: str) -> Health:
    interval, timeout = _span(data.get("interval", "10s")), _span(data.get("timeout", "3s"))
    return Health(data.get("port", first_port), data["path"], interval, timeout)


def _run(data: Any) -> Run:
    helm = data.get("helm")
    return Run(
        image=data.get("docker", {}).get("image", ""),
        helm=HelmChart(helm["chart"], helm.get("values", {})) if helm else None,
        module=data.get("process", {}).get("module", ""),
    )


def _upgrade(data: Any) -> Upgrade:
    compared = (
        Comparison(each["output"], each.get("tolerance", 0), each.get("relative", 0), each.get("share", 0.99))
        for each in data.get("compare", ())
    )
    return Upgrade(_span(data.get("canary", "10m")), tuple(compared))


def _span(text: str) -> float:
    return float(int(text[:-1]) * _SECONDS[text[-1]])


def _size(text: str) -> int:
    return int(text[:-2]) * _BYTES[text[-2:]]
