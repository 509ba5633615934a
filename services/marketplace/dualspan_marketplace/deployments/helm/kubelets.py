"""The kubelets of a cluster, asked what the pods of their nodes use."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3

from dualspan_marketplace.deployments.helm.cli import Access
from dualspan_marketplace.deployments.provisioner import UnreachableError

_CALL_SECONDS = 5.0
# A kubelet counts every 10 s or so, and answers for all pods of its node at once: nobody's app is a call of its own.
_KEPT_SECONDS = 10.0


@dataclass
class _Answer:
    """What a kubelet said last, or why it did not."""

    until: float
    summary: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trouble: str = ""


class Kubelets:
    """Asks them themselves: through the API it would take the right to run commands in every pod of the cluster.

    Args:
        access: The account, which may read `nodes/stats`, and who signs certificates at the cluster.
        port: Of every kubelet.
        verify: Whether a kubelet's certificate must be signed by the cluster's authority. If not, the account's token
            goes to whoever has a node's address.
    """

    def __init__(self, access: Access, port: int, *, verify: bool) -> None:
        self._access = access
        self._port = port
        self._session = requests.Session()
        # Neither proxies nor credentials of the machine's user.
        self._session.trust_env = False
        self._session.verify = str(access.authority_file) if verify else False
        if not verify:
            # Whoever sets it up so has decided: not again with every look.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}

    def summary(self, address: str) -> Mapping[str, Any]:
        """What a node's kubelet says of its pods (`/stats/summary`), at most some seconds ago.

        Raises:
            UnreachableError: It does not answer, or does not let us.
        """
        with self._lock:
            now = time.monotonic()
            self._answers = {each: kept for each, kept in self._answers.items() if kept.until > now}
            if address not in self._answers:
                self._answers[address] = self._ask(address)
            kept = self._answers[address]
        if kept.trouble:
            raise UnreachableError(kept.trouble)
        return kept.summary

    def _ask(self, address: str) -> _Answer:
        host = f"[{address}]" if ":" in address else address
        headers = {"authorization": f"Bearer {self._access.token}"}
        summary, trouble = {}, ""
        try:
            url = f"https://{host}:{self._port}/stats/summary"
            answer = self._session.get(url, headers=headers, timeout=_CALL_SECONDS)
            answer.raise_for_status()
            summary = answer.json()
        except requests.exceptions.SSLError as err:
            trouble = (
                f"The kubelet at {address} shows a certificate that the cluster's authority did not sign: {err}. "
                "Have kubelets ask for theirs (serverTLSBootstrap), or set marketplace.kubernetes.usage.kubelets to "
                "unverified, or to none."
            )
        except (requests.RequestException, ValueError) as err:
            trouble = f"The kubelet at {address} does not say what its pods use: {err}"
        return _Answer(time.monotonic() + _KEPT_SECONDS, summary, trouble)
