// From keys of the address to what is drawn: tag, unit, name and colour of each line.
import { get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { ofTenant } from "../../core/session.js";
import { duration } from "../../core/words.js";
import { unitText } from "../../core/units.js";
import { parted } from "./state.js";
import { seriesColour } from "./plot.js";

/** Kinds of values that no line is drawn of. */
export const TEXTS = new Set(["VALUE_KIND_TEXT", "VALUE_KIND_BYTES"]);
const tags = new Map();

async function tagOf(id, signal) {
  if (!tags.has(id)) tags.set(id, await get(ofTenant(`tags/${id}`), {}, signal));
  return tags.get(id);
}

function fromTag(key, tag) {
  const text = tag.displayName || tag.browsePath;
  const cut = text.lastIndexOf("/");
  return {
    key,
    asset: "",
    property: "",
    index: 0,
    tagId: String(tag.tagId),
    factor: 1,
    offset: 0,
    unit: tag.unit,
    kind: tag.kind,
    title: text.slice(cut + 1),
    where: [idOf(tag.server), ...text.slice(0, Math.max(0, cut)).split("/").filter(Boolean)].join(" / "),
    own: tag.unit,
  };
}

/**
 * What the keys name, in their order; what there is no more is left out.
 * @param {string[]} keys @param {object} catalogue @param {AbortSignal} signal
 */
export async function resolve(keys, catalogue, signal) {
  const found = await Promise.all(
    keys.map(async (key) => {
      const [base, shift] = parted(key);
      const known = base.startsWith("tag/")
        ? fromTag(
            base,
            await tagOf(base.slice(4), signal).catch(() => ({
              displayName: base,
              kind: "",
              unit: "",
              server: "",
              tagId: "0",
            })),
          )
        : catalogue.measured.get(base);
      return known && known.tagId !== "0" ? { ...known, base, key, shift } : null;
    }),
  );
  const bases = [...new Set(keys.map((key) => parted(key)[0]))];
  return found.filter(Boolean).map((each) => ({
    ...each,
    unitText: each.own ?? unitText(each.unit),
    stepped: each.kind !== "VALUE_KIND_FLOAT64",
    isText: TEXTS.has(each.kind),
    colour: seriesColour(bases.indexOf(each.base)),
    before: each.shift ? duration(each.shift) : "",
  }));
}
