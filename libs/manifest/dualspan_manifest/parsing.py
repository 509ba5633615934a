"""From a text to a manifest, or to everything that is wrong with it."""

from collections.abc import Sequence
from itertools import islice

from dualspan_manifest.document import Document, DocumentError, read
from dualspan_manifest.explaining import explain
from dualspan_manifest.model import Manifest
from dualspan_manifest.problems import Problem
from dualspan_manifest.reading import manifest_of
from dualspan_manifest.rules import broken_rules
from dualspan_manifest.schemas import schema, validator

__all__ = ["MAX_BYTES", "InvalidManifestError", "parse", "schema"]

MAX_BYTES = 128 * 1024
_MOST_PROBLEMS = 50


class InvalidManifestError(Exception):
    """A manifest is not one that can be used.

    Attributes:
        problems: In the order of the lines; 50 at the most.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def parse(text: str) -> Manifest:
    """The manifest that a text is.

    Args:
        text: `app.yaml`, 128 KiB at the most.

    Raises:
        InvalidManifestError: With every problem, its line and what to do.
    """
    try:
        document = read(text, MAX_BYTES)
    except DocumentError as err:
        raise InvalidManifestError([err.problem]) from err
    problems = _schema_problems(document)
    if problems:
        raise InvalidManifestError(problems)
    manifest = manifest_of(document.data, text)
    broken = sorted(broken_rules(manifest, document), key=lambda each: each.line)
    if broken:
        raise InvalidManifestError(broken[:_MOST_PROBLEMS])
    return manifest


def _schema_problems(document: Document) -> list[Problem]:
    found = explain(validator().iter_errors(document.data), document)
    return sorted(islice(found, _MOST_PROBLEMS), key=lambda each: each.line)
