"""What can be wrong with a certificate."""

import datetime as dt
from dataclasses import dataclass
from enum import Enum

from cryptography import x509


class Check(Enum):
    """The steps of Part 4, 6.1.3; the value says whether a person's approval of the certificate itself outweighs it."""

    STRUCTURE = ("structure", False)
    KEY = ("key", False)
    REVOKED = ("revoked", False)
    TRUST = ("trust", True)
    CHAIN = ("chain", True)
    ISSUER = ("issuer", True)
    VALIDITY = ("validity", True)
    HOST = ("host", True)
    APPLICATION_URI = ("application URI", True)
    USAGE = ("usage", True)
    REVOCATION = ("revocation", True)

    @property
    def outweighed(self) -> bool:
        """Whether it no longer matters once a person has approved the certificate."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in words that say what to do."""

    check: Check
    words: str


class ChainError(Exception):
    """A chain that cannot be used; carries its problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.words)
        self.problem = problem


def shown(name: x509.Name) -> str:
    """A name as a person reads it, cut where a hostile one would flood the log."""
    text = name.rfc4514_string()
    return text if len(text) <= 120 else text[:119] + "…"


def day(moment: dt.datetime) -> str:
    """A date as a person reads it."""
    return f"{moment:%Y-%m-%d}"
