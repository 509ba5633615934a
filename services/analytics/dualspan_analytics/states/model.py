"""Machine states, in the time elements of ISO 22400-2."""

from dataclasses import dataclass
from enum import IntEnum


class Element(IntEnum):
    """What the time in a state counts as (ISO 22400-2, time elements). The numbers of the contract.

    Attributes:
        UNKNOWN: Without good data: neither running nor stopped.
        APT: Actual production time: it produces.
        AUST: Actual unit setup time: it is prepared for an order.
        ADET: Actual unit delay time: it waits, starved or blocked, or stops for a moment.
        ADOT: Actual unit down time: it has failed.
        PDOT: Planned down time: a break, maintenance, no plan.
    """

    UNKNOWN = 0
    APT = 1
    AUST = 2
    ADET = 3
    ADOT = 4
    PDOT = 5


ELEMENTS = len(Element)

# What asset models call them: planned maintenance and what is out of the plan count as planned down time.
_WORDS = {
    "APT": Element.APT,
    "AUST": Element.AUST,
    "ADET": Element.ADET,
    "ADOT": Element.ADOT,
    "PDOT": Element.PDOT,
    "POT": Element.PDOT,
    "PMT": Element.PDOT,
    "APMT": Element.PDOT,
}


def element_of(word: str) -> Element:
    """The time element of a word in an asset model; UNKNOWN if it is none."""
    return _WORDS.get(word, Element.UNKNOWN)


@dataclass(frozen=True, slots=True)
class State:
    """A state of a machine.

    Attributes:
        id: Such as `running`.
        display_name: For people.
        element: What its time counts as.
    """

    id: str
    display_name: str
    element: Element


UNKNOWN_STATE = State("unknown", "No good data", Element.UNKNOWN)
UNKNOWN = 0
"""Its index in every timeline."""


# ISA-TR88.00.02: the number of each state, its name, and what its time counts as. What every batch goes through
# (Completing, Complete, Resetting, Starting) is no failure: it is setup, and Complete waits for whoever takes over, as
# Idle and the suspended states wait for others. Stopping and Stopped are what people asked for. A profile may say
# otherwise.
PACKML: dict[int, State] = {
    number: State(name.lower(), name, element)
    for number, name, element in (
        (1, "Clearing", Element.ADOT),
        (2, "Stopped", Element.PDOT),
        (3, "Starting", Element.AUST),
        (4, "Idle", Element.ADET),
        (5, "Suspended", Element.ADET),
        (6, "Execute", Element.APT),
        (7, "Stopping", Element.PDOT),
        (8, "Aborting", Element.ADOT),
        (9, "Aborted", Element.ADOT),
        (10, "Holding", Element.ADOT),
        (11, "Held", Element.ADOT),
        (12, "Unholding", Element.ADOT),
        (13, "Suspending", Element.ADET),
        (14, "Unsuspending", Element.ADET),
        (15, "Resetting", Element.AUST),
        (16, "Completing", Element.AUST),
        (17, "Complete", Element.ADET),
    )
}


PACKML_WAYS_OUT = ("clearing", "resetting", "starting")
"""Through these a machine comes back: right behind a failure they are the end of it, else setup."""


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why a machine stands.

    Attributes:
        code: As the machine or a person gives it.
        display_name: For people.
        element: What a stop for this reason counts as, whatever the state says; UNKNOWN leaves it to the state.
    """

    code: str
    display_name: str
    element: Element = Element.UNKNOWN


@dataclass(frozen=True, slots=True)
class StopNote:
    """A reason that a person gave for a span.

    Attributes:
        start_us: From here on, included.
        end_us: Up to here, not included.
        code: Of a stop reason.
    """

    start_us: int
    end_us: int
    code: str
