"""Semantic versions (SemVer 2.0.0): what they are like, and their order."""

import re
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = "0|[1-9][0-9]{0,8}"
_VERSION = re.compile(
    rf"(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    r"(?:-(?P<pre>[0-9A-Za-z-]{1,30}(?:\.[0-9A-Za-z-]{1,30}){0,4}))?(?:\+[0-9A-Za-z.-]{1,40})?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version. Build metadata does not count for its order (SemVer 2.0.0, 10)."""

    text: str
    numbers: tuple[int, int, int]
    pre: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """The version that a text is; None if it is none."""
        match = _VERSION.fullmatch(text)
        if match is None:
            return None
        pre = match["pre"]
        if pre and any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in pre.split(".")):
            return None
        numbers = (int(match["major"]), int(match["minor"]), int(match["patch"]))
        return cls(text, numbers, tuple(pre.split(".")) if pre else ())

    @property
    def _key(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[int, int, str], ...]]:
        # Numbers before words, and a release after all of its pre-releases (SemVer 2.0.0, 11).
        pre = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return self.numbers, not self.pre, pre

    @property
    def sort_key(self) -> str:
        """A text of ASCII that orders byte by byte as versions do, for a database."""
        numbers = ".".join(f"{number:09}" for number in self.numbers)
        # A release ends in "~", which comes after everything; an end of identifiers in " ", which comes before.
        identifiers = (f"0{part:0>30}" if part.isdigit() else f"1{part}" for part in self.pre)
        return numbers + (" " + " ".join(identifiers) if self.pre else "~")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: "Version") -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text
