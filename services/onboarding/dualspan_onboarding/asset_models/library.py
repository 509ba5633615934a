"""The asset models that there are, and what they are with everything that they extend."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from importlib import resources

from dualspan_onboarding.asset_models.model import AssetModel, Problem, Property
from dualspan_onboarding.asset_models.schema import parse
from dualspan_standards.semver import Version

_PACKAGE = "dualspan_onboarding"
_FOLDER = "models"


class Library:
    """Asset models by id and version.

    Args:
        models: As their documents have them; of one id and version, the last counts.
    """

    def __init__(self, models: Iterable[AssetModel]) -> None:
        self._versions: dict[str, dict[str, AssetModel]] = {}
        for model in models:
            self._versions.setdefault(model.id, {})[model.version] = model
        self._whole: dict[tuple[str, str], AssetModel] = {}

    def ids(self) -> Sequence[str]:
        """All ids, in order."""
        return sorted(self._versions)

    def versions(self, model_id: str) -> Sequence[str]:
        """The versions of a model, newest first; none if there is no such model."""
        return sorted(self._versions.get(model_id, {}), key=_order, reverse=True)

    def find(self, model_id: str, version: str = "") -> AssetModel | None:
        """A model as it was written; the newest version if none is named."""
        versions = self.versions(model_id)
        return self._versions[model_id].get(version or versions[0]) if versions else None

    def whole(self, model_id: str, version: str = "") -> AssetModel | None:
        """A model with the properties, states and KPIs of all that it extends; its own go before theirs."""
        model = self.find(model_id, version)
        if model is None:
            return None
        key = (model.id, model.version)
        if key not in self._whole:
            self._whole[key] = self._resolve(model)
        return self._whole[key]

    def wholes(self) -> Sequence[AssetModel]:
        """The newest version of every model that an asset can be, whole."""
        found = [whole for model_id in self.ids() if (whole := self.whole(model_id)) is not None]
        return [model for model in found if not model.abstract]

    def ancestors(self, model_id: str) -> frozenset[str]:
        """The ids of all models that one extends, itself among them."""
        seen: set[str] = set()
        waiting = [model_id]
        while waiting:
            here = waiting.pop()
            model = self.find(here)
            if here not in seen and model is not None:
                seen.add(here)
                waiting += model.extends
        return frozenset(seen)

    def _resolve(self, model: AssetModel) -> AssetModel:
        properties: dict[str, Property] = {each.id: each for each in model.properties}
        kpis = {each.kpi: each for each in model.kpis}
        states, state_property = model.states, model.state_property
        for parent_id in model.extends:
            parent = self.whole(parent_id)
            if parent is None:
                continue
            properties = {**{each.id: each for each in parent.properties}, **properties}
            kpis = {**{each.kpi: each for each in parent.kpis}, **kpis}
            if not states:
                states, state_property = parent.states, parent.state_property
        return dataclasses.replace(
            model,
            properties=tuple(properties.values()),
            kpis=tuple(kpis.values()),
            states=states,
            state_property=state_property,
        )

    def problems(self, model: AssetModel) -> tuple[Problem, ...]:
        """What of a model does not fit together with the models that are here."""
        missing = [each for each in model.extends if self.find(each) is None]
        if missing:
            remedy = f"The models are {', '.join(self.ids())}."
            return (Problem(1, "extends", f"There is no model {missing[0][:60]!r}.", remedy),)
        if any(model.id in self.ancestors(parent) for parent in model.extends):
            return (Problem(1, "extends", "The model would extend itself.", "Take it out of extends."),)
        whole = self._resolve(model)
        known = {each.id for each in whole.properties}
        wanted = [("states.property", whole.state_property)] if whole.states else []
        wanted += [(f"kpis.{kpi.kpi}", name) for kpi in whole.kpis for _, name in kpi.inputs]
        remedy = "Add the property, or name one that there is."
        return tuple(
            Problem(1, path, f"There is no property {name[:60]!r} in the model.", remedy)
            for path, name in wanted
            if name not in known
        )

    def with_models(self, models: Iterable[AssetModel]) -> "Library":
        """This library and some more models."""
        here = [model for versions in self._versions.values() for model in versions.values()]
        return Library([*here, *models])


def _order(version: str) -> Version:
    parsed = Version.parse(version)
    assert parsed is not None  # noqa: S101 - the schema lets no other in
    return parsed


@functools.cache
def built_in() -> Library:
    """The models that come with the platform.

    Raises:
        ValueError: One of them is not valid: the package was changed by hand.
    """
    models: list[AssetModel] = []
    for file in sorted(resources.files(_PACKAGE).joinpath(_FOLDER).iterdir(), key=lambda each: each.name):
        model, problems = parse(file.read_text(encoding="utf-8"))
        if model is None:
            raise ValueError(f"{file.name}: " + "; ".join(map(str, problems)))
        models.append(model)
    library = Library(models)
    for model in models:
        if problems := library.problems(model):
            raise ValueError(f"{model.id}: " + "; ".join(map(str, problems)))
    return library
