// The kinds of panels: what is new of each, what it is called, and lines as the contract and Explore name them.
import { nameOf } from "../../core/catalogue.js";
import { assetOf, lasting } from "../../core/production.js";
import { t } from "../../core/words.js";
import { freePlace } from "./place.js";

/** Dashboards without what is in their panels, for lists. */
export const BASIC = "DASHBOARD_VIEW_BASIC";
const HOUR = 3600;
export const KINDS = ["chart", "value", "state", "oee", "alarms", "text"];
export const ICONS = { chart: "chart", value: "gauge", state: "states", oee: "pareto", alarms: "bell", text: "text" };
const SIZES = {
  chart: { width: 6, height: 4 },
  value: { width: 3, height: 2 },
  state: { width: 6, height: 4 },
  oee: { width: 6, height: 4 },
  alarms: { width: 6, height: 4 },
  text: { width: 3, height: 2 },
};
const CONTENTS = {
  chart: { lines: [], span: `${HOUR}s` },
  value: {},
  state: { assets: [], span: `${8 * HOUR}s` },
  oee: { assets: [], span: `${24 * HOUR}s` },
  alarms: { assets: [] },
  text: { markdown: "" },
};

export const kindOf = (panel) => KINDS.find((kind) => panel[kind] !== undefined) ?? "text";
export const spanOf = (content) => lasting(content.span);

/** The key that Explore knows a measurement by: "imm01/cycle-time", "filler-1/head-load:3", "tag/17". */
export const keyOf = ({ asset, property, index, tagId }) =>
  asset ? `${asset}/${property}${index ? `:${index}` : ""}` : `tag/${tagId}`;

/** The same for the contract. */
export function measurementOf(key) {
  const [asset, rest] = key.split("/");
  if (asset === "tag") return { tagId: rest };
  const [property, index] = rest.split(":");
  return { asset, property, index: Number(index ?? 0) };
}

function freshId(panels) {
  const taken = new Set(panels.map(({ id }) => id));
  let number = panels.length + 1;
  while (taken.has(`p${number}`)) number += 1;
  return `p${number}`;
}

/** A panel that shows nothing yet, at a free place. */
export const newPanel = (kind, panels, content = {}, size = SIZES[kind]) => ({
  id: freshId(panels),
  title: "",
  place: freePlace(panels, size),
  [kind]: { ...CONTENTS[kind], ...content },
});

/** The same panel once more. */
export const copyOf = (panel, panels) => ({ ...panel, id: freshId(panels), place: freePlace(panels, panel.place) });

/** What is usual at the line: how machines run, what they lose, what is wrong. */
export function usual(asset) {
  const assets = asset ? [asset] : [];
  const panels = [];
  for (const [kind, size] of [
    ["oee", { width: 5, height: 4 }],
    ["alarms", { width: 7, height: 4 }],
    ["state", { width: 12, height: 4 }],
  ])
    panels.push(newPanel(kind, panels, { assets }, size));
  return panels;
}

/** What stands over a panel: its own title, or what it is about. */
export function titleOf(panel, known) {
  if (panel.title) return panel.title;
  const kind = kindOf(panel);
  const content = panel[kind];
  if (kind === "chart")
    return [...new Set(content.lines.map((line) => measuredTitle(line, known)))].join(", ") || t("dashboards.kind_chart");
  if (kind === "value") return content.measurement ? measuredTitle(content.measurement, known) : t("dashboards.kind_value");
  const names = (content.assets ?? []).map((id) => nameOf(assetOf(known, id) ?? { name: id }));
  return names.length > 0 ? `${t(`dashboards.kind_${kind}`)}: ${names.join(", ")}` : t(`dashboards.kind_${kind}`);
}

const measuredTitle = (line, known) => known.measured.get(keyOf(line))?.title ?? keyOf(line);
