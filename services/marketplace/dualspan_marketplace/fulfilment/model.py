"""Operations of a payment side, in the terms of Azure's SaaS fulfilment: frozen dataclasses and what is signed."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.subscriptions.model import SubscriptionName


class Action(Enum):
    """What is asked."""

    CHANGE_PLAN = "change-plan"
    CHANGE_QUANTITY = "change-quantity"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as it is asked for.

    Attributes:
        name: Of the subscription.
        operation_id: The same one for all attempts.
        plan_id: To change to; "" otherwise.
        quantity: Assets at the most, to change to; 0 otherwise.
    """

    name: SubscriptionName
    operation_id: str
    action: Action
    plan_id: str = ""
    quantity: int = 0

    @property
    def content(self) -> bytes:
        """What is signed beside the time and the id."""
        name = SUBSCRIPTION.format(tenant=self.name.tenant, subscription=self.name.subscription_id)
        return "\n".join((self.action.value, name, self.plan_id, str(self.quantity))).encode()

    @property
    def digest(self) -> bytes:
        """Of all that is asked."""
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an operation, once and for all.

    Attributes:
        reason: Why nothing was done, a stable word; "" if it was.
        message: The same in words.
        state: Of the subscription after it.
    """

    operation_id: str
    action: Action
    digest: bytes
    reason: str
    message: str
    state: State
    receive_time: datetime

    @property
    def succeeded(self) -> bool:
        """Whether it was done."""
        return not self.reason
