"""What can go wrong with usage and statements, in words that say what to do next."""

from dualspan_runtime.errors import AlreadyExists, InvalidArgument, NotFound


def invalid(field: str, words: str) -> InvalidArgument:
    """A field of a request that makes no sense."""
    return InvalidArgument("INVALID_FIELD", words, field=field)


def statement_not_found(number: str) -> NotFound:
    """No such statement."""
    words = f"There is no closed statement {number[:20]}. `dualspan statements list` names them."
    return NotFound("STATEMENT_NOT_FOUND", words)


def adjustment_taken(adjustment_id: str) -> AlreadyExists:
    """An adjustment of this id that says something else."""
    words = f"There is another adjustment {adjustment_id}. What was agreed never changes: make one of another id."
    return AlreadyExists("ADJUSTMENT_TAKEN", words)
