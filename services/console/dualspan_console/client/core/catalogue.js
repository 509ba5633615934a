// The enterprise's assets with what is measured at them: asked once, kept while the application is open.
import { all, get } from "./api.js";
import { may, ofTenant, tenant } from "./session.js";
import { language, local } from "./words.js";

/**
 * @typedef {object} Measured one property of an asset that a tag gives values for
 * @property {string} key such as "filler-1/bowl-pressure" or "filler-1/head-load:3"
 * @property {string} asset id @property {string} property id @property {number} index
 * @property {string} tagId @property {number} factor @property {number} offset
 * @property {string} unit UCUM @property {string} kind of values
 * @property {string} title in the person's language @property {string} where names of what it belongs to
 * @property {string} search words in both languages, lower case
 */

const LEVELS = {
  ASSET_LEVEL_SITE: "site",
  ASSET_LEVEL_AREA: "area",
  ASSET_LEVEL_LINE: "line",
  ASSET_LEVEL_MACHINE: "machine",
};
export const iconOf = (asset) => LEVELS[asset.level] ?? "machine";
export const idOf = (name) => name.slice(name.lastIndexOf("/") + 1);
export const nameOf = (asset) => asset.displayName || idOf(asset.name);

let kept = { of: "", answer: null };

/** Assets, models and all that is measured. Asked again after `forgetCatalogue`. */
export function catalogue() {
  if (kept.of !== tenant() || !kept.answer) {
    kept = { of: tenant(), answer: load() };
    kept.answer.catch(() => {
      kept.answer = null;
    });
  }
  return kept.answer;
}
export const forgetCatalogue = () => {
  kept.answer = null;
  names.clear();
};

const names = new Map();

/** What one asset is called, without asking for all of them; its id where it cannot be told. */
export async function assetName(id, signal) {
  const name = ofTenant(`assets/${id}`);
  if (!names.has(name) && may("onboarding.assets.read")) {
    const found = await get(name, {}, signal).catch(() => null);
    if (found) names.set(name, nameOf(found));
  }
  return names.get(name) ?? id;
}

async function load() {
  if (!may("onboarding.assets.read")) return build([], []);
  const [assets, models] = await Promise.all([
    all(ofTenant("assets"), "assets"),
    all(ofTenant("assetModels"), "assetModels"),
  ]);
  return build(assets, models);
}

/** Puts assets and models together. */
export function build(assets, models) {
  const byName = new Map(assets.map((asset) => [asset.name, asset]));
  const properties = new Map(
    models.map((model) => [idOf(model.name), new Map(model.properties.map((each) => [each.id, each]))]),
  );
  const measured = new Map();
  const below = new Map();
  for (const asset of assets) {
    const parent = byName.has(asset.parentAsset) ? asset.parentAsset : "";
    below.set(parent, [...(below.get(parent) ?? []), asset]);
    for (const each of measuredOf(asset, properties.get(asset.model), pathTo(asset, byName).map(nameOf)))
      measured.set(each.key, each);
  }
  const byText = new Intl.Collator(language, { numeric: true });
  for (const children of below.values()) children.sort((a, b) => byText.compare(nameOf(a), nameOf(b)));
  return { assets, byName, models, measured, below };
}

function measuredOf(asset, properties, path) {
  const id = idOf(asset.name);
  return asset.bindings.map(({ property, index, tag, factor, offset }) => {
    const known = properties?.get(property);
    const number = index ? ` ${index}` : "";
    const title = (known ? local(known.displayName) : property) + number;
    const words = [...path, asset.displayName, id, property, known?.displayName?.en, known?.displayName?.zh].join(" ");
    return {
      key: `${id}/${property}${index ? `:${index}` : ""}`,
      asset: id,
      property,
      index,
      tagId: idOf(tag),
      factor: factor ?? 1,
      offset: offset ?? 0,
      unit: known?.unit ?? "",
      kind: kindOf(known, index),
      title,
      where: [...path, nameOf(asset)].join(" / "),
      search: words.toLowerCase(),
    };
  });
}

/** What the samples are: a tag that has all of an indexed property has them as an array, which comes as text. */
const kindOf = (known, index) =>
  known?.indexed && !index ? "VALUE_KIND_BYTES" : (known?.kind ?? "VALUE_KIND_FLOAT64");

/** What an asset is part of, the highest first. */
export function pathTo(asset, byName) {
  const path = [];
  for (let parent = byName.get(asset.parentAsset); parent && path.length < 8; parent = byName.get(parent.parentAsset))
    path.unshift(parent);
  return path;
}
