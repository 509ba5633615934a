"""What of a migration would break a release that is older than it, and runs beside it or is rolled back to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_BODY = re.compile(r"(\$\w*\$).*?\1", re.DOTALL)
_TEXT = re.compile(r"'(?:[^']|'')*'")
_MADE = re.compile(r"create table (?:if not exists )?(\w+)")
_TARGET = re.compile(r"alter table (?:if exists )?(?:only )?(\w+)")
_GONE = re.compile(r"\bdrop (table|column|view|function|procedure|type|sequence|schema|trigger|policy|default)\b")
_TIGHTER = re.compile(r"\badd (?:constraint \w+ )?(check|unique|primary key|foreign key|exclude)\b")
_INDEX_ON = re.compile(r"create unique index .*? on (?:only )?(\w+)")
_NEW_COLUMN = re.compile(r"\badd column (?:if not exists )?(\w+) (.*?)(?=, add |, alter |, drop |$)")
_REVOKED = re.compile(r"revoke .* on (?:table )?([\w, ]+?) from")


@dataclass(frozen=True, slots=True)
class Breach:
    """A statement, shortened, and what it does to an older release."""

    statement: str
    why: str


def breaches(sql: str) -> list[Breach]:
    """Returns what in a migration is not additive.

    Tables that the same migration makes are nobody's yet: whatever it does to them is fine.
    """
    statements = list(_statements(sql))
    own = {found[1] for each in statements for found in _MADE.finditer(each)}
    return [Breach(each[:100], why) for each in statements for why in _breaks(each, own)]


def _statements(sql: str) -> Iterator[str]:
    """In lower case, on one line, without comments, texts and bodies of functions."""
    bare = _TEXT.sub("''", _BODY.sub("''", _COMMENT.sub(" ", sql)))
    for statement in bare.split(";"):
        words = " ".join(statement.lower().split())
        if words:
            yield words


def _breaks(statement: str, own: set[str]) -> Iterator[str]:
    target = _TARGET.match(statement)
    if target is not None and target[1] in own:
        return
    for gone in _GONE.finditer(statement):
        # A column's DROP DEFAULT is said as `alter column x drop default`.
        yield f"drops a {gone[1]} that an older release may use"
    if re.search(r"\brename\b", statement):
        yield "renames what an older release knows by its old name"
    if re.search(r"\balter column \w+ (set data )?type\b", statement):
        yield "changes a type under an older release"
    if re.search(r"\bset not null\b", statement):
        yield "refuses rows that an older release writes without a value"
    if target is not None and (found := _TIGHTER.search(statement)):
        yield f"adds a {found[1]} that an older release knows nothing of"
    for column in _NEW_COLUMN.finditer(statement):
        if "not null" in column[2] and not re.search(r"\b(default|generated)\b", column[2]):
            yield f"adds {column[1]}, which an older release does not write, NOT NULL without a default"
    index = _INDEX_ON.match(statement)
    if index is not None and index[1] not in own:
        yield "adds a unique index that an older release knows nothing of"
    revoked = _REVOKED.match(statement)
    if revoked is not None and not {each.strip() for each in revoked[1].split(",")} <= own:
        yield "takes a right that an older release may use"
