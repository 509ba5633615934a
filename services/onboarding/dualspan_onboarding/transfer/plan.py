"""What an import would do: entries beside what is there, and the difference."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dualspan_onboarding.browsed import BrowsedNode
from dualspan_onboarding.model import NewTag, Tag
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.rules import browsed_sampling_us
from dualspan_onboarding.sampling import Address
from dualspan_onboarding.sampling_rules import check_address, check_fits
from dualspan_onboarding.transfer.columns import FACTS, SETTINGS, TagSettings, settings_of
from dualspan_onboarding.transfer.entries import Entry, Mode, Place, Problem, Refused, Remark, Value, shown
from dualspan_onboarding.transfer.nodes import Known, Waits, node_for, node_of
from dualspan_onboarding.transfer.targets import NewServer, Targets
from dualspan_runtime.errors import DomainError


@dataclass(frozen=True, slots=True)
class Update:
    """A tag that is there and becomes another."""

    tag: Tag
    settings: TagSettings
    place: Place


@dataclass(frozen=True, slots=True)
class Creation:
    """A tag that comes."""

    server: ServerName
    tag: NewTag
    settings: TagSettings
    place: Place


@dataclass(frozen=True, slots=True)
class Waiting:
    """A variable that becomes a tag when its server has been browsed."""

    server: ServerName
    entry: Entry


@dataclass(frozen=True, slots=True)
class Changed:
    """One value that differs; `before` is empty for what is new."""

    column: str
    before: str
    after: str


@dataclass(slots=True)
class Plan:
    """All that an import would do. It is done only if there are no problems."""

    servers: list[NewServer] = field(default_factory=list[NewServer])
    creations: list[Creation] = field(default_factory=list[Creation])
    updates: list[Update] = field(default_factory=list[Update])
    deletions: list[Tag] = field(default_factory=list[Tag])
    waiting: list[Waiting] = field(default_factory=list[Waiting])
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])
    remarks: list[Remark] = field(default_factory=list[Remark])

    @property
    def difference(self) -> str:
        """SHA-256 over all that would change, hex: the same difference has the same."""
        digest = hashlib.sha256()
        for line in _lines(self):
            digest.update(line.encode("utf-8", "replace") + b"\n")
        return digest.hexdigest()


def _lines(plan: Plan) -> Iterable[str]:
    yield from (f"server {s.name} {s.settings!r}" for s in plan.servers)
    yield from (f"create {c.server} {c.tag.node.node_id} {c.tag.address!r} {c.settings!r}" for c in plan.creations)
    yield from (f"update {u.tag.name} {changes(settings_of(u.tag), u.settings)!r}" for u in plan.updates)
    yield from (f"delete {t.name}" for t in plan.deletions)
    yield from (f"wait {w.server} {w.entry.node!r} {w.entry.address!r} {w.entry.settings!r}" for w in plan.waiting)


def changes(before: TagSettings | None, after: TagSettings) -> list[Changed]:
    """Field by field, what differs; of what is new, what is not empty."""
    found: list[Changed] = []
    for column in SETTINGS:
        new = column.show(getattr(after, column.field))
        old = "" if before is None else column.show(getattr(before, column.field))
        if new != old:
            found.append(Changed(column.name, old, new))
    return found


class Planner:
    """Compares the entries of a file with what is there.

    Args:
        mode: What to do with it.
        defaults: By field: what the file's format means for a new tag of which an entry is silent.
        known: What is known of each server.
    """

    def __init__(self, mode: Mode, defaults: Mapping[str, Value], known: Mapping[ServerName, Known]) -> None:
        self._mode = mode
        self._defaults = defaults
        self._known = known
        self._plan = Plan()
        self._seen: dict[tuple[ServerName, str, Address], Entry] = {}

    def plan(self, targets: Targets) -> Plan:
        """What would happen."""
        plan = self._plan
        plan.servers = list(targets.new)
        plan.problems += targets.problems
        plan.remarks += targets.remarks
        for server, entry in targets.entries:
            try:
                self._entry(server, entry)
            except Refused as refused:
                plan.problems.append(refused.at(entry.place))
            except DomainError as wrong:
                place = entry.place.of(_column_of(wrong.metadata.get("field", "")))
                remedy = "Correct it, or leave it out."
                plan.problems.append(Problem(place, wrong.reason, wrong.message, remedy))
        if self._mode is Mode.REPLACE:
            self._delete_others({server for server, _ in targets.entries})
        return plan

    def _entry(self, server: ServerName, entry: Entry) -> None:
        known = self._known[server]
        address = check_address(entry.address)
        try:
            node = node_for(entry, known)
        except Waits:
            self._wait(server, entry)
            return
        if self._repeated(server, node.node_id, entry):
            return
        tag = known.tags.get((node.node_id, address))
        if tag is not None:
            self._existing(tag, entry)
        elif self._mode is Mode.UPDATE:
            words = f"{shown(node.node_id)} is not a tag of {server.server}."
            raise Refused("TAG_UNKNOWN", words, "UPDATE makes no tags: use MERGE, or take the entry out.")
        else:
            self._create(server, node, entry)

    def _repeated(self, server: ServerName, node_id: str, entry: Entry) -> bool:
        """Whether an earlier entry is about the same; raises Refused if it says something else."""
        first = self._seen.setdefault((server, node_id, entry.address), entry)
        if first is entry:
            return False
        where = f"{first.place.entry or 'row'} in line {first.place.line}"
        if first.settings != entry.settings:
            words = f"{shown(node_id)} stands in {where} already, with other settings."
            raise Refused("ENTRY_REPEATED", words, "Take one of them out: a node becomes one tag.")
        words = f"The entry is passed over: {where} says the same."
        self._plan.remarks.append(Remark(entry.place, shown(node_id), words))
        return True

    def _wait(self, server: ServerName, entry: Entry) -> None:
        if self._mode is Mode.UPDATE:
            words = f"{server.server} has not been browsed: nothing of it is known."
            raise Refused("SERVER_NOT_BROWSED", words, "Browse it first, or use MERGE.")
        if not self._repeated(server, entry.node.text, entry):
            settings = {**self._defaults, **entry.settings}
            self._plan.waiting.append(Waiting(server, replace(entry, settings=settings)))

    def _existing(self, tag: Tag, entry: Entry) -> None:
        if self._mode is Mode.CREATE:
            words = f"{shown(tag.node_id)} is a tag already."
            raise Refused("TAG_EXISTS", words, "CREATE changes nothing: use MERGE, or take the entry out.")
        before = settings_of(tag)
        base = self._default(tag) if self._mode is Mode.REPLACE else before
        after = replace(base, **entry.settings)  # pyright: ignore[reportArgumentType] - by field, of its type
        check_fits(after.acquisition, tag.address, tag.kind)
        self._compare_facts(tag, entry)
        if after == before:
            self._plan.unchanged += 1
        else:
            self._plan.updates.append(Update(tag, after, entry.place))

    def _compare_facts(self, tag: Tag, entry: Entry) -> None:
        """Says where a file has something else of a variable than its server; the server's word counts."""
        kind = entry.facts.get("kind", tag.kind)
        if kind != tag.kind:
            words = f"{shown(tag.node_id)} has another kind: that is the server's to say."
            raise Refused("KIND_DIFFERS", words, "Leave kind empty, or delete the tag and browse the server again.")
        for column in FACTS:
            said = entry.facts.get(column.field)
            here = getattr(tag, column.field)
            if said is not None and said != here:
                words = f"{column.name} stays {shown(str(here))!r}: it is what the server says."
                self._plan.remarks.append(Remark(entry.place.of(column.name), shown(str(said)), words))

    def _create(self, server: ServerName, node: BrowsedNode, entry: Entry) -> None:
        settings = replace(self._fresh(node), **entry.settings)  # pyright: ignore[reportArgumentType] - by field, of its type
        check_fits(settings.acquisition, entry.address, node.kind)
        tag = NewTag(
            node=node,
            display_name=settings.display_name,
            sampling_interval_us=settings.sampling_interval_us,
            publishing_interval_us=settings.publishing_interval_us,
            queue_size=settings.queue_size,
            address=entry.address,
            acquisition=settings.acquisition,
        )
        self._plan.creations.append(Creation(server, tag, settings, entry.place))

    def _fresh(self, node: BrowsedNode) -> TagSettings:
        """The settings of a tag of which nobody says anything."""
        settings = TagSettings(sampling_interval_us=browsed_sampling_us(node))
        return replace(settings, **self._defaults)  # pyright: ignore[reportArgumentType] - by field, of its type

    def _default(self, tag: Tag) -> TagSettings:
        """The same for a tag that is there."""
        return self._fresh(self._known[tag.server].nodes.get(tag.node_id) or node_of(tag))

    def _delete_others(self, servers: Iterable[ServerName]) -> None:
        for server in sorted(servers, key=str):
            tags = self._known[server].tags
            gone = [tag for (node_id, address), tag in tags.items() if (server, node_id, address) not in self._seen]
            self._plan.deletions += sorted(gone, key=lambda tag: tag.name.tag_id)


def _column_of(path: str) -> str:
    """The column that a field of the contract is in."""
    last = path.rpartition(".")[2]
    return {"heartbeat_interval": "heartbeat_interval_ms"}.get(last, last)


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Problems in the order of the file."""
    return sorted(problems, key=lambda problem: (problem.place.line, problem.place.entry, problem.place.field))
