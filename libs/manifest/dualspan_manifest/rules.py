"""What a schema cannot say: names that must fit each other, units that must be known, a licence that exists."""

from collections.abc import Iterable, Iterator
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from dualspan_manifest.configuration import broken_settings
from dualspan_manifest.document import Document
from dualspan_manifest.model import Manifest
from dualspan_manifest.problems import Path, Problem, written
from dualspan_standards import ucum
from dualspan_standards.semver import Version

# Both versions run for so long, and for three times that where there is nothing to compare yet.
_LONGEST_CANARY = 30 * 86_400.0
_READING = ("samples.read", "samples.subscribe", "samples.export")


def broken_rules(manifest: Manifest, document: Document) -> Iterator[Problem]:
    """Everything that is wrong with a manifest that the schema has found right."""
    report = _Report(document)
    if Version.parse(manifest.version) is None:
        report.add(
            ("version",), f"{manifest.version!r} is no version.", "Numbers have no leading zeros (SemVer 2.0.0, 9)."
        )
    _licence(manifest, report)
    _requirements(manifest, report)
    _outputs(manifest, report)
    _scopes(manifest, report)
    _ports(manifest, report)
    _upgrade(manifest, report)
    for path, reason, advice in broken_settings(manifest.configuration):
        report.add(("configuration", *path), reason, advice)
    yield from report.problems


class _Report:
    """Gathers problems with their lines."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def add(self, path: Path, reason: str, advice: str) -> None:
        self.problems.append(Problem(self._document.line(path), written(path), reason, advice))

    def unique(self, names: Iterable[Any], path: Path, key: str) -> None:
        seen = set[Any]()
        for index, name in enumerate(names):
            if name in seen:
                self.add((*path, index, key), f"{name!r} is there twice.", "Give each its own.")
            seen.add(name)

    def unit(self, code: str, path: Path, *, numeric: bool) -> None:
        if code and not numeric:
            self.add(path, "Only numbers have a unit.", "Leave it out, or make the kind a number.")
        elif code:
            try:
                ucum.check(code)
            except ucum.UnknownUnitError as err:
                self.add(
                    path, f"{code!r} is no UCUM code that is known: {err.why}.", "Such as Cel, bar, kW.h, {piece}."
                )


def _licence(manifest: Manifest, report: _Report) -> None:
    try:
        canonicalize_license_expression(manifest.license)
    except InvalidLicenseExpression as err:
        advice = "Use ids of spdx.org/licenses, such as Apache-2.0 OR MIT, or LicenseRef-… for your own."
        report.add(("license",), f"{manifest.license!r} is no SPDX expression: {err}.", advice)


def _requirements(manifest: Manifest, report: _Report) -> None:
    report.unique((each.role for each in manifest.requires), ("requires",), "role")
    for index, requirement in enumerate(manifest.requires):
        path = ("requires", index)
        if requirement.minimum > requirement.maximum:
            report.add((*path, "minimum"), "The minimum is more than the maximum.", "Raise the maximum.")
        report.unique((each.property for each in requirement.properties), (*path, "properties"), "property")
        if all(need.optional for need in requirement.properties):
            advice = "Make one of them required: without one, any asset would do."
            report.add((*path, "properties"), "Every property is optional.", advice)
        for at, need in enumerate(requirement.properties):
            here = (*path, "properties", at)
            report.unit(need.unit, (*here, "unit"), numeric=need.kind.is_numeric)
            if need.unit and need.dimension:
                report.add((*here, "dimension"), "There is a unit and a dimension.", "Keep one of them.")
            if need.dimension and not need.kind.is_numeric:
                report.add((*here, "dimension"), "Only numbers have a dimension.", "Leave it out.")


def _outputs(manifest: Manifest, report: _Report) -> None:
    report.unique((each.id for each in manifest.outputs), ("outputs",), "id")
    roles = {each.role for each in manifest.requires}
    for index, output in enumerate(manifest.outputs):
        report.unit(output.unit, ("outputs", index, "unit"), numeric=output.kind.is_numeric)
        if output.role and output.role not in roles:
            advice = f"Choose of {', '.join(sorted(roles))}, or leave it out."
            report.add(("outputs", index, "role"), f"No requirement has the role {output.role!r}.", advice)


def _scopes(manifest: Manifest, report: _Report) -> None:
    reads = any(scope in manifest.scopes for scope in _READING)
    if manifest.requires and not reads:
        report.add(("scopes",), "The app requires assets and may not read them.", "Add samples.read to scopes.")
    if reads and not manifest.requires:
        report.add(("scopes",), "The app may read samples and requires none.", "Say in requires what it reads.")
    if manifest.outputs and "outputs.write" not in manifest.scopes:
        report.add(("scopes",), "The app has outputs and may not write them.", "Add outputs.write to scopes.")
    if "outputs.write" in manifest.scopes and not manifest.outputs:
        report.add(("scopes",), "The app may write and has no outputs.", "Leave outputs.write out.")


def _ports(manifest: Manifest, report: _Report) -> None:
    report.unique((each.name for each in manifest.ports), ("ports",), "name")
    report.unique((each.port for each in manifest.ports), ("ports",), "port")
    named = [("health", manifest.health.port)]
    named += [("ui", manifest.ui.port)] if manifest.ui else []
    for field, port in named:
        if not manifest.port(port):
            advice = f"Choose of {', '.join(each.name for each in manifest.ports)}."
            report.add((field, "port"), f"There is no port {port!r}.", advice)
    if manifest.health.timeout >= manifest.health.interval:
        report.add(("health", "timeout"), "The timeout is not shorter than the interval.", "Shorten it.")


def _upgrade(manifest: Manifest, report: _Report) -> None:
    kinds = {each.id: each.kind for each in manifest.outputs}
    if manifest.upgrade.canary > _LONGEST_CANARY:
        report.add(("upgrade", "canary"), "A canary of more than 30 days.", "Write 30d or less, such as 10m.")
    report.unique((each.output for each in manifest.upgrade.compare), ("upgrade", "compare"), "output")
    for index, comparison in enumerate(manifest.upgrade.compare):
        path = ("upgrade", "compare", index)
        kind = kinds.get(comparison.output)
        if kind is None:
            report.add((*path, "output"), f"There is no output {comparison.output!r}.", "Name one of outputs.")
        elif not kind.is_numeric and (comparison.tolerance or comparison.relative):
            report.add(path, "Only numbers have a tolerance.", "Leave tolerance and relative out.")
