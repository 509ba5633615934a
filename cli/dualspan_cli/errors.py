"""What can go wrong on one machine, said so that a person knows what to do."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot go on. The message says why and what to do next.

    Attributes:
        reason: A stable word for `--json`.
        exit_code: What the command exits with.
    """

    def __init__(self, reason: str, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = exit_code


class DataFolderInUseError(CommandError):
    """Another process runs on the same data folder."""

    def __init__(self, folder: object, holder: str) -> None:
        super().__init__(
            "DATA_FOLDER_IN_USE",
            f"{folder} is in use by {holder}. Stop that one first, or choose another folder with --data.",
            exit_code=3,
        )


class EmbeddedServerError(CommandError):
    """An embedded PostgreSQL or Redis does not start."""

    def __init__(self, server: str, detail: str) -> None:
        super().__init__("EMBEDDED_SERVER_FAILED", f"{server} does not start: {detail}", exit_code=4)
