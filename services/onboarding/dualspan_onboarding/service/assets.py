"""Assets: sites, areas, lines and machines, and the tags that their properties are bound to."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from dualspan_onboarding.asset_models import units
from dualspan_onboarding.asset_models.model import AssetModel, Property
from dualspan_onboarding.assets import (
    Asset,
    AssetChange,
    AssetLevel,
    AssetName,
    Binding,
    NewAsset,
    Slot,
    UnitConversion,
    check_parent_level,
)
from dualspan_onboarding.errors import malformed, too_many
from dualspan_onboarding.errors.assets import (
    asset_cycle,
    asset_exists,
    asset_has_parts,
    asset_unknown,
    asset_without_model,
    dimension_mismatch,
    model_unknown,
    property_unknown,
    slots_repeated,
    tags_unknown,
)
from dualspan_onboarding.names import TagName
from dualspan_onboarding.rules import check_text
from dualspan_onboarding.service.asset_models import library_of
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.store import assets
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.names import check_slug

_MOST_ASSETS = 100_000
_MOST_BINDINGS = 10_000


def converted(tag_unit: str, wanted: Property) -> UnitConversion:
    """How a tag's samples become a property's values.

    Raises:
        InvalidArgument: The tag measures something else.
    """
    want = units.recognise(wanted.unit) if wanted.unit else None
    have = units.recognise(tag_unit)
    if want is None:
        return UnitConversion(1.0, 0.0, known=True)
    if have is None:
        return UnitConversion(1.0, 0.0, known=False)
    conversion = units.conversion(have, want)
    if conversion is None:
        raise dimension_mismatch(wanted.id, tag_unit, wanted.unit)
    return UnitConversion(conversion.factor, conversion.offset, known=True)


def check_slots(model: AssetModel, slots: Sequence[Slot]) -> None:
    """Raises InvalidArgument if a model has no such property, or it is named twice."""
    known = {each.id: each for each in model.properties}
    wrong = [
        f"{slot.property}/{slot.number}" if slot.number else slot.property
        for slot in slots
        if slot.property not in known or slot.number < 0 or (slot.number and not known[slot.property].indexed)
    ]
    if wrong:
        raise property_unknown(model.id, wrong)
    repeated = [slot.property for slot, times in Counter(slots).items() if times > 1]
    if repeated:
        raise slots_repeated(repeated)


async def found_asset(connection: Connection, name: AssetName) -> Asset:
    """One asset within a transaction; raises NotFound."""
    asset = await assets.find(connection, name)
    if asset is None:
        raise asset_unknown(name)
    return asset


class Assets:
    """The use cases around assets.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant: str, new: NewAsset) -> Asset:
        """Make an asset.

        Raises:
            InvalidArgument: A field is malformed, or the parent is of no higher level.
            NotFound: There is no such parent or model.
            AlreadyExists: The id is taken.
            ResourceExhausted: There are too many.
        """
        name = AssetName(tenant, check_slug(new.asset_id, "asset_id"))
        display_name = check_text(new.display_name, "display_name") or new.asset_id
        async with self._database.transaction(tenant) as connection:
            await assets.lock(connection, tenant)
            taken = await assets.ids(connection, tenant)
            if new.asset_id in taken:
                raise asset_exists(name)
            if len(taken) >= _MOST_ASSETS:
                raise too_many("TOO_MANY_ASSETS", "assets of this tenant", _MOST_ASSETS)
            if new.parent is not None:
                await self._check_parent(connection, AssetName(tenant, new.parent), new.level)
            version = await self._version(connection, tenant, new.model, new.model_version)
            made = dataclasses.replace(new, display_name=display_name, model_version=version)
            await assets.insert(connection, tenant, [made])
            await audit(connection, tenant, "asset.create", name, model=new.model)
            return await found_asset(connection, name)

    async def _check_parent(self, connection: Connection, parent: AssetName, level: AssetLevel) -> None:
        check_parent_level(level, (await found_asset(connection, parent)).level)

    async def _version(self, connection: Connection, tenant: str, model_id: str, version: str) -> str:
        """The version of a model that is meant; raises NotFound."""
        if not model_id:
            if version:
                raise malformed("MODEL_MISSING", "model", "State the model that the version is of.")
            return ""
        model = (await library_of(connection, tenant)).find(model_id, version)
        if model is None or model.abstract:
            raise model_unknown(model_id, version)
        return model.version

    async def get(self, name: AssetName) -> Asset:
        """One asset with its bindings; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await found_asset(connection, name)

    async def page(
        self, tenant: str, *, under: AssetName | None, model: str, after: str, limit: int
    ) -> Sequence[Asset]:
        """The assets after an id, in order of it; raises NotFound if there is no asset to look under."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            if under is not None:
                await found_asset(connection, under)
            top = None if under is None else under.asset
            return await assets.page(connection, tenant, under=top, model=model, after=after, limit=limit)

    async def update(self, name: AssetName, change: AssetChange) -> Asset:
        """Change an asset's names, place or model version.

        Raises:
            InvalidArgument: A field is malformed, the parent is of no higher level, or below the asset.
            NotFound: There is no such asset, parent or version.
        """
        async with self._database.transaction(name.tenant) as connection:
            await assets.lock(connection, name.tenant)
            asset = await found_asset(connection, name)
            if change.display_name is not None:
                display_name = check_text(change.display_name, "display_name")
                asset = dataclasses.replace(asset, display_name=display_name or name.asset)
            if change.parent is not None:
                asset = await self._moved(connection, asset, change.parent)
            if change.model_version is not None:
                version = await self._version(connection, name.tenant, asset.model, change.model_version)
                await self._check_bound(connection, asset, version)
                asset = dataclasses.replace(asset, model_version=version)
            await assets.update(connection, asset)
            await audit(connection, name.tenant, "asset.update", name)
            return asset

    async def _moved(self, connection: Connection, asset: Asset, parent: str) -> Asset:
        if not parent:
            return dataclasses.replace(asset, parent=None)
        await self._check_parent(connection, AssetName(asset.name.tenant, parent), asset.level)
        if parent in await assets.subtree(connection, asset.name):
            raise asset_cycle(asset.name)
        return dataclasses.replace(asset, parent=parent)

    async def _check_bound(self, connection: Connection, asset: Asset, version: str) -> None:
        """What is bound must be there in the other version too."""
        whole = (await library_of(connection, asset.name.tenant)).whole(asset.model, version)
        if whole is not None:
            check_slots(whole, [binding.slot for binding in asset.bindings])

    async def delete(self, name: AssetName, *, with_descendants: bool) -> None:
        """Remove an asset, with what is below it if asked; its tags stay.

        Raises:
            NotFound: There is no such asset.
            FailedPrecondition: There are assets below it.
        """
        async with self._database.transaction(name.tenant) as connection:
            await assets.lock(connection, name.tenant)
            await found_asset(connection, name)
            below = await assets.subtree(connection, name)
            if len(below) > 1 and not with_descendants:
                raise asset_has_parts(name, len(below) - 1)
            await assets.delete(connection, name.tenant, below)
            await audit(connection, name.tenant, "asset.delete", name, deleted=str(len(below)))

    async def bind(self, name: AssetName, wanted: Sequence[tuple[Slot, TagName]], unwanted: Sequence[Slot]) -> Asset:
        """Free properties, then bind some; all or nothing.

        Raises:
            InvalidArgument: The model has no such property, or the tag measures something else.
            NotFound: There is no such asset or tag.
            FailedPrecondition: The asset has no model.
        """
        if len(wanted) > _MOST_BINDINGS:
            raise malformed("TOO_MANY_BINDINGS", "bindings", f"At most {_MOST_BINDINGS} bindings at once.")
        if any(tag.tenant != name.tenant for _, tag in wanted):
            raise malformed("FOREIGN_NAME", "bindings.tag", "Every tag must be one of the asset's tenant.")
        async with self._database.transaction(name.tenant) as connection:
            await assets.lock(connection, name.tenant)
            asset = await found_asset(connection, name)
            model = (await library_of(connection, name.tenant)).whole(asset.model, asset.model_version)
            if model is None:
                raise asset_without_model(name)
            check_slots(model, [slot for slot, _ in wanted])
            bindings = await self._bindings(connection, name.tenant, model, wanted)
            await assets.unbind(connection, name.tenant, [(name.asset, slot) for slot in unwanted])
            await assets.bind(connection, name.tenant, {name.asset: bindings})
            await audit(connection, name.tenant, "asset.bind", name, bound=str(len(bindings)), freed=str(len(unwanted)))
            return await found_asset(connection, name)

    async def _bindings(
        self, connection: Connection, tenant: str, model: AssetModel, wanted: Sequence[tuple[Slot, TagName]]
    ) -> list[Binding]:
        facts = await assets.tag_facts(connection, tenant, [tag.tag_id for _, tag in wanted])
        missing = [tag.tag_id for _, tag in wanted if tag.tag_id not in facts]
        if missing:
            raise tags_unknown(missing)
        properties = {each.id: each for each in model.properties}
        return [
            Binding(slot, tag.tag_id, converted(facts[tag.tag_id][0], properties[slot.property]))
            for slot, tag in wanted
        ]
