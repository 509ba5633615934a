"""What can be wrong with an expression, in words that say what to do next."""

from dualspan_runtime.errors import InvalidArgument, ResourceExhausted


def bad_expression(text: str, column: int, why: str) -> InvalidArgument:
    """It cannot be understood; columns from 1."""
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return InvalidArgument(
        "BAD_EXPRESSION", f"The expression {shown!r} is not valid at column {column}: {why}", column=str(column)
    )


def too_large(why: str) -> InvalidArgument:
    """It is longer, deeper or wider than expressions may be."""
    return InvalidArgument("EXPRESSION_TOO_LARGE", f"The expression is too large: {why}. Split it.")


def too_much_work(steps: int, most: int) -> ResourceExhausted:
    """It would take too long over this much data."""
    return ResourceExhausted(
        "EXPRESSION_TOO_COSTLY",
        f"The expression would take {steps:,} steps over this much data; {most:,} are allowed. "
        "Ask for a shorter time or fewer machines.",
    )
