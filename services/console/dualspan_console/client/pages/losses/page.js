// Losses: what cost the most time, or happened most often, as a Pareto.
import { get } from "../../core/api.js";
import { nameOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { assetOf, elementWords, iso, lasting, real, share } from "../../core/production.js";
import { query, setQuery } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { duration, number, t, tOr } from "../../core/words.js";
import { Bars, ShareBar } from "../../parts/bars.js";
import { Drawn } from "../../parts/drawn.js";
import { PageHead, Segments } from "../../parts/layout.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { AtPlace, NoCalendar, useWhere } from "../../parts/where.js";
import { NoStates } from "../states/page.js";

const KEYS = ["REASON", "STATE", "ASSET", "ELEMENT"];
const MOST_BARS = 12;
const HOUR = 3600e3;

export default function LossesPage() {
  const where = useWhere();
  return html`<${PageHead} title=${t("losses.title")} says=${t("losses.says")} />
    <${AtPlace} of=${where}>${(found) => html`<${Body} where=${found} />`}<//>`;
}

const chosen = (name, of) => (of.includes(query.value.get(name)) ? query.value.get(name) : of[0]);

function Body({ where }) {
  const key = chosen("key", KEYS);
  const by = chosen("by", ["time", "count"]);
  const planned = query.value.get("planned") === "1";
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("losses.asking"));
      const span = {
        startTime: iso(where.from),
        endTime: iso(Math.max(where.from + 1000, Math.min(where.to, Date.now()))),
      };
      return get(
        ofTenant("losses"),
        { assets: [where.at], ...span, key: `LOSS_KEY_${key}`, includePlanned: planned },
        signal,
      );
    },
    [where.at, where.from, where.to, key, planned],
  );
  return html`<div class="row where">
      <${Segments}
        of=${KEYS.map((id) => [id, t(`losses.key_${id}`)])}
        chosen=${key}
        choose=${(id) => setQuery({ key: id })}
        label=${t("losses.key")}
      />
      <${Segments}
        of=${[
          ["time", t("losses.by_time")],
          ["count", t("losses.by_count")],
        ]}
        chosen=${by}
        choose=${(id) => setQuery({ by: id })}
        label=${t("losses.by")}
      />
      <label class="tick"
        ><input type="checkbox" checked=${planned} onChange=${() => setQuery({ planned: planned ? null : "1" })} /><span
          >${t("losses.planned")}</span
        ></label
      >
    </div>
    <${NoCalendar} where=${where} />
    <${Loaded} of=${loaded} lines=${6}>${(found) => html`<${Pareto} ...${{ where, found, key_: key, by }} />`}<//>`;
}

/** What a key is called. */
function wordsOf(known, key, { key: id, displayName }) {
  if (key === "ASSET") return nameOf(assetOf(known, id) ?? { name: id });
  if (key === "ELEMENT") return elementWords(id.replace("TIME_ELEMENT_", "").toUpperCase().replaceAll("-", "_"));
  if (key === "STATE") return tOr(`production.state_${id}`, displayName || id);
  return displayName || id || t("losses.no_reason");
}

/** In the order of time or of count, with sums from the top. */
function ordered(losses, by) {
  const weight = (each) => (by === "time" ? lasting(each.duration) : Number(each.count));
  const whole = losses.reduce((total, each) => total + weight(each), 0) || 1;
  let sum = 0;
  return [...losses]
    .sort((a, b) => weight(b) - weight(a))
    .map((each) => {
      sum += weight(each);
      return { ...each, weight: weight(each), part: weight(each) / whole, sum: sum / whole };
    });
}

function Pareto({ where, found, key_, by }) {
  const { known } = where;
  if (found.losses.length === 0 && found.skippedAssets.length > 0)
    return html`<${NoStates} skipped=${found.skippedAssets} />`;
  if (found.losses.length === 0)
    return html`<div class="card">
      <${Empty} icon="check" title=${t("losses.none")}><p>${t("losses.none_hint")}</p><//>
    </div>`;
  const rows = ordered(found.losses, by).map((each) => ({ ...each, words: wordsOf(known, key_, each) }));
  const bars = rows.slice(0, MOST_BARS).map(({ key, words, weight, sum }) => ({
    id: key || "none",
    words,
    value: by === "time" ? weight / HOUR : weight,
    line: sum,
    tone: "loss",
  }));
  const vital = rows.findIndex(({ sum }) => sum >= 0.8) + 1;
  const format = by === "time" ? (value) => `${number(value)} h` : (value) => number(value);
  return html`<${Drawn}
      title=${t("losses.pareto")}
      says=${t("losses.vital", { count: vital, whole: rows.length })}
      table=${html`<${AsTable} rows=${rows} where=${where} key_=${key_} />`}
    >
      <${Bars} bars=${bars} format=${format} label=${t("losses.pareto")} />
    <//>
    <section class="card flush"><${AsTable} rows=${rows} where=${where} key_=${key_} /></section>
    ${real(found.goodShare) < 0.95 && html`<${Note} tone="warn">${t("oee.doubtful", { share: share(found.goodShare) })}<//>`}`;
}

function AsTable({ rows, where, key_ }) {
  const link = ({ key, words }) => {
    const at = key_ === "ASSET" ? key : where.at;
    return html`<a
      class="leaf"
      href=${`/oee?at=${encodeURIComponent(at)}&from=${encodeURIComponent(iso(where.from))}&to=${encodeURIComponent(iso(where.to))}&span=${where.kind}`}
      >${words}</a
    >`;
  };
  const columns = [
    { id: "what", title: t(`losses.key_${key_}`), sort: ({ words }) => words, cell: link },
    {
      id: "time",
      title: t("losses.time"),
      number: true,
      sort: (row) => lasting(row.duration),
      cell: (row) => html`<span class="nowrap">${duration(lasting(row.duration))}</span>`,
    },
    {
      id: "count",
      title: t("losses.count"),
      number: true,
      sort: ({ count }) => Number(count),
      cell: ({ count }) => number(Number(count)),
    },
    {
      id: "each",
      title: t("losses.each"),
      number: true,
      sort: (row) => lasting(row.duration) / Number(row.count),
      cell: (row) =>
        Number(row.count) > 0 ? html`<span class="nowrap">${duration(lasting(row.duration) / Number(row.count))}</span>` : "–",
    },
    {
      id: "share",
      title: t("losses.share"),
      sort: ({ part }) => part,
      cell: ({ part }) => html`<${ShareBar} value=${part} words=${share(part)} tone="loss" />`,
    },
    { id: "sum", title: t("losses.sum"), number: true, cell: ({ sum }) => share(sum) },
  ];
  return html`<${Table}
    label=${t("losses.title")}
    rows=${rows}
    rowKey=${({ key }) => key || "none"}
    columns=${columns}
  />`;
}
