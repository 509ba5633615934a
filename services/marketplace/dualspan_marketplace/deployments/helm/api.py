"""The Kubernetes API, as far as apps need it: JSON over HTTPS."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import requests

from dualspan_marketplace.deployments.helm.checks import Object
from dualspan_marketplace.deployments.helm.cli import Access
from dualspan_marketplace.deployments.helm.logs import Log
from dualspan_marketplace.deployments.provisioner import CannotStartError, UnreachableError

_CALL_SECONDS = 15.0
_LOG_LINES = 20
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_INVALID: Final = 422
# Where objects of a kind are, in a namespace or outside.
_GROUPS: Mapping[str, tuple[str, str]] = {
    "Namespace": ("/api/v1", "namespaces"),
    "Secret": ("/api/v1", "secrets"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Service": ("/api/v1", "services"),
    "Pod": ("/api/v1", "pods"),
    "ResourceQuota": ("/api/v1", "resourcequotas"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
}


class NoRightsError(UnreachableError):
    """The cluster does not let us: somebody has to give us the rights first."""


class Kubernetes:
    """Asks the API.

    Every method raises UnreachableError if the API does not answer, or does not let us: NoRightsError where it was to
    tell or to remove something.

    Args:
        access: To the cluster.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session = requests.Session()
        # Neither proxies nor credentials of the machine's user.
        self._session.trust_env = False
        self._session.verify = str(access.authority_file)

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object; None if there is none."""
        answer = self._ask("GET", f"{_path(kind, namespace)}/{name}", kind)
        return None if answer.status_code == _NOT_FOUND else answer.json()

    def labelled(self, kind: str, selector: str, namespace: str = "") -> list[Object]:
        """Those that carry labels, in one namespace or, of what is in none, all."""
        answer = self._ask("GET", _path(kind, namespace), kind, params={"labelSelector": selector})
        return [] if answer.status_code == _NOT_FOUND else answer.json()["items"]

    def said(self, log: Log, namespace: str) -> str:
        """The end of a log, 20 lines at the most; "" if it went meanwhile."""
        asked = {"container": log.container, "tailLines": _LOG_LINES, "previous": str(log.is_previous).lower()}
        path = f"{_path('Pod', namespace)}/{log.pod}/log"
        # Of a container that began again since, the one before has no log any more.
        answer = self._ask("GET", path, "a log of Pod", tolerated={_BAD_REQUEST}, params=asked)
        return answer.content.decode("utf-8", "replace") if answer.ok else ""

    def make(self, given: Object) -> None:
        """Make an object unless one of its name is there, whatever that is like."""
        kind, metadata = given["kind"], given["metadata"]
        answer = self._ask("POST", _path(kind, metadata.get("namespace", "")), kind, json=given)
        if not answer.ok and answer.status_code != _CONFLICT:
            raise UnreachableError(f"The cluster takes no {kind} {metadata['name']}: {_words(answer)}")

    def put(self, given: Object) -> None:
        """Have an object as given, whether it is there or not; raises CannotStartError if it may not be so."""
        kind, metadata = given["kind"], given["metadata"]
        base = _path(kind, metadata.get("namespace", ""))
        answer = self._ask("POST", base, kind, json=given)
        if answer.status_code == _CONFLICT:
            merge = {"content-type": "application/merge-patch+json"}
            answer = self._ask("PATCH", f"{base}/{metadata['name']}", kind, json=given, headers=merge)
        if answer.ok:
            return
        words = f"The cluster takes no {kind} {metadata['name']}: {_words(answer)}"
        if answer.status_code == _INVALID or "exceeded quota" in words:
            raise CannotStartError(words)
        # A namespace that is about to end, rights that somebody has yet to give.
        raise UnreachableError(words)

    def delete(self, kind: str, name: str, namespace: str) -> None:
        """Remove an object, and what it has made; nothing if there is none."""
        # Pods and the like go with what has made them.
        options = {"propagationPolicy": "Background"}
        self._ask("DELETE", f"{_path(kind, namespace)}/{name}", kind, json=options)

    def _ask(
        self, method: str, path: str, kind: str, tolerated: AbstractSet[int] = frozenset(), **options: Any
    ) -> requests.Response:
        headers = {"authorization": f"Bearer {self._access.token}", **options.pop("headers", {})}
        try:
            answer = self._session.request(
                method, self._access.url + path, headers=headers, timeout=_CALL_SECONDS, **options
            )
        except requests.RequestException as err:
            raise UnreachableError(f"The cluster does not answer: {err}") from err
        known = {_NOT_FOUND, _CONFLICT, _INVALID} | ({_FORBIDDEN} if method in {"POST", "PATCH"} else set())
        if not answer.ok and answer.status_code not in known | tolerated:
            refusal = NoRightsError if answer.status_code == _FORBIDDEN else UnreachableError
            raise refusal(f"The cluster refuses to {method} {kind}: {_words(answer)}")
        return answer


def _path(kind: str, namespace: str) -> str:
    base, plural = _GROUPS[kind]
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"


def _words(answer: requests.Response) -> str:
    try:
        return str(answer.json()["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
