// States: what every machine of a place did, span by span.
import { idOf, nameOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { assetOf, ELEMENTS, elementWords, opened, share, stateWords } from "../../core/production.js";
import { query, setQuery } from "../../core/router.js";
import { html } from "../../core/view.js";
import { duration, t } from "../../core/words.js";
import { Drawn } from "../../parts/drawn.js";
import { Gantt } from "../../parts/gantt.js";
import { PageHead } from "../../parts/layout.js";
import { ElementLegend, Patterns, Swatch } from "../../parts/patterns.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { AtPlace, NoCalendar, useWhere } from "../../parts/where.js";
import { Interval } from "./interval.js";

const REFRESH_MS = 30000;

export default function States() {
  const where = useWhere();
  return html`<${PageHead} title=${t("states.title")} says=${t("states.says")} /><${Patterns} />
    <${AtPlace} of=${where}>${(found) => html`<${Body} where=${found} />`}<//>`;
}

function Body({ where }) {
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("states.asking"));
      return opened("availability", where.at, where.from, where.to, signal);
    },
    [where.at, where.from, where.to],
  );
  useEvery(REFRESH_MS, () => where.to > Date.now() && loaded.renew());
  return html`<${NoCalendar} where=${where} /><${Loaded} of=${loaded} lines=${6}
      >${(detail) => html`<${Timeline} where=${where} detail=${detail} again=${loaded.again} />`}<//
    >`;
}

/** Machines by the place that they stand in; two halls may both have a line 1. */
function grouped(known, machines) {
  const found = new Map();
  for (const each of machines) {
    const parent = known.byName.get(assetOf(known, each.asset)?.parentAsset);
    const group = found.get(parent) ?? { key: parent?.name ?? "", title: parent ? nameOf(parent) : "", machines: [] };
    group.machines.push(each);
    found.set(parent, group);
  }
  return [...found.values()].sort((a, b) => a.title.localeCompare(b.title));
}

/** The share of each time element in intervals. */
export function shares(intervals) {
  const sums = Object.fromEntries(ELEMENTS.map((id) => [id, 0]));
  for (const { element, from, to } of intervals) sums[element] += to - from;
  const whole = Object.values(sums).reduce((total, each) => total + each, 0) || 1;
  return Object.fromEntries(Object.entries(sums).map(([id, sum]) => [id, sum / whole]));
}

/** Machines side by side over the time of a page, and the interval that was chosen. */
export function Timeline({ where, detail, again }) {
  const { known } = where;
  if (detail.machines.length === 0) return html`<${NoStates} skipped=${detail.skipped} />`;
  const [row, moment] = (query.value.get("pick") ?? "").split("@");
  const chosen = row ? { row, from: Number(moment) } : null;
  const titleOf = (asset) => nameOf(assetOf(known, asset) ?? { name: asset });
  const words = (asset, { state, element, from, to, reasonText }) =>
    [
      ...new Set([
        stateWords(known, asset, state),
        elementWords(element),
        reasonText,
        where.clocks.dateTime(from),
        duration(to - from),
      ]),
    ]
      .filter(Boolean)
      .join(", ");
  const rowOf = (each) => {
    const running = shares(each.intervals).PRODUCTION;
    return {
      id: each.asset,
      intervals: each.intervals,
      title: html`<a href="/assets/${each.asset}">${titleOf(each.asset)}</a>`,
      under: share(running),
      label: t("states.row", { machine: titleOf(each.asset), running: share(running) }),
    };
  };
  const picked = detail.machines
    .find(({ asset }) => asset === chosen?.row)
    ?.intervals.find(({ from }) => from === chosen.from);
  const choose = (asset, interval) => setQuery({ pick: `${asset}@${interval.from}` });
  return html`<${Drawn}
      title=${t("states.timeline")}
      says=${t("states.hint")}
      table=${html`<${AsTable} detail=${detail} clocks=${where.clocks} words=${(asset, state) => stateWords(known, asset, state)} titleOf=${titleOf} />`}
    >
      <${ElementLegend} shares=${shares(detail.machines.flatMap(({ intervals }) => intervals))} />
      ${grouped(known, detail.machines).map(
        ({ key, title, machines }) =>
          html`<div key=${key} class="stack tight">
            <h3>${title}</h3>
            <${Gantt} rows=${machines.map(rowOf)} from=${where.from} to=${where.to} ...${{ chosen, choose, words }} clocks=${where.clocks} />
          </div>`,
      )}<//
    >
    ${picked && html`<${Interval} where=${where} asset=${chosen.row} interval=${picked} again=${again} close=${() => setQuery({ pick: null })} />`}
    ${detail.skipped.length > 0 && html`<${Note}>${t("states.skipped", { count: detail.skipped.length, names: detail.skipped.map(titleOf).slice(0, 8).join(", ") })}<//>`}`;
}

function AsTable({ detail, clocks, words, titleOf }) {
  const rows = detail.machines.flatMap(({ asset, intervals }) => intervals.map((each) => ({ asset, ...each })));
  const columns = [
    { id: "machine", title: t("states.machine"), sort: ({ asset }) => asset, cell: ({ asset }) => titleOf(asset) },
    {
      id: "state",
      title: t("states.state"),
      sort: ({ state }) => state,
      cell: ({ asset, state }) => words(asset, state),
    },
    {
      id: "element",
      title: t("states.counts_as"),
      sort: ({ element }) => ELEMENTS.indexOf(element),
      cell: ({ element }) => html`<span class="row"><${Swatch} element=${element} />${elementWords(element)}</span>`,
    },
    {
      id: "reason",
      title: t("states.reason"),
      sort: ({ reasonText }) => reasonText,
      cell: ({ reasonText }) => reasonText || "–",
    },
    { id: "from", title: t("states.from"), sort: ({ from }) => from, cell: ({ from }) => clocks.dateTime(from) },
    {
      id: "long",
      title: t("states.long"),
      number: true,
      sort: ({ from, to }) => to - from,
      cell: ({ from, to }) => duration(to - from),
    },
  ];
  return html`<${Table}
    label=${t("states.timeline")}
    rows=${rows}
    rowKey=${({ asset, from }) => `${asset} ${from}`}
    columns=${columns}
  />`;
}

/** Nothing says how states are known: teaches what to do. */
export const NoStates = ({ skipped }) =>
  html`<div class="card">
    <${Empty} icon="states" title=${t("states.none")}>
      <p>${t("states.none_hint", { count: skipped.length })}</p>
      <code>dualspan analytics profile set</code>
      ${skipped.length > 0 && html`<p class="small">${skipped.slice(0, 6).map(idOf).join(", ")}</p>`}<//
    >
  </div>`;
