// Panels of production: what machines did, their OEE, their alarms.
import { all, ask } from "../../core/api.js";
import { nameOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { ascending, assetOf, elementWords, iso, opened, real, share, stateWords } from "../../core/production.js";
import { go } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { dateTime, duration, t } from "../../core/words.js";
import { ShareBar } from "../../parts/bars.js";
import { Gantt } from "../../parts/gantt.js";
import { ElementLegend } from "../../parts/patterns.js";
import { Loaded } from "../../parts/states.js";
import { isBelow, machineAt } from "../alarms/doing.js";
import { AlarmLine } from "../alarms/line.js";
import { shares } from "../states/page.js";
import { spanOf } from "./kinds.js";

const STATES_MS = 30e3;
const OEE_MS = 60e3;
const ALARMS_MS = 5e3;
const MOST_ALARMS = 50;
/** More alarms are not asked for: the most urgent come first. */
const MOST_ASKED = 1000;
/** So many places are asked for at the same time. */
const AT_ONCE = 4;
/** What is drawn of a long span hardly moves: it is asked for less often, but not less often than this. */
const LONGEST_PAUSE_MS = 300e3;
const pauseOf = (content, least) => Math.max(least, Math.min(LONGEST_PAUSE_MS, spanOf(content) / 500));
const RATIOS = ["oee", "availability", "effectiveness", "quality-ratio"];

const titleOf = (known, asset) => nameOf(assetOf(known, asset) ?? { name: asset });

/** The machines of some places, each once; of all for none. */
async function machinesOf(assets, from, to, signal) {
  const places = assets.length > 0 ? assets : [""];
  const found = [];
  for (let first = 0; first < places.length; first += AT_ONCE) {
    const some = places.slice(first, first + AT_ONCE);
    found.push(...(await Promise.all(some.map((asset) => opened("availability", asset, from, to, signal)))));
  }
  const machines = new Map(found.flatMap((each) => each.machines).map((each) => [each.asset, each]));
  return { machines: [...machines.values()], from, to };
}

export function StatePanel({ content, known }) {
  const { assets } = content;
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("states.asking"));
      const now = Date.now();
      return machinesOf(assets, now - spanOf(content), now, signal);
    },
    [assets.join(), content.span],
  );
  useEvery(pauseOf(content, STATES_MS), loaded.renew);
  return html`<${Loaded} of=${loaded}>${(found) => html`<${Timeline} ...${found} known=${known} />`}<//>`;
}

function Timeline({ machines, from, to, known }) {
  if (machines.length === 0) return html`<p class="dim">${t("dashboards.no_states")}</p>`;
  const words = (asset, { state, element, reasonText, from: since, to: until }) =>
    [stateWords(known, asset, state), elementWords(element), reasonText, dateTime(since), duration(until - since)]
      .filter(Boolean)
      .join(", ");
  const rows = machines.map(({ asset, intervals }) => {
    const last = intervals.at(-1);
    const title = titleOf(known, asset);
    return {
      id: asset,
      intervals,
      title: html`<span class="ellipsis">${title}</span>`,
      under: last && stateWords(known, asset, last.state),
      label: `${title}: ${last ? words(asset, last) : "–"}`,
    };
  });
  const choose = (asset, interval) =>
    go(`/states?at=${asset}&span=day&from=${iso(from)}&to=${iso(to)}&pick=${asset}@${interval.from}`);
  return html`<div class="scrolls">
    <${ElementLegend} shares=${shares(machines.flatMap(({ intervals }) => intervals))} />
    <${Gantt} rows=${rows} from=${from} to=${to} chosen=${null} choose=${choose} words=${words} />
  </div>`;
}

async function oeeOf(assets, from, to, signal) {
  const question = { assets, startTime: iso(from), endTime: iso(to), kpis: RATIOS };
  const [whole, each] = await Promise.all([
    ask(ofTenant("kpis:query"), question, signal),
    ask(ofTenant("kpis:query"), { ...question, kpis: ["oee"], groupBy: ["DIMENSION_MACHINE"] }, signal),
  ]);
  const machines = (each.assets?.places ?? []).map((place, row) => ({
    asset: each.assets.texts[place],
    oee: real(each.kpis[0].values[row]),
  }));
  return { whole: RATIOS.map((_, place) => real(whole.kpis[place]?.values[0])), machines };
}

export function OeePanel({ content, known }) {
  const { assets } = content;
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("oee.asking"));
      const now = Date.now();
      return oeeOf(assets, now - spanOf(content), now, signal);
    },
    [assets.join(), content.span],
  );
  useEvery(pauseOf(content, OEE_MS), loaded.renew);
  return html`<${Loaded} of=${loaded}>${(found) => html`<${Ratios} ...${found} known=${known} />`}<//>`;
}

function Ratios({ whole, machines, known }) {
  const [oee, ...parts] = whole;
  if (machines.length === 0) return html`<p class="dim">${t("dashboards.no_states")}</p>`;
  const names = [t("oee.availability"), t("oee.performance"), t("oee.quality")];
  const worst = [...machines].sort((a, b) => ascending(a.oee) - ascending(b.oee));
  return html`<div class="oee-panel">
    <p class="now"><strong>${share(oee)}</strong></p>
    <dl class="facts">
      ${names.map((name, place) => html`<dt>${name}</dt><dd><${ShareBar} value=${parts[place]} words=${share(parts[place])} /></dd>`)}
    </dl>
    ${
      machines.length > 1 &&
      html`<dl class="facts scrolls machines">
        ${worst.map(
          ({ asset, oee: value }) =>
            html`<dt><a href="/oee?at=${asset}">${titleOf(known, asset)}</a></dt>
              <dd><${ShareBar} value=${value} words=${share(value)} /></dd>`,
        )}
      </dl>`
    }
  </div>`;
}

/** What the platform was asked last: panels of one page that want the same about now share it. */
let shared = { of: "", time: 0, answer: null };

function alarmsOf(asset) {
  const of = ofTenant(`alarms?${asset ?? ""}`);
  if (shared.of !== of || Date.now() - shared.time > ALARMS_MS / 2)
    shared = { of, time: Date.now(), answer: all(ofTenant("alarms"), "alarms", { query: { asset }, most: MOST_ASKED }) };
  return shared.answer;
}

export function AlarmsPanel({ content, known }) {
  const [open, setOpen] = useState("");
  const machine = content.assets.length === 1 ? machineAt(known, content.assets[0]) : undefined;
  const loaded = useLoad(() => alarmsOf(machine), [machine]);
  const renew = () => {
    shared.time = 0;
    loaded.again();
  };
  useEvery(ALARMS_MS, loaded.renew);
  const places = content.assets.length > 0 ? content.assets : [""];
  return html`<${Loaded} of=${loaded}
    >${(alarms) => {
      const mine = alarms.filter(({ asset }) => places.some((place) => isBelow(known, asset, place)));
      const cut = alarms.length >= MOST_ASKED && html`<p class="dim small">${t("alarms.cut", { count: MOST_ASKED })}</p>`;
      if (mine.length === 0) return cut || html`<p class="calm">${t("dashboards.no_alarms")}</p>`;
      return html`${cut}<ul class="scrolls alarm-list" aria-label=${t("alarms.title")}>
        ${mine.slice(0, MOST_ALARMS).map(
          (alarm) =>
            html`<${AlarmLine} key=${alarm.name} ...${{ alarm, known, again: renew }} open=${open === alarm.name}
              turn=${() => setOpen(open === alarm.name ? "" : alarm.name)} />`,
        )}
      </ul>`;
    }}<//
  >`;
}
