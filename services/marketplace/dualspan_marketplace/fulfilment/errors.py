"""What can go wrong with a payment side, in words that say what to do next."""

from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, Unauthenticated


def not_signed() -> Unauthenticated:
    """Nobody knows who asks."""
    words = "The signature is not that of this platform's payment side. Nothing was done. Sign with the secret of both."
    return Unauthenticated("SIGNATURE_INVALID", words)


def stale(seconds: int) -> Unauthenticated:
    """Somebody may have kept it."""
    words = f"It was signed {seconds} s ago by this clock. Nothing was done. Sign anew, under the same operation_id."
    return Unauthenticated("SIGNATURE_STALE", words, seconds=str(seconds))


def id_reused(operation_id: str) -> InvalidArgument:
    """Another operation under the same id."""
    words = f"Another operation was asked for as {operation_id[:64]!r}. Choose a new id for each."
    return InvalidArgument("OPERATION_ID_REUSED", words, field="operation_id")


def not_unpaid(cause: str) -> FailedPrecondition:
    """It is stopped for something else than a bill."""
    words = f"The subscription is suspended for another cause ({cause}). Paying does not start it again."
    return FailedPrecondition("NOT_SUSPENDED_UNPAID", words, cause=cause)


def too_few(quantity: int, bound: int) -> FailedPrecondition:
    """More assets are bound."""
    words = f"{bound} assets are bound, {quantity} would be allowed. The enterprise accepts a binding of fewer first."
    return FailedPrecondition("QUANTITY_TOO_SMALL", words)
