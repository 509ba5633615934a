"""What the objects of a chart may be: an allow-list of kinds and fields. Whatever is not named here is refused."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

# A check says what is wrong with a value, "" if nothing; a mapping names the only fields; a list has the rule of items.
Rule: TypeAlias = "Callable[[Any], str] | Mapping[str, Rule] | Sequence[Rule]"

_LONGEST_TEXT = 256 * 1024
_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
_LONGEST_END = 30
# What has a meaning to nobody: a controller of the cluster acts on prefixes of its own.
_LABELS = ("app.kubernetes.io/", "helm.sh/")
_ANNOTATIONS = "checksum/"

# Why, for the fields that a publisher will ask about.
_WHY = {
    "hostNetwork": "an app has a network of its own",
    "hostPID": "an app sees its own processes only",
    "hostIPC": "an app shares no memory with its node",
    "hostPort": "an app is reached through the platform only",
    "hostPath": "an app sees no files of its node",
    "hostAliases": "the platform writes them",
    "serviceAccountName": "an app has no account at the cluster",
    "serviceAccount": "an app has no account at the cluster",
    "imagePullSecrets": "images come from registries that ask nobody's name",
    "nodeName": "the cluster chooses the node",
    "nodeSelector": "the cluster chooses the node",
    "tolerations": "the cluster chooses the node",
    "priorityClassName": "no app comes before others",
    "envFrom": "the platform gives its secrets as files",
    "secretKeyRef": "the platform gives its secrets as files",
    "secret": "the platform gives its secrets as files",
    "externalIPs": "an app is reached through the platform only",
}


def broken(rule: Rule, value: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value by a rule: the path of each field, and why."""
    if callable(rule):
        words = rule(value)
        if words:
            yield f"{path} {words}"
    elif isinstance(rule, Mapping):
        if not isinstance(value, Mapping):
            yield f"{path or 'the object'} is no mapping"
            return
        for key, inner in value.items():
            here = f"{path}.{key}" if path else str(key)
            if key in rule:
                yield from broken(rule[key], inner, here)
            else:
                why = _WHY.get(key)
                yield f"{here} may not be set" + (f": {why}" if why else "")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from broken(rule[0], inner, f"{path}[{index}]")
    else:
        yield f"{path} is no list"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and len(value) <= _LONGEST_TEXT else "is no text, or too long a one"


def _number(value: Any) -> str:
    return "" if isinstance(value, int) and not isinstance(value, bool) else "is no whole number"


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else "is neither true nor false"


def _number_or_name(value: Any) -> str:
    return _number(value) if isinstance(value, int) else _text(value)


def _only(*allowed: Any) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        # True equals 1 in Python, and not in Kubernetes.
        so = any(value == each and type(value) is type(each) for each in allowed)
        return "" if so else f"may only be {' or '.join(map(repr, allowed))}"

    return check


def _texts(value: Any) -> str:
    so = isinstance(value, Mapping) and all(isinstance(each, str) for pair in value.items() for each in pair)
    return "" if so and sum(map(len, value.values())) <= _LONGEST_TEXT else "is no mapping of texts, or too large"


def _labels(value: Any) -> str:
    words = _texts(value)
    foreign = [] if words else [key for key in value if "/" in key and not key.startswith(_LABELS)]
    if foreign:
        return f"has {foreign[0][:100]!r}, which others act on: no prefix, or {' or '.join(_LABELS)}"
    return words


def _annotations(value: Any) -> str:
    words = _texts(value)
    foreign = [] if words else [key for key in value if not key.startswith(_ANNOTATIONS)]
    if foreign:
        return f"has {foreign[0][:100]!r}, which Helm or the cluster may act on: only {_ANNOTATIONS}… may be there"
    return words


def _image(value: Any) -> str:
    so = isinstance(value, str) and _DIGEST.fullmatch(value)
    return "" if so else f"is {str(value)[:100]!r}, which names no digest: write host/path@sha256:…"


