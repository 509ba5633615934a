"""What the contracts say in words; the stubs leave it out, and so it stands beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor

_OPERATIONS = "google.longrunning.Operations"
# This contract is not ours, and of all services that have operations.
_OF_GOOGLE = {
    _OPERATIONS: "Long-running operations, of whichever service has them.",
    f"{_OPERATIONS}.ListOperations": "The operations of one service, which `filter` names, newest first.",
    f"{_OPERATIONS}.GetOperation": "How an operation stands, and what came of it.",
    f"{_OPERATIONS}.WaitOperation": "Waits until an operation is done, a minute at the most, and tells how it stands.",
    f"{_OPERATIONS}.CancelOperation": "Asks for an operation to stop.",
}


class Comments:
    """The comments of all contracts.

    Args:
        by_name: By full name, their lines as they were written.
    """

    def __init__(self, by_name: Mapping[str, str]) -> None:
        self._by_name = by_name

    @classmethod
    def load(cls) -> Comments:
        """Those that were written with the stubs."""
        text = (resources.files("dualspan") / "comments.json").read_text("utf-8")
        return cls(json.loads(text) | _OF_GOOGLE)

    def of(
        self, what: Descriptor | EnumDescriptor | FieldDescriptor | MethodDescriptor | ServiceDescriptor, *more: str
    ) -> str:
        """The comment of something, or of a part of it, as running text; "" if it has none.

        Args:
            what: A descriptor.
            *more: Names within it, such as an enum's value.
        """
        any_kind: Any = what
        return self._by_name.get(".".join([any_kind.full_name, *more]), "").replace("\n", " ")

    def value(self, enum: EnumDescriptor, name: str) -> str:
        """The comment of a value of an enum."""
        return self.of(enum, name)


def first_sentence(text: str) -> str:
    """A text up to the end of its first sentence."""
    head, dot, _ = text.partition(". ")
    return head + "." if dot else text
