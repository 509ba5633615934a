"""What can go wrong with opening apps, in words that say what to do next."""

from dualspan_runtime.errors import FailedPrecondition, NotFound, PermissionDenied


def no_pages(app_id: str) -> FailedPrecondition:
    """An app without pages."""
    return FailedPrecondition("APP_HAS_NO_PAGES", f"{app_id} has no pages: it only works on data.")


def over(subscription_id: str) -> FailedPrecondition:
    """A subscription that will never run again."""
    words = f"The subscription {subscription_id} was cancelled. Subscribe again to use the app."
    return FailedPrecondition("SUBSCRIPTION_OVER", words)


def nobody_signed_in() -> PermissionDenied:
    """A caller who is no person: nobody would be responsible for what they do in the app."""
    words = "Apps are opened by somebody who is signed in, or with an API token. `dualspan sign-in` first."
    return PermissionDenied("NOT_A_PERSON", words)


def session_unknown() -> FailedPrecondition:
    """A token that does not say in which session it was signed."""
    return FailedPrecondition("SESSION_UNKNOWN", "Your access token names no session. Exchange your token again.")


def ticket_spent() -> NotFound:
    """No such ticket, or no more."""
    words = "This address opens nothing any more: each works once, for a minute. Open the app from the console again."
    return NotFound("TICKET_SPENT", words)
