"""Charts of apps: fetched from a registry by digest, and looked through before Helm is given them."""

import hashlib
import io
import json
import posixpath
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

from dualspan_marketplace.deployments.helm.checks import RefusedChartError
from dualspan_marketplace.deployments.provisioner import CannotStartError

_REFERENCE = re.compile(r"oci://(?P<host>[^/]+)/(?P<path>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CHART_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_CALL_SECONDS = 15.0
_MOST_MANIFEST = 64 * 1024
_MOST_PACKED = 1 << 20
_MOST_UNPACKED = 4 << 20
_MOST_FILES = 500
_KEPT = 32
_UNAUTHORIZED: Final = 401
# A template that may ask for names could tell what it was given to whoever answers.
_FORBIDDEN = b"getHostByName"
# It could put the name of the other together from pieces. After a point it is a field, or the end of a file's name.
_TEMPLATE_OF_TEXT = re.compile(rb"(?<![.\w])tpl(?!\w)")


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that charts may come from: its name in manifests, and where that is."""

    host: str
    url: str

    @classmethod
    def of(cls, text: str) -> "Registry":
        """Of a setting: `ghcr.io`, or with its scheme, `http://registry:5000`."""
        scheme, found, host = text.rpartition("://")
        return cls(host, f"{scheme if found else 'https'}://{host}")


class Charts:
    """Fetches charts by digest.

    Args:
        registries: Where charts may come from; nowhere else is asked, whatever a manifest says.
    """

    def __init__(self, registries: Sequence[Registry]) -> None:
        self._registries = {each.host: each for each in registries}
        self._kept: dict[str, bytes] = {}

    def refusal(self, reference: str) -> str:
        """Why a chart cannot be fetched; "" if it can be tried."""
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            return "Its chart is not named by digest."
        if match["host"] not in self._registries:
            known = ", ".join(self._registries) or "nowhere"
            return f"Its chart is at {match['host']}, and charts are fetched from {known} only."
        return ""

    def fetch(self, reference: str) -> bytes:
        """A chart's archive, looked through.

        Raises:
            CannotStartError: It is not there, is not what its digest says, or is not one that is taken.
            requests.RequestException: The registry does not answer.
        """
        if reference in self._kept:
            return self._kept[reference]
        refusal, match = self.refusal(reference), _REFERENCE.fullmatch(reference)
        if refusal or match is None:
            raise CannotStartError(refusal)
        registry = self._registries[match["host"]]
        base = f"{registry.url}/v2/{match['path']}"
        with requests.Session() as session:
            described = _get(session, f"{base}/manifests/{match['digest']}", match["digest"], _MOST_MANIFEST)
            archive = _get(session, f"{base}/blobs/{_layer(described)}", _layer(described), _MOST_PACKED)
        look_through(archive)
        while len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[reference] = archive
        return archive


def look_through(archive: bytes) -> None:
    """Hold a chart's files against what is taken.

    Raises:
        RefusedChartError: It is no archive, is too large, has links or charts that are packed, makes templates of
            texts, has no schema of its values, or one that would have others fetched.
    """
    try:
        files = dict(_files(archive))
    except (tarfile.TarError, EOFError, OSError, ValueError) as err:
        raise RefusedChartError(f"The chart is no archive that can be read: {err}") from err
    schemas = [path for path in files if path.count("/") == 1 and path.endswith("/values.schema.json")]
    if not schemas:
        raise RefusedChartError("The chart has no values.schema.json. Add one, so that its values can be checked.")
    for path, content in files.items():
        if path.endswith(".tgz"):
            raise RefusedChartError(f"{path} is a packed chart, which nobody can look through. Unpack it into charts/.")
        if "templates" in path.split("/") and _TEMPLATE_OF_TEXT.search(content):
            raise RefusedChartError(f"{path} calls tpl. Write out what it renders: no template is made of a text.")
        if path.endswith("values.schema.json"):
            _check_schema(path, content)
        if _FORBIDDEN in content:
            raise RefusedChartError(f"{path} calls getHostByName. A chart may not ask the network.")


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    left, seen = _MOST_UNPACKED, set[str]()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as opened:
        for count, entry in enumerate(opened):
            if entry.isdir():
                continue
            left -= entry.size
            if not entry.isreg() or not _is_plain(entry.name) or entry.name in seen:
                raise RefusedChartError(f"The chart has {entry.name[:100]!r}, which is no plain file of its own.")
            seen.add(entry.name)
            if left < 0 or count >= _MOST_FILES:
                raise RefusedChartError(f"The chart has more than {_MOST_UNPACKED >> 20} MiB or {_MOST_FILES} files.")
            file = opened.extractfile(entry)
            yield entry.name, file.read() if file else b""


def _is_plain(path: str) -> bool:
    """Whether Helm takes a path for the very one that it is looked at as: it takes many for the same."""
    return path == posixpath.normpath(path) and not path.startswith(("/", "../")) and "\\" not in path


def _check_schema(path: str, content: bytes) -> None:
    try:
        schema = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise RefusedChartError(f"{path} is not JSON: {err}") from err
    if any(not reference.startswith("#") for reference in _references(schema)):
        raise RefusedChartError(f"{path} refers to another schema. Write it out: nothing is fetched.")


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            yield from (str(value) for key, value in part.items() if key in {"$ref", "$recursiveRef", "$dynamicRef"})
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _layer(described: bytes) -> str:
    """The digest of the chart itself in the description of an artifact."""
    try:
        layers = [each["digest"] for each in json.loads(described)["layers"] if each["mediaType"] == _CHART_TYPE]
    except (ValueError, KeyError, TypeError) as err:
        raise CannotStartError("What the registry has under the chart's digest is no chart.") from err
    if len(layers) != 1 or not re.fullmatch(r"sha256:[0-9a-f]{64}", str(layers[0])):
        raise CannotStartError("What the registry has under the chart's digest is no chart.")
    return layers[0]


def _get(session: requests.Session, url: str, digest: str, most: int) -> bytes:
    """The content of a digest, without a name or with one that anybody is given."""
    answer = _asked(session, url)
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status_code == _UNAUTHORIZED and challenge.lower().startswith("bearer "):
        answer.close()
        session.headers["authorization"] = f"Bearer {_token(session, challenge)}"
        answer = _asked(session, url)
    with answer:
        if not answer.ok:
            raise CannotStartError(f"The chart cannot be fetched: {url} answers {answer.status_code}.")
        content = answer.raw.read(most + 1, decode_content=True)
    if len(content) > most:
        raise CannotStartError(f"The chart is larger than {most >> 10} KiB.")
    if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
        raise CannotStartError(f"What {url} gives is not what its digest says.")
    return content


def _asked(session: requests.Session, url: str) -> requests.Response:
    return session.get(url, headers={"accept": f"{_MANIFEST_TYPE}, */*"}, stream=True, timeout=_CALL_SECONDS)


def _token(session: requests.Session, challenge: str) -> str:
    """The token that a registry gives to whoever asks."""
    terms = dict(_CHALLENGE.findall(challenge))
    realm = terms.pop("realm", "")
    if not realm.startswith("https://"):
        raise CannotStartError("The chart's registry asks for a name.")
    answer = session.get(realm, params=terms, timeout=_CALL_SECONDS)
    try:
        given = answer.json()
        return str(given.get("token") or given["access_token"])
    except (ValueError, KeyError, AttributeError) as err:
        raise CannotStartError("The chart's registry gives nobody a token without a name.") from err
