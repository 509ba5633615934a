"""Words that apps are found by, in English and Chinese.

Chinese has no spaces: its characters are indexed alone and in pairs, and a query of several characters asks for all of
its pairs. English words are indexed with their beginnings, so that `energ` finds energy while one types.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_SHORTEST_BEGINNING = 3
_LONGEST_WORD = 16
_MOST_WORDS = 20_000
_MOST_ASKED = 24


def index_words(texts: Iterable[str]) -> list[str]:
    """All words that texts are found by, sorted, none twice."""
    found = {word for text in texts for run in _runs(text) for word in _indexed(run)}
    return sorted(found)[:_MOST_WORDS]


def query_words(query: str) -> list[str]:
    """The words that all must be there for a query; empty for a query of none."""
    return sorted({word for run in _runs(query) for word in _asked(run)})[:_MOST_ASKED]


def _runs(text: str) -> Iterator[str]:
    return (found.group() for found in _RUN.finditer(unicodedata.normalize("NFKC", text).casefold()))


def _is_chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u4dbf" or "\u4e00" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def _pairs(run: str) -> Iterator[str]:
    return (run[at : at + 2] for at in range(len(run) - 1))


def _indexed(run: str) -> Iterator[str]:
    if _is_chinese(run[0]):
        yield from run
        yield from _pairs(run)
        return
    word = run[:_LONGEST_WORD]
    yield word
    yield from (word[:length] for length in range(_SHORTEST_BEGINNING, len(word)))


def _asked(run: str) -> Iterator[str]:
    if not _is_chinese(run[0]):
        yield run[:_LONGEST_WORD]
    elif len(run) == 1:
        yield run
    else:
        yield from _pairs(run)
