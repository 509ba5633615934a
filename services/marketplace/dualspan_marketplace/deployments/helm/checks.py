"""Whether what a chart renders may be installed. Pure; nothing of a chart reaches the cluster before this."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import yaml

from dualspan_manifest import Manifest, Resources
from dualspan_marketplace.deployments.helm.rules import ALLOWED, broken

Object: TypeAlias = dict[str, Any]

_MOST_BYTES = 1 << 20
_MOST_OBJECTS = 20
_MOST_PROBLEMS = 10
_MOST_DIGITS = 30
_SUFFIXES = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "Ki": Decimal(1024),
    "Mi": Decimal(1024**2),
    "Gi": Decimal(1024**3),
}


class RefusedChartError(Exception):
    """A chart may not be installed: the message says what stands in the way, object by object."""


class _Loader(yaml.SafeLoader):
    """YAML as data of JSON: without dates, and without references, which make a small text a large tree."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise RefusedChartError("What the chart renders has YAML aliases. Write the values out.")
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:timestamp"]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(rendered: str) -> list[Object]:
    """The objects of what `helm template` has written; raises RefusedChartError."""
    if len(rendered) > _MOST_BYTES:
        raise RefusedChartError(f"The chart renders more than {_MOST_BYTES >> 20} MiB.")
    try:
        documents = [each for each in yaml.load_all(rendered, Loader=_Loader) if each]
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise RefusedChartError(f"What the chart renders is not YAML: {str(err)[:300]}") from err
    if len(documents) > _MOST_OBJECTS:
        raise RefusedChartError(f"The chart renders {len(documents)} objects; {_MOST_OBJECTS} are the most.")
    if not all(isinstance(each, dict) for each in documents):
        raise RefusedChartError("The chart renders something that is no Kubernetes object.")
    return documents


def check(objects: Sequence[Object], manifest: Manifest, release: str) -> None:
    """Hold the objects of a chart against what may be.

    Args:
        objects: As rendered.
        manifest: What a person has agreed to: resources, the port of its health.
        release: Names of objects begin with this one's, so that two subscriptions do not meet.

    Raises:
        RefusedChartError: With every reason, ten at the most.
    """
    problems = [words for each in objects for words in _object(each, release)]
    if not problems:
        problems = [*_whole(objects, manifest)]
    if problems:
        more = f" And {len(problems) - _MOST_PROBLEMS} more." if len(problems) > _MOST_PROBLEMS else ""
        raise RefusedChartError("The chart is refused. " + " ".join(problems[:_MOST_PROBLEMS]) + more)


def _object(given: Object, release: str) -> Iterator[str]:
    version, kind = str(given.get("apiVersion")), str(given.get("kind"))
    metadata = given.get("metadata")
    name = str(metadata.get("name")) if isinstance(metadata, dict) else ""
    what = f"{kind[:60]} {name[:60]}"
    rule = ALLOWED.get((version, kind))
    if rule is None:
        allowed = ", ".join(f"{kind} ({version})" for version, kind in ALLOWED)
        yield f"{what}: an app's chart may have {allowed}, and no {kind[:60]} of {version[:60]}."
        return
    if name != release and not name.startswith(f"{release}-"):
        yield f"{what}: names begin with .Release.Name, so that an app can be subscribed to twice."
    for words in broken(rule, given):
        yield f"{what}: {words}."


def _whole(objects: Sequence[Object], manifest: Manifest) -> Iterator[str]:
    deployments = [each for each in objects if each["kind"] == "Deployment"]
    port = manifest.port(manifest.health.port)
    serving = [each for each in deployments if serves(each, port)]
    if len(serving) != 1:
        yield f"One Deployment must have the containerPort {port}, at which health is asked; {len(serving)} have."
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    if len(set(names)) < len(names):
        yield "Two objects of a kind have the same name."
    for each in deployments:
        yield from _deployment(each)
        yield from _configurations(each, frozenset(name for kind, name in names if kind == "ConfigMap"))
    yield from _resources(deployments, manifest.resources)


def images(objects: Sequence[Object]) -> list[str]:
    """Every image that objects which were checked name, in order."""
    pods = [_pod(each) for each in objects if each["kind"] == "Deployment"]
    containers = [each for pod in pods for each in (*pod.get("initContainers", ()), *pod.get("containers", ()))]
    return list(dict.fromkeys(str(each["image"]) for each in containers if "image" in each))


def serves(deployment: Object, port: int) -> bool:
    """Whether a Deployment listens on a port."""
    containers = _pod(deployment).get("containers", ())
    return any(each.get("containerPort") == port for container in containers for each in container.get("ports", ()))


def _pod(deployment: Object) -> Mapping[str, Any]:
    return deployment.get("spec", {}).get("template", {}).get("spec", {})


def _deployment(given: Object) -> Iterator[str]:
    name, spec = given["metadata"]["name"], given.get("spec", {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels", {})
    wanted = spec.get("selector", {}).get("matchLabels", {})
    if not wanted or not wanted.items() <= labels.items():
        yield f"Deployment {name}: its selector does not match the labels of its own pods."
    if not _pod(given).get("containers"):
        yield f"Deployment {name}: it has no containers."


def _configurations(deployment: Object, own: frozenset[str]) -> Iterator[str]:
    """An app reads no neighbour's, and none of the cluster's."""
    for volume in _pod(deployment).get("volumes", ()):
        if "configMap" in volume and volume["configMap"].get("name") not in own:
            named = str(volume["configMap"].get("name"))[:60]
            yield f"Deployment {deployment['metadata']['name']}: the ConfigMap {named} is none of the chart's own."


def _resources(deployments: Iterable[Object], limits: Resources) -> Iterator[str]:
    """Limits of all containers together are no more than a person has agreed to."""
    total = {"cpu": Decimal(0), "memory": Decimal(0)}
    for deployment in deployments:
        pod = _pod(deployment)
        for container in [*pod.get("containers", ()), *pod.get("initContainers", ())]:
            given = container.get("resources", {}).get("limits", {})
            for key in total:
                amount = quantity(given.get(key))
                if amount is None or amount <= 0:
                    name = container.get("name")
                    yield f"Deployment {deployment['metadata']['name']}: the container {name} has no limit of {key}."
                    return
                # Containers that end before the others begin count as well: no less is safe to say.
                total[key] += amount
    if total["cpu"] * 1000 > limits.cpu:
        yield f"Its containers may use {total['cpu']} cores together; the manifest asks for {limits.cpu / 1000:g}."
    if total["memory"] > limits.memory:
        yield f"Its containers may use {total['memory']} bytes together; the manifest asks for {limits.memory}."


def quantity(given: Any) -> Decimal | None:
    """A Kubernetes quantity as a number; None if it is none."""
    text = str(given)
    digits = text.rstrip("mkMGiK")
    factor = _SUFFIXES.get(text[len(digits) :])
    try:
        amount = Decimal(digits)
    except InvalidOperation:
        return None
    is_sane = amount.is_finite() and abs(amount.adjusted()) <= _MOST_DIGITS
    return amount * factor if factor is not None and is_sane else None