def _person(value: Any) -> str:
    return "" if not _number(value) and value > 0 else "may not be root"


def _end(value: Any) -> str:
    return "" if not _number(value) and 0 <= value <= _LONGEST_END else f"may be {_LONGEST_END} s at the most"


_METADATA: Rule = {
    "name": _text,
    "namespace": _text,
    "labels": _labels,
    "annotations": _annotations,
    # Helm's own starter writes it.
    "creationTimestamp": _only(None),
}
_SECURITY: Mapping[str, Rule] = {
    "runAsNonRoot": _only(True),
    "runAsUser": _person,
    "runAsGroup": _person,
    "seccompProfile": {"type": _only("RuntimeDefault")},
}
_HTTP: Rule = {
    "path": _text,
    "port": _number_or_name,
    "scheme": _only("HTTP", "HTTPS"),
    "httpHeaders": [{"name": _text, "value": _text}],
}
_PROBE: Rule = {
    "httpGet": _HTTP,
    "tcpSocket": {"port": _number_or_name},
    "exec": {"command": [_text]},
    "initialDelaySeconds": _number,
    "periodSeconds": _number,
    "timeoutSeconds": _number,
    "successThreshold": _number,
    "failureThreshold": _number,
}
_QUANTITIES: Rule = {"cpu": _number_or_name, "memory": _number_or_name, "ephemeral-storage": _number_or_name}
_CONTAINER: Rule = {
    "name": _text,
    "image": _image,
    "imagePullPolicy": _only("IfNotPresent", "Always"),
    "command": [_text],
    "args": [_text],
    "workingDir": _text,
    "env": [{"name": _text, "value": _text, "valueFrom": {"fieldRef": {"apiVersion": _text, "fieldPath": _text}}}],
    "ports": [{"name": _text, "containerPort": _number, "protocol": _only("TCP")}],
    "resources": {"limits": _QUANTITIES, "requests": _QUANTITIES},
    "volumeMounts": [{"name": _text, "mountPath": _text, "subPath": _text, "readOnly": _truth}],
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "securityContext": {
        **_SECURITY,
        "allowPrivilegeEscalation": _only(False),
        "privileged": _only(False),
        "readOnlyRootFilesystem": _only(True),
        "capabilities": {"drop": _only(["ALL"])},
    },
}
_VOLUME: Rule = {
    "name": _text,
    "emptyDir": {"sizeLimit": _number_or_name, "medium": _only("", "Memory")},
    "configMap": {
        "name": _text,
        "items": [{"key": _text, "path": _text}],
        "defaultMode": _number,
        "optional": _truth,
    },
}
_POD: Rule = {
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "volumes": [_VOLUME],
    "securityContext": {**_SECURITY, "fsGroup": _person},
    "automountServiceAccountToken": _only(False),
    "enableServiceLinks": _truth,
    "restartPolicy": _only("Always"),
    "terminationGracePeriodSeconds": _end,
}
_SELECTOR: Rule = {"matchLabels": _texts}

ALLOWED: Mapping[tuple[str, str], Rule] = {
    ("apps/v1", "Deployment"): {
        "apiVersion": _text,
        "kind": _text,
        "metadata": _METADATA,
        "spec": {
            # Exactly one instance: what it keeps in memory is no other's.
            "replicas": _only(1),
            "selector": _SELECTOR,
            "strategy": {"type": _only("Recreate")},
            "revisionHistoryLimit": _number,
            "template": {"metadata": _METADATA, "spec": _POD},
        },
    },
    ("v1", "Service"): {
        "apiVersion": _text,
        "kind": _text,
        "metadata": _METADATA,
        "spec": {
            "type": _only("ClusterIP"),
            "selector": _texts,
            "ports": [
                {"name": _text, "port": _number, "targetPort": _number_or_name, "protocol": _only("TCP")},
            ],
        },
    },
    ("v1", "ConfigMap"): {
        "apiVersion": _text,
        "kind": _text,
        "metadata": _METADATA,
        "data": _texts,
    },
}
