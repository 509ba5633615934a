"""From a name to what its words mean."""

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dualspan_onboarding.mapping.lexicon import Lexicon, is_chinese, load, plain

# Words with a digit in them that are no number of something.
_WITH_DIGITS = frozenset({"n2", "o2", "co2", "h2o"})
_PIECES = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[一-鿿]+|[0-9]+")
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_FULL = re.compile(r"co2|n2|o2|h2o", re.IGNORECASE)
_LONGEST_JOIN = 5
_UNSURE = 0.8


@dataclass(frozen=True, slots=True)
class Slot:
    """One word of a name.

    Attributes:
        word: As it was written, in plain form.
        meanings: What it can stand for; itself, if it is in no lexicon.
        strength: How sure that is, 0 to 1: less for abbreviations that were guessed.
        known: It is in the lexicon.
    """

    word: str
    meanings: frozenset[str]
    strength: float = 1.0
    known: bool = True


@dataclass(frozen=True, slots=True)
class Name:
    """What a name says: its words that mean something, the numbers and the single letters in it."""

    slots: tuple[Slot, ...]
    numbers: tuple[int, ...]
    letters: tuple[str, ...]


@functools.lru_cache(maxsize=65_536)
def read_name(text: str) -> Name:
    """What a name says. Bounded: only its first 120 characters count."""
    lexicon = load()
    words: list[str] = []
    numbers: list[int] = []
    for piece in _split(_letters(text[:120])):
        if piece.isdigit():
            numbers.append(int(piece[:9]))
        else:
            words.append(piece)
    slots = tuple(_slot(word) for word in _join(words, lexicon))
    letters = tuple(word for word in words if len(word) == 1 and word.isascii())
    return Name(tuple(slot for slot in slots if slot.word not in lexicon.fillers), tuple(numbers), letters)


def _letters(text: str) -> str:
    """A name in the letters that words are made of: German ones written out, accents gone, wide forms narrow."""
    written = unicodedata.normalize("NFKC", text).translate(_WRITTEN_OUT)
    parts = unicodedata.normalize("NFD", written)
    return "".join(character for character in parts if not unicodedata.combining(character))


def _split(text: str) -> Iterator[str]:
    """The pieces of a name in order: words in plain form, numbers as digits."""
    position = 0
    for match in _FULL.finditer(text):
        before = text[match.start() - 1 : match.start()]
        after = text[match.end() : match.end() + 1]
        if (before.isalpha() and before.islower()) or (after.isalpha() and after.islower()) or after.isdigit():
            continue
        yield from _pieces(text[position : match.start()])
        yield plain(match[0])
        position = match.end()
    yield from _pieces(text[position:])


def _pieces(text: str) -> Iterator[str]:
    for match in _PIECES.finditer(text):
        word = plain(match[0])
        if word and is_chinese(word[0]):
            yield from _cut_chinese(word)
        else:
            yield word


@functools.lru_cache(maxsize=16_384)
def _cut_chinese(text: str) -> tuple[str, ...]:
    """Chinese words without spaces: the fewest words of the lexicon, single characters where none fits."""
    words = load().chinese
    best: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    for end in range(1, len(text) + 1):
        options = [
            (best[start][0] + (1 if text[start:end] in words else 4), (*best[start][1], text[start:end]))
            for start in range(max(0, end - 6), end)
            if end - start == 1 or text[start:end] in words
        ]
        best.append(min(options, key=lambda option: option[0]))
    return best[-1][1]


def _join(words: Sequence[str], lexicon: Lexicon) -> list[str]:
    """Words that were written apart and mean something together only ("set point", "Wen Du")."""
    joined: list[str] = []
    position = 0
    while position < len(words):
        for length in range(min(_LONGEST_JOIN, len(words) - position), 1, -1):
            together = "".join(words[position : position + length])
            if together in lexicon.meanings and not all(
                word in lexicon.meanings and len(word) > 3 for word in words[position : position + length]
            ):
                joined.append(together)
                position += length
                break
        else:
            joined += _cut_latin(words[position])
            position += 1
    return joined


@functools.lru_cache(maxsize=16_384)
def _cut_latin(word: str) -> tuple[str, ...]:
    """A long word as the words of the lexicon that it is made of; itself if it is made of none.

    German puts an s or n between two of them.
    """
    lexicon = load()
    if word in lexicon.meanings or word in lexicon.fillers or len(word) < 5 or not word.isascii():
        return (word,)
    best: list[tuple[int, tuple[str, ...]] | None] = [None] * (len(word) + 1)
    best[0] = (0, ())
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 20), end):
            before = best[start]
            piece = word[start:end]
            if before is None:
                continue
            if piece in lexicon.parts:
                option = (before[0] + 2, (*before[1], piece))
            elif piece in {"s", "n", "e", "en", "es"} and before[1] and end < len(word):
                option = (before[0] + 1, before[1])
            else:
                continue
            here = best[end]
            best[end] = option if here is None or option[0] < here[0] else here
    whole = best[-1]
    return whole[1] if whole is not None else (word,)


@functools.lru_cache(maxsize=65_536)
def _look_up(word: str) -> tuple[frozenset[str], float, bool]:
    """What a word can stand for, how sure that is, and whether it is known."""
    lexicon = load()
    for form in (word, word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word):
        found = lexicon.meanings.get(form)
        if found:
            return found, 1.0, True
    guess = _guess(word, lexicon)
    if guess is not None:
        return lexicon.meanings[guess], _UNSURE, True
    return frozenset({word.removesuffix("s") if len(word) > 3 else word}), 1.0, False


def _guess(word: str, lexicon: Lexicon) -> str | None:
    """The word that another is short for, or misspells; None if that is not clear."""
    if len(word) < 3 or not word.isascii() or word in lexicon.fillers:
        return None
    if len(word) >= 4:
        begins = {each for each in lexicon.parts if each.startswith(word)}
        if begins and len(frozenset().union(*(lexicon.meanings[each] for each in begins))) == 1:
            return min(begins)
    if not any(vowel in word for vowel in "aeiou"):
        fits = {each for each in lexicon.parts if len(each) > len(word) and _shortens(word, each)}
        if fits and len({lexicon.meanings[each] for each in fits}) == 1:
            return min(fits)
    if len(word) >= 6:
        near = difflib.get_close_matches(word, lexicon.parts, 1, 0.87)
        return near[0] if near and near[0][0] == word[0] else None
    return None


def _shortens(short: str, word: str) -> bool:
    """Whether the consonants of a word begin with a short form of it ("prssr": pressure)."""
    consonants = word[0] + "".join(letter for letter in word[1:] if letter not in "aeiou")
    return consonants.startswith(short)


def _slot(word: str) -> Slot:
    meanings, strength, known = _look_up(word)
    return Slot(word, meanings, strength, known)
