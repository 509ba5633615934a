"""What a browse could not have, and what the server did against the standard: in words, bounded, each once."""

from collections import Counter
from dataclasses import dataclass, field

from dualspan_edge.opcua.words import status_words

_MOST_KINDS = 10


@dataclass(slots=True)
class Findings:
    """Gathered while a server is browsed.

    Attributes:
        repaired_texts: Texts that were no UTF-8.
        unusable_ids: Nodes whose NodeId cannot be written with its namespace as URI, or is too long.
        elsewhere: References to other servers.
    """

    repaired_texts: int = 0
    unusable_ids: int = 0
    elsewhere: int = 0
    _refused: Counter[int] = field(default_factory=Counter[int])
    _first: dict[int, str] = field(default_factory=dict[int, str])
    _notes: list[str] = field(default_factory=list[str])

    def refused(self, code: int, path: str) -> None:
        """The server did not let a node be browsed."""
        self._refused[code] += 1
        self._first.setdefault(code, path or "the root")

    def note(self, what: str) -> None:
        """The server did something that it should not."""
        if what not in self._notes and len(self._notes) < _MOST_KINDS:
            self._notes.append(what)

    def warnings(self) -> list[str]:
        """Sentences for the person who browsed."""
        found = [
            f"{count} nodes could not be browsed, the first of them {self._first[code]!r}: {status_words(code)}."
            for code, count in self._refused.most_common(_MOST_KINDS)
        ]
        counted = (
            (
                self.unusable_ids,
                "nodes have a NodeId that is malformed or in a namespace that the server does not list",
            ),
            (self.elsewhere, "references lead to other servers, or to namespaces that this one does not list"),
            (self.repaired_texts, "texts are not UTF-8 and were repaired"),
        )
        found += [f"{count} {words}." for count, words in counted if count]
        return found + [f"The server breaks the standard: {note}." for note in self._notes]
