"""Annotations: what people write beside values. Rules, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_analytics.removal import KEPT_DAYS
from dualspan_runtime.errors import Aborted, AlreadyExists, InvalidArgument, NotFound, ResourceExhausted

LONGEST_TEXT = 2000
MOST_SUBJECTS = 50
MOST_KEPT = 50_000
"""Annotations of one enterprise."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What somebody wrote.

    Attributes:
        id: Within the enterprise.
        start_us: Since when, µs since the Unix epoch.
        end_us: Until when; the same for a moment.
        assets: Ids of assets that it is about.
        tag_ids: Ids of tags that it is about; without both it is about the whole enterprise.
        text: What it says.
    """

    id: str
    start_us: int
    end_us: int
    assets: tuple[str, ...]
    tag_ids: tuple[int, ...]
    text: str


def check(given: Annotation) -> None:
    """Refuse what cannot be.

    Raises:
        InvalidArgument: It says nothing or too much, ends before it begins, or is about too many things.
    """
    if not given.text.strip() or len(given.text) > LONGEST_TEXT:
        raise _bad("text", f"it must have 1 to {LONGEST_TEXT} characters")
    if given.end_us < given.start_us:
        raise _bad("end_time", "it must not lie before start_time")
    for field, subjects in (("assets", given.assets), ("tag_ids", given.tag_ids)):
        check_subjects(field, subjects)


def check_subjects(field: str, subjects: Sequence[object], most: int = MOST_SUBJECTS) -> None:
    """Refuse more assets or tags than an annotation can be about, or than can be asked for at once."""
    if len(subjects) > most:
        raise _bad(field, f"it must name {most} at the most")


def _bad(field: str, why: str) -> InvalidArgument:
    return InvalidArgument("BAD_ANNOTATION", f"{field} is not valid: {why}.", field=f"annotation.{field}")


def annotation_not_found(annotation: str) -> NotFound:
    """There is none of that id, or it was taken away."""
    words = f"There is no annotation {annotation!r}. What was taken away can be brought back for {KEPT_DAYS} days."
    return NotFound("ANNOTATION_NOT_FOUND", words, annotation=annotation)


def annotation_exists(annotation: str) -> AlreadyExists:
    """There is one of that id."""
    words = f"There is an annotation {annotation!r} already. Choose another id, or leave it empty."
    return AlreadyExists("ANNOTATION_EXISTS", words, annotation=annotation)


def annotation_changed(annotation: str) -> Aborted:
    """The etag is of an earlier state."""
    words = "Somebody else changed the annotation meanwhile. Look at it again, and then change it with its new etag."
    return Aborted("ETAG_MISMATCH", words, annotation=annotation)


def too_many_annotations() -> ResourceExhausted:
    """The enterprise has as many as it can have."""
    words = f"There are {MOST_KEPT} annotations, which is as many as there can be. Take some away that nobody needs."
    return ResourceExhausted("TOO_MANY_ANNOTATIONS", words, most=str(MOST_KEPT))
