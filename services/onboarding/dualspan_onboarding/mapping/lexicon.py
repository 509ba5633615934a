"""The words that plants write, and what they mean (lexicon.yaml)."""

import functools
import unicodedata
from dataclasses import dataclass
from importlib import resources

import yaml


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words and their meanings.

    Attributes:
        meanings: Word to the concepts that it can stand for, in no order.
        quantities: Concepts of which a variable measures one.
        modifiers: Concepts that make another variable of what they stand beside.
        fillers: Words that say nothing.
        chinese: Chinese words.
        parts: Latin words that can be part of a longer one ("zylindertemperatur").
    """

    meanings: dict[str, frozenset[str]]
    quantities: frozenset[str]
    modifiers: frozenset[str]
    fillers: frozenset[str]
    chinese: frozenset[str]
    parts: frozenset[str]


def plain(text: str) -> str:
    """A word in the form that the lexicon has: compatible characters, lower case, German letters written out."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    for letter, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
        folded = folded.replace(letter, written)
    stripped = unicodedata.normalize("NFD", folded)
    return "".join(character for character in stripped if not unicodedata.combining(character))


def is_chinese(character: str) -> bool:
    """Whether it is a Chinese character."""
    return "一" <= character <= "鿿"


@functools.cache
def load() -> Lexicon:
    """The lexicon of the package."""
    text = resources.files("dualspan_onboarding.mapping").joinpath("lexicon.yaml").read_text(encoding="utf-8")
    document: dict[str, dict[str, str]] = yaml.safe_load(text)
    fillers = frozenset(str(document.pop("fillers")).split())
    meanings: dict[str, set[str]] = {}
    for section in document.values():
        for concept, words in section.items():
            for word in {*words.split(), concept}:
                meanings.setdefault(plain(word).replace("_", ""), set()).add(concept)
    words = frozenset(meanings)
    return Lexicon(
        meanings={word: frozenset(concepts) for word, concepts in meanings.items()},
        quantities=frozenset(document["quantities"]),
        modifiers=frozenset(document["modifiers"]),
        fillers=fillers,
        chinese=frozenset(word for word in words if is_chinese(word[0])),
        parts=frozenset(word for word in words if len(word) >= 3 and word.isascii() and word.isalpha()),
    )
