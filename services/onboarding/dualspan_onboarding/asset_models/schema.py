"""From a document to an asset model: every problem that it has, each with its line and what to do."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from dualspan_onboarding.asset_models import units
from dualspan_onboarding.asset_models.document import DocumentError, Mapping, Place, Scalar, Sequence, Tree, read
from dualspan_onboarding.asset_models.model import (
    AssetModel,
    CompanionLink,
    Kind,
    Kpi,
    LocalName,
    Problem,
    Property,
    Role,
    SamplingDefault,
    State,
)
from dualspan_standards.semver import Version

SCHEMA = "dualspan.asset-model/1"
DOMAINS = ("production", "quality", "maintenance", "energy", "supply-chain")
# ISA-TR88.00.02, 4.3; ISO 22400-2, 6; ISA-95 (IEC 62264-2, equipment states as plants use them).
PACKML_STATES = (
    "Clearing", "Stopped", "Starting", "Idle", "Suspended", "Execute", "Stopping", "Aborting", "Aborted", "Holding",
    "Held", "Unholding", "Suspending", "Unsuspending", "Resetting", "Completing", "Complete",
)  # fmt: skip
ISO22400_TIMES = ("APT", "AUPT", "AUST", "AQT", "ATT", "AUBT", "ADET", "ADOT", "PMT", "POT")
ISA95_STATES = ("producing", "not-producing", "out-of-service")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_SPAN = re.compile(r"([0-9]{1,7})(ms|s|min)", re.ASCII)
_LONGEST_SPAN = 86_400_000_000
_SPAN_UNITS = {"ms": 1000, "s": 1_000_000, "min": 60_000_000}
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_MAX_TEXT = 200
_MAX_PROPERTIES = 500
_MAX_WORDS = 50
Item = TypeVar("Item")


class _Reader:
    """Reads a tree and gathers what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def complain(self, place: Place, reason: str, remedy: str) -> None:
        self.problems.append(place.problem(reason, remedy))

    def mapping(self, tree: Tree, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Mapping | None:
        """The mapping, if it is one; unknown and missing keys are complained of."""
        if not isinstance(tree, Mapping):
            self.complain(tree.place, "A mapping is needed here.", f"Write the keys {', '.join(required)}.")
            return None
        known = (*required, *optional)
        for key, place in tree.keys.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                remedy = f"Did you mean {near[0]!r}?" if near else f"The keys are {', '.join(known)}."
                self.complain(place, f"There is no key {key[:60]!r} here.", remedy)
        for key in required:
            if key not in tree.entries:
                self.complain(tree.place, f"The key {key!r} is missing.", "Add it.")
        return tree

    def text(self, tree: Mapping, key: str, default: str = "") -> str:
        found = tree.entries.get(key)
        if found is None:
            return default
        if not isinstance(found, Scalar) or found.type is type(None) or not found.text.strip():
            self.complain(found.place, f"{key} must be a text.", "Write one, in quotes if it has special characters.")
            return default
        if len(found.text) > _MAX_TEXT or not found.text.isprintable():
            self.complain(found.place, f"{key} must be at most {_MAX_TEXT} printable characters.", "Shorten it.")
            return default
        return found.text.strip()

    def identifier(self, tree: Mapping, key: str) -> str:
        text = self.text(tree, key)
        if text and not _ID.fullmatch(text):
            remedy = "Use 1 to 40 of a-z, 0-9 and '-', such as 'mould-temperature'."
            self.complain(tree.entries[key].place, f"{text[:60]!r} is not an id.", remedy)
            return ""
        return text

    def choice(self, tree: Mapping, key: str, choices: Iterable[str], default: str = "") -> str:
        text = self.text(tree, key, default)
        allowed = list(choices)
        if key in tree.entries and text and text not in allowed:
            near = difflib.get_close_matches(text, allowed, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Choose one of {', '.join(allowed)}."
            self.complain(tree.entries[key].place, f"{key} cannot be {text[:60]!r}.", remedy)
            return default
        return text

    def flag(self, tree: Mapping, key: str) -> bool:
        found = tree.entries.get(key)
        if found is None:
            return False
        if not isinstance(found, Scalar) or found.type is not bool:
            self.complain(found.place, f"{key} must be true or false.", "Write true or false, without quotes.")
            return False
        return found.text.lower() in {"true", "yes", "on"}

    def texts(self, tree: Mapping, key: str, most: int = _MAX_WORDS) -> tuple[str, ...]:
        found = tree.entries.get(key)
        if found is None:
            return ()
        if not isinstance(found, Sequence) or not all(isinstance(item, Scalar) for item in found.items):
            self.complain(found.place, f"{key} must be a list of texts.", "Write [one, two].")
            return ()
        if len(found.items) > most:
            self.complain(found.place, f"{key} has more than {most} items.", "Keep the ones that matter.")
            return ()
        texts = [item.text.strip() for item in found.items if isinstance(item, Scalar)]
        if not all(0 < len(text) <= _MAX_TEXT and text.isprintable() for text in texts):
            self.complain(found.place, f"An item of {key} is empty or too long.", f"At most {_MAX_TEXT} characters.")
            return ()
        return tuple(texts)

    def items(self, tree: Mapping, key: str, one: Callable[[Tree], Item | None]) -> tuple[Item, ...]:
        found = tree.entries.get(key)
        if found is None:
            return ()
        if not isinstance(found, Sequence):
            self.complain(found.place, f"{key} must be a list.", "Begin each item with '- '.")
            return ()
        return tuple(item for tree in found.items if (item := one(tree)) is not None)

    def names(self, tree: Mapping) -> LocalName:
        found = tree.entries.get("names")
        if found is None:
            return LocalName("", "")
        names = self.mapping(found, ("en", "zh"))
        return LocalName("", "") if names is None else LocalName(self.text(names, "en"), self.text(names, "zh"))

    def companion(self, tree: Tree) -> CompanionLink | None:
        link = self.mapping(tree, ("namespace", "type"), ("path",))
        if link is None:
            return None
        namespace = self.text(link, "namespace")
        if namespace and ":" not in namespace:
            remedy = "Write it as the specification does, such as http://opcfoundation.org/UA/PackML/."
            self.complain(link.entries["namespace"].place, f"{namespace[:60]!r} is not a URI.", remedy)
        return CompanionLink(namespace, self.text(link, "type"), self.texts(link, "path", 10))

    def property(self, tree: Tree) -> Property | None:
        optional = ("unit", "indexed", "words", "companions", "sampling")
        entry = self.mapping(tree, ("id", "names", "kind", "role", "domain"), optional)
        if entry is None:
            return None
        kind = self.choice(entry, "kind", [k.name.lower() for k in Kind], "float64")
        role = self.choice(entry, "role", [r.name.lower() for r in Role], "measurement")
        unit = self.text(entry, "unit")
        if unit and unit not in units.table():
            self._complain_of_unit(entry.entries["unit"].place, unit)
        if unit and kind not in {"float64", "int64"}:
            self.complain(entry.entries["unit"].place, f"A property of kind {kind} has no unit.", "Leave it out.")
        return Property(
            id=self.identifier(entry, "id"),
            names=self.names(entry),
            kind=Kind[kind.upper()],
            role=Role[role.upper()],
            domain=self.choice(entry, "domain", DOMAINS),
            unit=unit,
            indexed=self.flag(entry, "indexed"),
            words=self.texts(entry, "words"),
            companions=self.items(entry, "companions", self.companion),
            sampling=self.sampling(entry, kind),
        )

    def sampling(self, tree: Mapping, kind: str) -> SamplingDefault | None:
        found = tree.entries.get("sampling")
        entry = None if found is None else self.mapping(found, (), ("interval", "publishing", "deadband", "heartbeat"))
        if entry is None:
            return None
        deadband = self.text(entry, "deadband")
        number = deadband.removesuffix("%")
        plain = bool(_NUMBER.fullmatch(number)) and (number == deadband or float(number) <= 100)
        if deadband and not (plain and kind in {"float64", "int64"}):
            remedy = "Write a number such as 0.5, or 2%, at a property that is a number."
            self.complain(entry.entries["deadband"].place, f"deadband cannot be {deadband[:60]!r}.", remedy)
            deadband = number = ""
        return SamplingDefault(
            interval_us=self.span(entry, "interval"),
            publishing_us=self.span(entry, "publishing"),
            deadband=float(number or 0),
            deadband_percent=deadband.endswith("%"),
            heartbeat_us=self.span(entry, "heartbeat", least=_SPAN_UNITS["s"]) or 0,
        )

    def span(self, tree: Mapping, key: str, least: int = 1) -> int | None:
        """A span such as 500ms, 2s or 5min, in microseconds; None if there is none."""
        text = self.text(tree, key)
        found = _SPAN.fullmatch(text)
        span = int(found[1]) * _SPAN_UNITS[found[2]] if found else 0
        if text and not least <= span <= _LONGEST_SPAN:
            remedy = "Write 500ms, 2s or 5min; a heartbeat of 1s at the least, nothing longer than a day."
            self.complain(tree.entries[key].place, f"{key} cannot be {text[:60]!r}.", remedy)
            return None
        return span or None

    def _complain_of_unit(self, place: Place, unit: str) -> None:
        known = units.recognise(unit)
        if known is not None:
            remedy = f"Write its UCUM code: {known.ucum!r}."
        else:
            near = difflib.get_close_matches(unit, units.table(), 1)
            remedy = f"Did you mean {near[0]!r}?" if near else "Write a UCUM code, such as Cel, bar, kW.h, mm/s."
        self.complain(place, f"{unit[:60]!r} is not a unit that is known.", remedy)

    def state(self, tree: Tree) -> State | None:
        entry = self.mapping(tree, ("id", "names", "packml", "iso22400", "isa95"))
        if entry is None:
            return None
        return State(
            id=self.identifier(entry, "id"),
            names=self.names(entry),
            packml=self.choice(entry, "packml", PACKML_STATES),
            iso22400=self.choice(entry, "iso22400", ISO22400_TIMES),
            isa95=self.choice(entry, "isa95", ISA95_STATES),
        )

    def kpi(self, tree: Tree) -> Kpi | None:
        entry = self.mapping(tree, ("kpi", "standard", "inputs"))
        inputs = entry.entries.get("inputs") if entry else None
        if entry is None or inputs is None:
            return None
        if not isinstance(inputs, Mapping):
            self.complain(inputs.place, "inputs must be a mapping.", "Write {good-quantity: good-count}.")
            return None
        pairs = tuple((name, self.text(inputs, name)) for name in inputs.entries)
        return Kpi(self.identifier(entry, "kpi"), self.text(entry, "standard"), pairs)

    def model(self, tree: Tree, source: str) -> AssetModel | None:
        optional = ("words", "abstract", "extends", "companions", "properties", "states", "kpis")
        entry = self.mapping(tree, ("schema", "id", "version", "industry", "names"), optional)
        if entry is None:
            return None
        schema, version = self.text(entry, "schema"), self.text(entry, "version")
        if schema and schema != SCHEMA:
            self.complain(entry.entries["schema"].place, f"schema is {schema[:60]!r}.", f"Write {SCHEMA}.")
        if version and Version.parse(version) is None:
            remedy = "Write MAJOR.MINOR.PATCH (SemVer 2.0.0), such as 1.0.0, in quotes if need be."
            self.complain(entry.entries["version"].place, f"{version[:60]!r} is not a version.", remedy)
        states = entry.entries.get("states")
        state_entry = self.mapping(states, ("property", "values")) if states is not None else None
        return AssetModel(
            id=self.identifier(entry, "id"),
            version=version,
            industry=self.identifier(entry, "industry"),
            names=self.names(entry),
            words=self.texts(entry, "words"),
            abstract=self.flag(entry, "abstract"),
            extends=self.texts(entry, "extends", 8),
            companions=self.items(entry, "companions", self.companion),
            properties=self.items(entry, "properties", self.property),
            state_property=self.text(state_entry, "property") if state_entry else "",
            states=self.items(state_entry, "values", self.state) if state_entry else (),
            kpis=self.items(entry, "kpis", self.kpi),
            source=source,
        )


def _check_unique(reader: _Reader, tree: Mapping, key: str) -> None:
    """The ids of a list's items are all different."""
    found = tree.entries.get(key)
    seen: set[str] = set()
    for item in found.items if isinstance(found, Sequence) else ():
        named = item.entries.get("id") if isinstance(item, Mapping) else None
        if isinstance(named, Scalar):
            if named.text in seen:
                reader.complain(named.place, f"The id {named.text[:60]!r} is there twice.", "Give one another id.")
            seen.add(named.text)


def parse(source: str) -> tuple[AssetModel | None, tuple[Problem, ...]]:
    """An asset model and what is wrong with its document; the model is None if anything is.

    What it extends, and what its states and KPIs refer to, is checked by the library that it is put in.
    """
    try:
        tree = read(source)
    except DocumentError as err:
        return None, (err.problem,)
    reader = _Reader()
    model = reader.model(tree, source)
    if isinstance(tree, Mapping):
        _check_unique(reader, tree, "properties")
        found = tree.entries.get("properties")
        if isinstance(found, Sequence) and len(found.items) > _MAX_PROPERTIES:
            reader.complain(found.place, f"There are more than {_MAX_PROPERTIES} properties.", "Split the model.")
        if isinstance(states := tree.entries.get("states"), Mapping):
            _check_unique(reader, states, "values")
    problems = tuple(sorted(reader.problems, key=lambda problem: problem.line))
    return (None if problems else model), problems
