"""A payment side: what it asks for is done once, however often it is asked, and it is told until it has taken it."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from dualspan.marketplace.v1 import fulfilment_pb2 as contract
from dualspan.marketplace.v1 import subscriptions_pb2 as subscriptions
from dualspan.marketplace.v1.fulfilment_pb2_grpc import FulfilmentServiceStub
from dualspan_marketplace.fulfilment.model import Action, Operation
from dualspan_marketplace.service.telling import Telling, look_up
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.channels import open_channel
from dualspan_runtime.webhooks import Caller, age_of, signature
from harness.marketplace import FULFILMENT_SECRET
from harness.subscribing import World, creation, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
ACTIONS = {
    "change-plan": contract.FULFILMENT_ACTION_CHANGE_PLAN,
    "change-quantity": contract.FULFILMENT_ACTION_CHANGE_QUANTITY,
    "suspend": contract.FULFILMENT_ACTION_SUSPEND,
    "reinstate": contract.FULFILMENT_ACTION_REINSTATE,
    "unsubscribe": contract.FULFILMENT_ACTION_UNSUBSCRIBE,
}
ACTIVE = subscriptions.SUBSCRIPTION_STATE_ACTIVE
SUSPENDED = subscriptions.SUBSCRIPTION_STATE_SUSPENDED


@dataclass
class Payer:
    """A payment side, and a subscription that runs."""

    world: World
    tenant: str
    stub: Any

    @property
    def name(self) -> str:
        return f"tenants/{self.tenant}/subscriptions/oee"

    def signed(
        self, action: str, operation_id: str = "", *, plan: str = "", quantity: int = 0, age: int = 0, secret: str = ""
    ) -> contract.FulfilOperationRequest:
        operation_id = operation_id or str(uuid.uuid4())
        asked = Operation(SubscriptionName(self.tenant, "oee"), operation_id, Action(action), plan, quantity)
        return contract.FulfilOperationRequest(
            name=self.name,
            operation_id=operation_id,
            action=ACTIONS[action],
            plan=plan,
            quantity=quantity,
            signature=signature(secret or FULFILMENT_SECRET, operation_id, asked.content, int(time.time()) - age),
        )

    async def ask(self, action: str, operation_id: str = "", **more: Any) -> contract.FulfilmentOperation:
        return await self.stub.FulfilOperation(self.signed(action, operation_id, **more))

    async def now(self) -> subscriptions.Subscription:
        stub = await self.world.stub(self.tenant)
        return await stub.GetSubscription(subscriptions.GetSubscriptionRequest(name=self.name))

    async def operations(self) -> int:
        admin = await asyncpg.connect(self.world.database.admin_url)
        query = "SELECT count(*) FROM marketplace.fulfilment_operation WHERE tenant_id = $1"
        found: int = await admin.fetchval(query, self.tenant)
        await admin.close()
        return found


@asynccontextmanager
async def payer(world: World) -> AsyncGenerator[Payer]:
    """A subscription of two presses that runs, and who pays for it."""
    plant = await world.plant()
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant))
    await stub.AcceptBinding(subscriptions.AcceptBindingRequest(name=made.name, etag=made.etag))
    await world.run(plant.tenant)
    async with open_channel(world.marketplace.address) as channel:
        yield Payer(world, plant.tenant, FulfilmentServiceStub(channel))


async def test_a_bill_that_is_not_paid_stops_the_app_and_paying_starts_it(world: World) -> None:
    async with payer(world) as side:
        suspended = await side.ask("suspend")
        assert (suspended.succeeded, suspended.state) == (True, SUSPENDED)
        now = await side.now()
        assert now.cause == "unpaid"
        assert now.reason.startswith("A bill is not paid.")
        assert now.grace_end_time.seconds > time.time()
        stub = await world.stub(side.tenant)
        resumption = stub.ResumeSubscription(subscriptions.ResumeSubscriptionRequest(name=side.name))
        assert await refused(resumption) == "BILL_UNPAID"
        assert (await side.now()).state == SUSPENDED
        again = await side.ask("reinstate")
        assert (again.succeeded, again.state) == (True, subscriptions.SUBSCRIPTION_STATE_PROVISIONING)
        ended = await side.ask("unsubscribe")
        assert ended.state == subscriptions.SUBSCRIPTION_STATE_CANCELLING


async def test_who_suspends_first_does_not_escape_the_bill(world: World) -> None:
    async with payer(world) as side:
        stub = await world.stub(side.tenant)
        await stub.SuspendSubscription(subscriptions.SuspendSubscriptionRequest(name=side.name))
        assert (await side.ask("suspend")).succeeded
        now = await side.now()
        assert (now.cause, now.grace_end_time.seconds > time.time()) == ("unpaid", True)
        resumption = subscriptions.ResumeSubscriptionRequest(name=side.name)
        assert await refused(stub.ResumeSubscription(resumption)) == "BILL_UNPAID"
        paid = await side.ask("reinstate")
        assert (paid.succeeded, paid.state) == (True, SUSPENDED)
        assert (await side.now()).cause == "asked"
        # What is being started is stopped, too, and ends when its grace does.
        await stub.ResumeSubscription(resumption)
        assert (await side.ask("suspend")).state == SUSPENDED
        admin = await asyncpg.connect(world.database.admin_url)
        told = "SELECT body::jsonb ->> 'cause' FROM marketplace.fulfilment_event WHERE tenant_id = $1 ORDER BY number"
        causes = [row[0] for row in await admin.fetch(told, side.tenant)]
        assert causes[-5:] == ["asked", "unpaid", "asked", "", "unpaid"]
        overdue = "UPDATE marketplace.subscription SET unpaid_end = now() WHERE tenant_id = $1"
        await admin.execute(overdue, side.tenant)
        await admin.close()
        await world.sweep()
        assert (await side.now()).state == subscriptions.SUBSCRIPTION_STATE_CANCELLING


async def test_one_that_is_replayed_has_the_same_answer_and_one_outcome(world: World) -> None:
    async with payer(world) as side:
        asked = side.signed("suspend")
        first = await side.stub.FulfilOperation(asked)
        await side.ask("reinstate")
        before = await side.now()
        assert await side.stub.FulfilOperation(asked) == first
        # Signed anew, as a retry after minutes is.
        assert await side.ask("suspend", asked.operation_id) == first
        assert (await side.now()).etag == before.etag
        assert await side.operations() == 2


async def test_what_was_asked_is_listed_page_by_page(world: World) -> None:
    async with payer(world) as side:
        done = [
            await side.ask(action, f"it-{place}") for place, action in enumerate(("suspend", "suspend", "reinstate"))
        ]
        reader = FulfilmentServiceStub(await world.marketplace.channel(side.tenant, "viewer"))
        request = contract.ListFulfilmentOperationsRequest(parent=side.name, page_size=2)
        first = await reader.ListFulfilmentOperations(request)
        request.page_token = first.next_page_token
        rest = await reader.ListFulfilmentOperations(request)
        assert [*first.fulfilment_operations, *rest.fulfilment_operations] == done[::-1]
        assert rest.next_page_token == ""
        other = contract.ListFulfilmentOperationsRequest(parent=f"tenants/{side.tenant}/subscriptions/none")
        assert await refused(reader.ListFulfilmentOperations(other)) == "SUBSCRIPTION_NOT_FOUND"


async def test_two_at_once_are_one(world: World) -> None:
    async with payer(world) as side:
        before = (await side.now()).generation
        asked = side.signed("change-plan", plan="paid")
        answers = await asyncio.gather(*(side.stub.FulfilOperation(asked) for _ in range(8)))
        assert all(each == answers[0] for each in answers)
        assert answers[0].succeeded
        now = await side.now()
        assert (now.plan, now.generation) == ("paid", before + 1)
        assert await side.operations() == 1


async def test_what_is_stale_or_forged_does_nothing(world: World) -> None:
    async with payer(world) as side:
        before = await side.now()
        for wrong, reason in (
            (side.signed("unsubscribe", age=301), "SIGNATURE_STALE"),
            (side.signed("unsubscribe", age=-301), "SIGNATURE_STALE"),
            (side.signed("unsubscribe", secret="somebody-elses-secret"), "SIGNATURE_INVALID"),
        ):
            assert await refused(side.stub.FulfilOperation(wrong)) == reason
        # Of one that is signed, nothing can be exchanged.
        exchanges: list[Callable[[contract.FulfilOperationRequest], object]] = [
            lambda each: setattr(each, "action", contract.FULFILMENT_ACTION_UNSUBSCRIBE),
            lambda each: setattr(each, "operation_id", "another"),
            lambda each: setattr(each, "name", each.name + "x"),
            lambda each: setattr(each, "signature", ""),
        ]
        for exchange in exchanges:
            asked = side.signed("suspend")
            exchange(asked)
            assert await refused(side.stub.FulfilOperation(asked)) == "SIGNATURE_INVALID"
        assert await side.now() == before
        assert await side.operations() == 0


async def test_another_operation_under_the_same_id_is_refused(world: World) -> None:
    async with payer(world) as side:
        await side.ask("change-plan", "op-1", plan="paid")
        assert await refused(side.stub.FulfilOperation(side.signed("unsubscribe", "op-1"))) == "OPERATION_ID_REUSED"
        assert (await side.now()).plan == "paid"


async def test_what_cannot_be_done_is_answered_so_and_stays_so(world: World) -> None:
    async with payer(world) as side:
        before = await side.now()
        for action, more, reason in (
            ("change-plan", {"plan": "one"}, "BINDING_INCOMPLETE"),
            ("change-plan", {"plan": "trial"}, "TRIAL_WAS_USED"),
            ("change-plan", {"plan": "nowhere"}, "PLAN_NOT_FOUND"),
            ("change-quantity", {"quantity": 1}, "QUANTITY_TOO_SMALL"),
        ):
            answer = await side.ask(action, f"{action}-{reason}", **more)
            assert (answer.succeeded, answer.reason) == (False, reason)
            assert answer.message
            assert await side.ask(action, f"{action}-{reason}", **more) == answer
        assert await side.now() == before
        stub = await world.stub(side.tenant)
        await stub.SuspendSubscription(subscriptions.SuspendSubscriptionRequest(name=side.name))
        assert (await side.ask("reinstate")).reason == "NOT_SUSPENDED_UNPAID"
        assert (await side.ask("change-quantity", quantity=7)).succeeded
        senseless = side.signed("suspend", quantity=3)
        assert await refused(side.stub.FulfilOperation(senseless)) == "INVALID_FIELD"


@dataclass
class Receiver:
    """Takes calls, and fails as often as it is told to."""

    failures: int = 0
    port: int = 0
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        body = await reader.readexactly(int(fields["Content-Length"]))
        delivery, given = fields["DualSpan-Delivery"], fields["DualSpan-Signature"]
        assert age_of(FULFILMENT_SECRET, delivery, body, given, int(time.time())) in range(60)
        self.heard.append((delivery, json.loads(body)))
        status = b"503 No" if len(self.heard) <= self.failures else b"204 Yes"
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
        writer.close()


@asynccontextmanager
async def receiver(failures: int) -> AsyncGenerator[Receiver]:
    found = Receiver(failures)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


async def test_the_payment_side_is_told_until_it_has_taken_it(world: World) -> None:
    async with payer(world) as side, receiver(1) as heard:
        admin = await asyncpg.connect(world.database.admin_url)
        await admin.execute("DELETE FROM marketplace.fulfilment_event WHERE tenant_id <> $1", side.tenant)
        database = world.marketplace.parts.database
        caller = Caller(look_up, setting="X", private_allowed=True, deadline=5.0)
        telling = Telling(database, caller, f"http://127.0.0.1:{heard.port}/hook", FULFILMENT_SECRET, 5.0)
        await telling.sweep()
        told = {body["state"]: (delivery, body["revision"]) for delivery, body in heard.heard}
        assert set(told) == {"pending", "provisioning", "active"}
        refused_one = heard.heard[0][0]
        waiting = await admin.fetch("SELECT event_id FROM marketplace.fulfilment_event WHERE state = 'waiting'")
        assert [str(row["event_id"]) for row in waiting] == [refused_one]
        await admin.execute("UPDATE marketplace.fulfilment_event SET due_time = now()")
        await asyncio.gather(telling.sweep(), telling.sweep())
        assert [delivery for delivery, _ in heard.heard].count(refused_one) == 2
        assert len(heard.heard) == 4
        await side.ask("suspend")
        await telling.sweep()
        assert heard.heard[-1][1]["subscription"] == side.name
        assert (heard.heard[-1][1]["state"], heard.heard[-1][1]["cause"]) == ("suspended", "unpaid")
        await Telling(database, caller, "", "", 5.0).sweep()
        assert await admin.fetchval("SELECT count(*) FROM marketplace.fulfilment_event") == 0
        await admin.close()


async def test_private_addresses_are_not_called(world: World) -> None:
    async with payer(world), receiver(0) as heard:
        database = world.marketplace.parts.database
        caller = Caller(look_up, setting="X", private_allowed=False, deadline=5.0)
        await Telling(database, caller, f"https://127.0.0.1:{heard.port}/hook", FULFILMENT_SECRET, 5.0).sweep()
        assert not heard.heard
        admin = await asyncpg.connect(world.database.admin_url)
        failed = await admin.fetchval("SELECT detail FROM marketplace.fulfilment_event WHERE state = 'failed' LIMIT 1")
        await admin.close()
        assert "no address on the internet" in failed
