"""What can go wrong around writes, in words that say what to do next."""

from dualspan_runtime.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied


def guard_unknown(name: object) -> NotFound:
    """Nothing is guarded under this name, so nothing can be written."""
    return NotFound("WRITE_GUARD_NOT_FOUND", f"There is no {name}. Nothing can be written without a guard.")


def guard_target_fixed(name: object) -> FailedPrecondition:
    """A guard stays with what it guards."""
    return FailedPrecondition("GUARD_TARGET_FIXED", f"{name} guards something else. Delete it, or make another guard.")


def guard_target_taken() -> AlreadyExists:
    """Two guards of one target would be as weak as the weaker one."""
    return AlreadyExists("GUARD_EXISTS", "Another guard has this target already. Change that one.")


def guard_disabled(name: object) -> FailedPrecondition:
    """Off is where every guard begins."""
    return FailedPrecondition("WRITE_GUARD_DISABLED", f"{name} is not enabled: nothing can be written through it.")


def mode_elsewhere(tag: object) -> FailedPrecondition:
    """The gateway could not read the machine's mode."""
    return FailedPrecondition("MODE_ELSEWHERE", f"{tag} is not of the same gateway, which has to read it.")


def value_refused(message: str) -> FailedPrecondition:
    """A guard does not let the value through."""
    return FailedPrecondition("VALUE_REFUSED", f"{message} Nothing was written.")


def write_unknown(name: object) -> NotFound:
    """No such command in the tenant."""
    return NotFound("WRITE_COMMAND_NOT_FOUND", f"There is no {name}. List the write commands to see which there are.")


def write_decided(name: object, state: str) -> FailedPrecondition:
    """It is too late for that."""
    return FailedPrecondition("WRITE_NOT_PENDING", f"{name} does not wait for anybody: it is {state}.", state=state)


def write_expired(name: object) -> FailedPrecondition:
    """Its time is over."""
    return FailedPrecondition("WRITE_EXPIRED", f"The time of {name} is over. Ask again if it is still wanted.")


def second_person_missing(name: object) -> PermissionDenied:
    """Four eyes: never the two of one person, nor those of a program."""
    return PermissionDenied(
        "SECOND_PERSON_MISSING", f"{name} has to be decided by another person than the one who asked, signed in."
    )


def request_by_program() -> PermissionDenied:
    """A token has an owner, who could approve what their own token asked for."""
    return PermissionDenied(
        "WRITES_NEED_A_PERSON", "What needs a second person's approval is asked for by a person, not with an API token."
    )


def request_reused() -> AlreadyExists:
    """One request id, two commands."""
    return AlreadyExists("REQUEST_ID_REUSED", "This request_id was used for another command. Use a new one.")
