"""Use case of the worker: versions that are submitted run in the sandbox, once, on a plant of their own."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from dualspan_manifest import Manifest, check_configuration, parse
from dualspan_marketplace.app_tokens import AppTokens
from dualspan_marketplace.bindings.model import GrantedTag
from dualspan_marketplace.catalogue.checks import Check, Submission
from dualspan_marketplace.catalogue.model import CheckResult, Outcome
from dualspan_marketplace.deployments.provisioner import Guarding, Listening, Provisioner, UnreachableError
from dualspan_marketplace.samples import Samples
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.store import app_runtime, deployments, subscriptions
from dualspan_marketplace.store import trials as store
from dualspan_marketplace.store.deployments import Deployment
from dualspan_marketplace.subscriptions import life as lives
from dualspan_marketplace.subscriptions.life import Clock, Life, State, take
from dualspan_marketplace.subscriptions.model import Subscription, Terms
from dualspan_marketplace.trials import plants
from dualspan_marketplace.trials.model import (
    Bounds,
    Clear,
    Conclude,
    Mark,
    Phase,
    Plant,
    Seen,
    Settled,
    Step,
    Stop,
    Wait,
    next_step,
    own_words,
    tried_words,
)
from dualspan_marketplace.trials.record import Trial
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import Unavailable
from dualspan_runtime.tasks import Jobs

TRIAL = "trial"
TRIALS = "marketplace.trials"
_CHECK = "marketplace.check_submission"
_WRITING = ("outputs.write",)
_AT_ONCE = 100
_MOST_STEPS = 8
# What was seen well so long ago may be well no more.
_FRESH = timedelta(seconds=30)
_SCALE = 1 << 20
_WRITES = 20
_WRITE_PAUSE_SECONDS = 0.1
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class _View:
    """A trial, its subscription, what is known of what runs, and the step that follows."""

    trial: Trial
    subscription: Subscription | None
    known: Deployment | None
    step: Step


class Trying:
    """Takes the steps of trials. Whoever deploys runs them, as it runs any subscription.

    Args:
        database: Where trials are.
        jobs: Tells the worker; what it is not told, it finds.
        samples: Of the plants that are made.
        tokens: Signs access tokens.
        provisioners: Those that could run an app.
        bounds: How long a trial may take.
    """

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        samples: Samples,
        tokens: AppTokens,
        provisioners: Sequence[Provisioner],
        bounds: Bounds,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._samples = samples
        self._tokens = tokens
        self._provisioners = {each.kind: each for each in provisioners}
        self._bounds = bounds

    def check(self) -> Check:
        """The check of a submission that a trial is; it goes on until the trial has come to something."""
        return Check(TRIAL, self._run, after_the_others=True)

    async def _run(self, submission: Submission, manifest: Manifest) -> CheckResult:
        why_not = self._refusal(manifest, submission.name.tenant)
        if why_not:
            return CheckResult(TRIAL, Outcome.SKIPPED, (f"Not run, because: {why_not}",))
        async with self._database.transaction(submission.name.tenant) as connection:
            found = await store.enter(
                connection, submission.name, submission.operation, f"trial-{secrets.token_hex(8)}", manifest.source
            )
        if found is None or found.outcome is None:
            await self._jobs.request(TRIALS)
            return CheckResult(TRIAL, None)
        return CheckResult(TRIAL, found.outcome, found.findings)

    def _refusal(self, manifest: Manifest, publisher: str) -> str:
        """Why nothing can run a version here; "" if something can."""
        _, problems = check_configuration(manifest.configuration, plants.settings_of(manifest.configuration))
        if problems:
            return f"its settings have no defaults, and none could be made up: {problems[0]}"
        refusals = [each.refuses(manifest, publisher) for each in self._provisioners.values()]
        if not all(refusals):
            return ""
        return " ".join(refusals) or "nothing that runs apps is set up."

    async def sweep(self) -> None:
        """Take whatever steps can be taken now."""
        async with self._database.platform_transaction() as connection:
            found = await store.open_ones(connection, _AT_ONCE)
        for each in found:
            with on_its_own("a trial", each.name):
                await self.follow(each)

    async def follow(self, trial: Trial) -> None:
        """Take steps of one trial until it has to wait, or is settled."""
        for _ in range(_MOST_STEPS):
            step = await self.turn(trial)
            if step is None or isinstance(step, Wait | Settled):
                return

    async def turn(self, trial: Trial) -> Step | None:
        """Take one step; None if another worker is at it.

        Raises:
            Unavailable, AioRpcError: A service that is asked does not answer.
        """
        async with self._database.transaction(trial.version.tenant) as connection:
            # Held to the end of the step: two workers do not plant, or clear, the same at once.
            held = await store.hold(connection, trial)
            if held is None:
                return None
            view = await self._view(held)
            changed = await self._act(view)
            if changed != held:
                await store.update(connection, changed)
        await self._tell(view)
        return view.step

    async def _view(self, trial: Trial) -> _View:
        async with self._database.transaction(plants.TENANT, readonly=True) as connection:
            subscription = await subscriptions.find(connection, trial.name)
            known = await deployments.find(connection, trial.name)
        now = datetime.now(UTC)
        seen = Seen(
            phase=trial.phase,
            state=subscription.life.state if subscription else None,
            seconds=(now - trial.create_time).total_seconds(),
            well=(now - trial.well_time).total_seconds() if trial.well_time else None,
            answers=known is not None and known.well_time is not None and now - known.well_time < _FRESH,
            trouble=_trouble(trial, subscription, known),
        )
        return _View(trial, subscription, known, next_step(seen, self._bounds))

    async def _act(self, view: _View) -> Trial:
        """Take the step; the trial after it."""
        trial = view.trial
        match view.step:
            case Plant():
                await self._plant(trial, view.subscription)
                return replace(trial, phase=Phase.RUNNING)
            case Mark():
                return replace(trial, well_time=datetime.now(UTC))
            case Conclude(outcome, words):
                findings = (words, *await self._findings(view))
                await self._stop(trial)
                return replace(trial, phase=Phase.ENDING, outcome=outcome, findings=findings)
            case Stop():
                await self._stop(trial)
                return trial
            case Clear():
                await self._samples.forget(trial.name)
                async with self._database.transaction(plants.TENANT) as connection:
                    await store.remove(connection, trial.name)
                return replace(trial, phase=Phase.DONE)
            case _:
                return trial

    async def _plant(self, trial: Trial, there: Subscription | None) -> None:
        """Make the plant, start the version on it, and give it data; safe to repeat."""
        manifest = parse(trial.manifest)
        granted, outputs = plants.tags_of(manifest, trial.number)
        kinds = {each.tag_id: plants.kind_of(each.kind) for each in granted}
        kinds |= {each.tag_id: plants.kind_of(each.output.kind) for each in outputs}
        await self._samples.register(trial.name, kinds)
        if there is None:
            new = _subscription(trial, manifest)
            async with self._database.transaction(plants.TENANT) as connection:
                await subscriptions.insert(connection, new)
                await subscriptions.grant(connection, trial.name, granted)
                await app_runtime.put_outputs(connection, trial.name, outputs)
                await self._move(connection, new, lives.Step.ACCEPT)
        if there is None or there.scopes == _WRITING:
            await self._fill(trial, granted)
        async with self._database.transaction(plants.TENANT) as connection:
            # From here on exactly what its manifest asks for.
            await app_runtime.set_scopes(connection, trial.name, manifest.scopes)

    async def _fill(self, trial: Trial, granted: Sequence[GrantedTag]) -> None:
        token = await self._tokens.sign(trial.name, 0)
        frame = plants.history(granted, time.time_ns() // 1000)
        for attempt in range(1, _WRITES + 1):
            try:
                await self._samples.write(token.secret, frame)
            except Unavailable:
                # The historian hears of a grant a moment after it was made.
                if attempt == _WRITES:
                    raise
                await asyncio.sleep(_WRITE_PAUSE_SECONDS)
            else:
                return

    async def _stop(self, trial: Trial) -> None:
        async with self._database.transaction(plants.TENANT) as connection:
            found = await subscriptions.find(connection, trial.name, lock=True)
            if found is not None:
                await self._move(connection, found, lives.Step.CANCEL)

    @staticmethod
    async def _move(connection: Connection, found: Subscription, step: lives.Step) -> None:
        life = take(found.life, step, datetime.now(UTC), Clock(hand_back=timedelta(0)))
        if life is not None:
            await subscriptions.update(connection, replace(found, life=life))

    async def _findings(self, view: _View) -> list[str]:
        """What a reviewer should know of how it ran."""
        known = view.known
        if known is None or not known.provisioner:
            return []
        resources = parse(view.trial.manifest).resources
        limits = f"{resources.memory // _SCALE} MiB, {resources.cpu} thousandths of a core, {resources.pids} processes"
        found = [f"Run by {known.provisioner}, with at the most {limits}."]
        there = view.subscription
        if there and there.health_time:
            found.append(own_words(there.health_problem, there.health_time, view.trial.well_time))
        found += await self._refused(view.trial, known.provisioner)
        words = await self._last_words(view.trial, known.provisioner)
        return [*found, f"Its last words: {words}"] if words else found

    async def _refused(self, trial: Trial, kind: str) -> list[str]:
        provisioner = self._provisioners.get(kind)
        try:
            return tried_words(await provisioner.refused(trial.name)) if isinstance(provisioner, Guarding) else []
        except UnreachableError as err:
            _log.warning("refusals not seen", trial=trial.trial_id, error=str(err))
            return []

    async def _last_words(self, trial: Trial, kind: str) -> str:
        provisioner = self._provisioners.get(kind)
        try:
            return (await provisioner.last_words(trial.name)).strip() if isinstance(provisioner, Listening) else ""
        except UnreachableError as err:
            _log.warning("last words not heard", trial=trial.trial_id, error=str(err))
            return ""

    async def _tell(self, view: _View) -> None:
        """Whoever runs apps, and whoever checks, hears of what changed; what they do not hear, they find."""
        name, version = view.trial.name, view.trial.version
        if isinstance(view.step, Plant | Conclude | Stop):
            await self._jobs.request("marketplace.deploy", name.tenant, name.subscription_id)
        if isinstance(view.step, Conclude):
            await self._jobs.request(_CHECK, version.tenant, version.app_id, version.version)


def _trouble(trial: Trial, subscription: Subscription | None, known: Deployment | None) -> str:
    if subscription is not None and subscription.life.state is State.FAILED:
        return subscription.life.reason
    words = f"Its last words: {known.words}" if known and known.words else ""
    if trial.well_time is None:
        return words
    again = known is not None and known.start_time is not None and known.start_time > trial.well_time
    return f"It ended and had to be started again. {words}".strip() if again else ""


def _subscription(trial: Trial, manifest: Manifest) -> Subscription:
    """Of nobody's: it is neither counted nor paid for, and no person sees it."""
    values, _ = check_configuration(manifest.configuration, plants.settings_of(manifest.configuration))
    return Subscription(
        name=trial.name,
        publisher=trial.version.tenant,
        app_id=trial.version.app_id,
        version=trial.version.version,
        manifest=trial.manifest,
        # While its plant is filled.
        scopes=_WRITING,
        terms=Terms(plan_id=TRIAL, max_assets=0, is_paid=False, trial_days=0),
        configuration=values,
        roles=plants.roles_of(manifest),
        life=Life(),
        revision=1,
        request_id="",
        request_digest=b"",
        create_time=trial.create_time,
        canary_of=TRIAL,
    )
