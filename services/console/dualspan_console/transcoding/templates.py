"""Path templates of `google.api.http`: `/v1/{name=tenants/*/users/*}:setPassword`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

ONE: Final = "*"
MANY: Final = "**"
_VARIABLE = re.compile(r"\{([A-Za-z_][\w.]*)(?:=([^{}]+))?\}")
_LITERAL = re.compile(r"[A-Za-z0-9_.~-]+")
_VERB = re.compile(r":([A-Za-z][A-Za-z0-9]*)$")


class TemplateError(Exception):
    """A template does not follow the grammar of google/api/http.proto."""


class PathError(Exception):
    """A path cannot be read: it is not UTF-8 in percent-encoding, or hides a slash in a segment."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A field that is filled from segments of the path.

    Attributes:
        field: Its path in the request, such as `user.name`.
        start: The first of its segments.
        end: The first segment after it; None for all that are left.
    """

    field: str
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Path:
    """The path of a request, taken apart.

    Attributes:
        segments: Decoded; none has a slash in it.
        verb: What follows the last colon, or "".
    """

    segments: tuple[str, ...]
    verb: str


@dataclass(frozen=True, slots=True)
class Template:
    """A template, taken apart.

    Attributes:
        text: As it was written.
        segments: Literals, `*` for one of any kind, `**` (last) for any number.
        variables: What is filled from which.
        verb: What follows the colon, or "".
    """

    text: str
    segments: tuple[str, ...]
    variables: tuple[Variable, ...]
    verb: str

    @property
    def is_open(self) -> bool:
        """Whether it takes any number of segments."""
        return bool(self.segments) and self.segments[-1] == MANY

    def match(self, path: Path) -> dict[str, str] | None:
        """The fields that a path fills; None if it is another's."""
        fixed = self.segments[:-1] if self.is_open else self.segments
        if path.verb != self.verb or len(path.segments) < len(self.segments):
            return None
        if not self.is_open and len(path.segments) != len(fixed):
            return None
        if any(pattern not in {ONE, segment} for pattern, segment in zip(fixed, path.segments, strict=False)):
            return None
        return {each.field: "/".join(path.segments[each.start : each.end]) for each in self.variables}

    def overlaps(self, other: Template) -> bool:
        """Whether a path exists that both take, and neither of them is the more exact one."""
        if self.verb != other.verb or self.is_open or other.is_open or len(self.segments) != len(other.segments):
            return False
        pairs = list(zip(self.segments, other.segments, strict=True))
        if any(ONE not in pair and pair[0] != pair[1] for pair in pairs):
            return False
        exacter = {pair.index(ONE) for pair in pairs if (pair[0] == ONE) != (pair[1] == ONE)}
        return len(exacter) != 1


def parse_template(text: str) -> Template:
    """Takes a template apart.

    Raises:
        TemplateError: It does not follow the grammar.
    """
    found = _VERB.search(text)
    verb = found[1] if found else ""
    rest = text.removesuffix(f":{verb}") if verb else text
    if not rest.startswith("/"):
        raise TemplateError(f"{text!r} does not begin with a slash")
    segments: list[str] = []
    variables: list[Variable] = []
    for part in _split(rest[1:]):
        field = _VARIABLE.fullmatch(part)
        inner = (field[2] or ONE).split("/") if field else [part]
        if field:
            end = None if inner[-1] == MANY else len(segments) + len(inner)
            variables.append(Variable(field[1], len(segments), end))
        segments += inner
    _check(text, segments)
    return Template(text, tuple(segments), tuple(variables), verb)


def parse_path(raw: bytes) -> Path:
    """Takes the path of a request apart, as it came.

    A colon or a slash that is percent-encoded stands for itself: no verb and no further segment comes of it.

    Raises:
        PathError: It is not UTF-8, or a segment has a slash or a NUL in it.
    """
    head, _, last = raw.removeprefix(b"/").rpartition(b"/")
    last, _, verb = last.partition(b":")
    words = [*(head.split(b"/") if head else ()), last]
    return Path(tuple(_decoded(word) for word in words), _decoded(verb))


def _decoded(word: bytes) -> str:
    try:
        text = unquote_to_bytes(word).decode()
    except UnicodeDecodeError as error:
        raise PathError("The path is not UTF-8 in percent-encoding.") from error
    if "/" in text or "\0" in text:
        raise PathError("A segment of the path has a slash or a NUL in it.")
    return text


def _split(text: str) -> Sequence[str]:
    """Segments, those of a variable together."""
    parts: list[str] = re.findall(r"(?:\{[^{}]*\}|[^/])+", text)
    if "/".join(parts) != text:
        raise TemplateError(f"{text!r} has an empty segment")
    return parts


def _check(text: str, segments: Sequence[str]) -> None:
    wrong = [part for part in segments if part not in {ONE, MANY} and not _LITERAL.fullmatch(part)]
    if wrong or not segments:
        raise TemplateError(f"{text!r} has a segment that is neither a word, nor *, nor **")
    if MANY in segments[:-1]:
        raise TemplateError(f"{text!r} has ** before its end")


def specificity(template: Template) -> tuple[int, ...]:
    """Sorts templates so that those with a word come before those that take anything in its place."""
    rank: Mapping[str, int] = {ONE: 1, MANY: 2}
    return tuple(rank.get(segment, 0) for segment in template.segments)
