// Run rules as people mark them, and a chart's answer as points to draw.
import { real } from "../../core/production.js";
import { number, tOr } from "../../core/words.js";

/** What stands beside a point: the rule's number in its family. */
const MARKS = {
  BEYOND_LIMITS: "1",
  WE_TWO_OF_THREE: "W2",
  WE_FOUR_OF_FIVE: "W3",
  WE_EIGHT_ON_ONE_SIDE: "W4",
  NELSON_NINE_ON_ONE_SIDE: "N2",
  NELSON_SIX_TREND: "N3",
  NELSON_FOURTEEN_ALTERNATING: "N4",
  NELSON_TWO_OF_THREE: "N5",
  NELSON_FOUR_OF_FIVE: "N6",
  NELSON_FIFTEEN_NEAR: "N7",
  NELSON_EIGHT_FAR: "N8",
};
const ruleOf = ({ rule }) => rule.replace("RUN_RULE_", "");

export const markOf = (violation) => MARKS[ruleOf(violation)] ?? "?";
// A newer platform may have rules and plots that these pages have no words for.
export const ruleWords = (violation) => tOr(`spc.rule_${ruleOf(violation)}`, ruleOf(violation));
export const panelWords = (title) => tOr(`spc.panel_${title.replaceAll(" ", "_")}`, title);

/** A value with as many digits as a chart needs. */
export const rounded = (value) => (Number.isFinite(value) ? number(Number(value.toPrecision(5))) : "–");

/** Columns of the answer as points; what each has broken stands with it, by panel. */
export function points(found) {
  const broken = new Map();
  for (const each of found.violations) {
    const key = `${each.panel} ${each.signalled}`;
    broken.set(key, [...(broken.get(key) ?? []), each]);
  }
  const concerned = new Map(found.panels.map(({ title }) => [title, new Set()]));
  for (const each of found.violations) for (const index of each.points) concerned.get(each.panel)?.add(index);
  return found.start.map((start, index) => ({
    index,
    from: Number(start) / 1000,
    to: Number(found.end[index]) / 1000,
    size: real(found.size[index]),
    label: found.label[index] ?? "",
    excluded: found.excluded[index] ?? "",
    panels: found.panels.map((panel) => ({
      value: real(panel.value[index]),
      centre: real(panel.centre[index]),
      lower: real(panel.lower[index]),
      upper: real(panel.upper[index]),
      broken: broken.get(`${panel.title} ${index}`) ?? [],
      concerned: concerned.get(panel.title).has(index),
    })),
  }));
}

/** Machines at a place that a chart is of: its own, or those of its model and of what extends it. */
export function machinesOf(known, chart, isHere) {
  const models = new Map(known.models.map((model) => [model.name.slice(model.name.lastIndexOf("/") + 1), model]));
  const is = (model, depth = 0) =>
    model === chart.model || (depth < 8 && (models.get(model)?.extends ?? []).some((each) => is(each, depth + 1)));
  const mine = ({ name, model }) => (chart.asset ? name.endsWith(`/${chart.asset}`) : model !== "" && is(model));
  return known.assets.filter((asset) => mine(asset) && isHere(asset));
}
