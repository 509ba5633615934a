"""What a document is made of: words and numbers as they stand on the page, in whatever language it is."""

from typing import Literal, TypeAlias, TypedDict


class Table(TypedDict):
    """Rows; the first `texts` columns are words, the others numbers."""

    kind: Literal["table"]
    columns: list[str]
    rows: list[list[str]]
    texts: int


class Chart(TypedDict):
    """A picture, as SVG of our own making."""

    kind: Literal["chart"]
    svg: str


class Note(TypedDict):
    """A sentence; `warning` if a reader must know it before believing figures."""

    kind: Literal["note"]
    text: str
    warning: bool


Block: TypeAlias = Table | Chart | Note


class Section(TypedDict):
    """A part under a title of its own."""

    title: str
    blocks: list[Block]


class Shape(TypedDict):
    """A whole document.

    Attributes:
        language: As HTML names it: `en`, `zh-Hans`.
        title: What it is called.
        kind: What it is, above the title.
        facts: Names and values at its head.
        zone: A line at the foot of each page.
        sections: Its parts.
    """

    language: str
    title: str
    kind: str
    facts: list[tuple[str, str]]
    zone: str
    sections: list[Section]
