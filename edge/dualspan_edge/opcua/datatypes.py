"""Which kind the samples of a variable have, from its data type."""

from dualspan_frame import ValueKind

# Built-in types (Part 6, 5.1.2) and the abstract numbers of Part 3, 8; Enumeration (29) is sent as Int32.
_BASE_DATA_TYPE, _NUMBER, _INTEGER, _UINTEGER, _ENUMERATION = 24, 26, 27, 28, 29
TYPE_ROOTS = frozenset([*range(1, 26), _NUMBER, _INTEGER, _UINTEGER, _ENUMERATION])
"""Where the data types of all variables end, going from subtype to supertype."""
ABSTRACT_TYPES = frozenset({_BASE_DATA_TYPE, _NUMBER, _INTEGER, _UINTEGER})
SCALAR = -1
ANY_RANKS = frozenset({-2, -3})
"""ValueRanks (Part 3, 5.6.2)."""


def kind_of(root: int, *, scalar: bool) -> ValueKind:
    """The kind of samples of a built-in or abstract type."""
    if not scalar:
        return ValueKind.BYTES
    match root:
        case 1:
            return ValueKind.BOOL
        case 10 | 11 | 26:
            return ValueKind.FLOAT64
        case 12 | 14 | 21:
            return ValueKind.TEXT
        case 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 13 | 27 | 28 | 29:
            return ValueKind.INT64
        case _:
            return ValueKind.BYTES
