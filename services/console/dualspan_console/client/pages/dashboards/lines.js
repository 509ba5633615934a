// Panels of measured values: lines over time, and one value as it is now.
import { useEvery, useLoad } from "../../core/load.js";
import { followSamples } from "../../core/live_samples.js";
import { html, useEffect, useRef, useState } from "../../core/view.js";
import { ago, clock, number, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { Badge } from "../../parts/layout.js";
import { Failure, Note } from "../../parts/states.js";
import { Chart } from "../explore/chart.js";
import { nothing, severity } from "../explore/samples.js";
import { useNotes } from "../explore/notes.js";
import { resolve } from "../explore/series.js";
import { keyOf, spanOf } from "./kinds.js";

const QUALITY = ["", "explore.uncertain", "explore.bad", "explore.bad"];
/** A value that is older than this is said to be. */
const STALE_MS = 60e3;
const LOOK_MS = 10e3;

/** What the lines of a panel are, once it is known; `gone`: how many there are no more. */
function useSeries(lines, known) {
  const keys = lines.map(keyOf);
  const loaded = useLoad((signal) => resolve(keys, known, signal), [keys.join(",")]);
  return { ...loaded, gone: loaded.data ? keys.length - loaded.data.length : 0 };
}

const Gone = ({ count }) =>
  count > 0 ? html`<${Note} tone="warn">${t("dashboards.gone", { count })}<//>` : null;

/** Lines over the last stretch of time; moved by hand until it is told to follow again. */
export function ChartPanel({ content, known }) {
  const series = useSeries(content.lines, known);
  const [seen, setSeen] = useState({ lines: new Map(), range: [0, 1] });
  const [byHand, setByHand] = useState(null);
  const plotOf = useRef(null);
  const [note, setNote] = useState(null);
  const { notes } = useNotes(series.data ?? [], seen.range, known);
  if (content.lines.length === 0) return html`<p class="dim">${t("dashboards.chart_empty")}</p>`;
  if (series.problem) return html`<${Failure} problem=${series.problem} again=${series.again} />`;
  const explored = byHand ?? { last: spanOf(content), from: 0, to: 0 };
  const choose = ({ from, to }) => setByHand({ last: 0, from, to });
  return html`<${Gone} count=${series.gone} />
    <${Chart} ...${{ explored, choose, plotOf, notes }} series=${series.data ?? []} seen=${setSeen} openNote=${setNote} />
    <div class="row apart">
      <${Keys} series=${series.data ?? []} lines=${seen.lines} />
      ${note && html`<button class="button quiet" type="button" onClick=${() => setNote(null)}><${Icon} name="note" />${note.text.slice(0, 200)}</button>`}
      ${byHand && html`<button class="button quiet" type="button" onClick=${() => setByHand(null)}><${Icon} name="live" />${t("explore.to_now")}</button>`}
    </div>`;
}

/** What tells a line from the others: what it is, or whose it is where all are the same. */
function shortNames(series) {
  const machine = ({ where }) => where.split(" / ").at(-1);
  if (new Set(series.map(({ title }) => title)).size === 1 && series.length > 1) return series.map(machine);
  const count = (title) => series.filter((each) => each.title === title).length;
  return series.map((each) => (count(each.title) > 1 ? `${machine(each)} ${each.title}` : each.title));
}

/** Which line is which, with its newest value. */
function Keys({ series, lines }) {
  const names = shortNames(series);
  return html`<ul class="keys">
    ${series.map((each, place) => {
      const line = lines.get(each.key) ?? nothing();
      const last = each.isText ? line.raw.at(-1) : number(line.value.at(-1));
      return html`<li key=${each.key} title=${each.where}>
        <span class="swatch" style=${{ borderColor: `var(${each.colour})` }}></span><span class="ellipsis">${names[place]}</span>${" "}
        <span class="value">${last ?? "–"}</span> <span class="dim">${each.unitText}</span>
      </li>`;
    })}
  </ul>`;
}

/** Beyond which limit a number is: "", "low" or "high". */
export function beyond(value, { low, high }) {
  if (typeof value !== "number" || Number.isNaN(value)) return "";
  if (low !== undefined && value < low) return "low";
  return high !== undefined && value > high ? "high" : "";
}

export function ValuePanel({ content, known }) {
  const series = useSeries(content.measurement ? [content.measurement] : [], known);
  const of = series.data?.[0];
  const [sample, setSample] = useState(null);
  const [now, setNow] = useState(Date.now());
  useEvery(LOOK_MS, () => setNow(Date.now()));
  useEffect(() => {
    setSample(null);
    if (!of) return undefined;
    const receive = (frame) => {
      for (const { tag, time, status, value } of frame) {
        const row = tag.findLastIndex((id) => String(id) === of.tagId);
        if (row >= 0) setSample({ time: time[row], status: status[row], value: value[row] });
      }
    };
    return followSamples([of.tagId], { receive });
  }, [of?.tagId]);
  if (!content.measurement) return html`<p class="dim">${t("dashboards.value_empty")}</p>`;
  if (series.problem) return html`<${Failure} problem=${series.problem} again=${series.again} />`;
  if (series.gone > 0) return html`<${Gone} count=${series.gone} />`;
  return html`<${Large} of=${of} sample=${sample} content=${content} now=${now} />`;
}

function Large({ of, sample, content, now }) {
  const isNumber = sample && of && !of.isText && typeof sample.value === "number";
  const value = isNumber ? sample.value * of.factor + of.offset : sample?.value;
  const limit = isNumber ? beyond(value, content) : "";
  const quality = sample ? severity(sample.status) : 0;
  const isOld = sample && now - sample.time > STALE_MS;
  return html`<div class="large ${limit ? "beyond" : ""}">
    <p class="now">
      <strong>${isNumber ? number(Number(value.toPrecision(6))) : String(value ?? "–")}</strong>
      <span class="dim">${of?.unitText}</span>
    </p>
    <p class="row small">
      ${limit && html`<span class="limit"><${Icon} name="warning" />${t(`dashboards.${limit}`, { limit: content[limit] })}</span>`}
      ${quality > 0 && html`<${Badge} tone=${quality > 1 ? "bad" : "warn"}>${t(QUALITY[quality])}<//>`}
      ${sample && html`<span class="nowrap ${isOld ? "old" : "dim"}" title=${clock(sample.time)}>${isOld ? ago(sample.time, now) : clock(sample.time)}</span>`}
    </p>
    <p class="dim small ellipsis">${of?.where}</p>
  </div>`;
}
