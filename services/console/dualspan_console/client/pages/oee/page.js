// OEE: how much of the planned time was good production, shift by shift, and where the rest went.
import { ask } from "../../core/api.js";
import { nameOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { ascending, assetOf, iso, opened, ratios, real, share } from "../../core/production.js";
import { go, setQuery } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { told } from "../../core/told.js";
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Bars, ShareBar } from "../../parts/bars.js";
import { Drawn } from "../../parts/drawn.js";
import { Figure, PageHead } from "../../parts/layout.js";
import { Patterns } from "../../parts/patterns.js";
import { Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { AtPlace, NoCalendar, useWhere } from "../../parts/where.js";
import { NoStates } from "../states/page.js";
import { Losses } from "./losses.js";

const REFRESH_MS = 60000;
const WEEK = 7 * 86400e3;
const PARTS = ["availability", "effectiveness", "quality-ratio"];
const ENOUGH = 0.95;

export default function Oee() {
  const where = useWhere();
  return html`<${PageHead} title=${t("oee.title")} says=${t("oee.says")} /><${Patterns} />
    <${AtPlace} of=${where}>${(found) => html`<${Body} where=${found} />`}<//>`;
}

function Body({ where }) {
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("oee.asking"));
      return opened("oee", where.at, where.from, where.to, signal);
    },
    [where.at, where.from, where.to],
  );
  useEvery(REFRESH_MS, () => where.to > Date.now() && loaded.renew());
  return html`<${NoCalendar} where=${where} />
    <${Loaded} of=${loaded} lines=${6}
      >${(detail) =>
        detail.machines.length === 0
          ? html`<${NoStates} skipped=${detail.skipped} />`
          : html`<${Figures} detail=${detail} />
              <${Losses} where=${where} detail=${detail} again=${loaded.again} />
              ${detail.machines.length > 1 && html`<${Machines} where=${where} detail=${detail} />`}`}<//
    >
    ${where.calendar && html`<${Shifts} where=${where} />`}`;
}

/** OEE and what it is a product of. */
export function Figures({ detail }) {
  const { oee, availability, performance, quality } = ratios(detail.sums, detail.value);
  const figure = (label, under, value) => html`<${Figure} label=${label} under=${under}>${share(value)}<//>`;
  return html`<div class="figures">
      ${figure(t("oee.oee"), t("oee.oee_under"), oee)}${figure(t("oee.availability"), t("oee.availability_under"), availability)}
      ${figure(t("oee.performance"), t("oee.performance_under"), performance)}${figure(t("oee.quality"), t("oee.quality_under"), quality)}
    </div>
    ${detail.goodShare < ENOUGH && html`<${Note} tone="warn">${t("oee.doubtful", { share: share(detail.goodShare) })}<//>`}
    ${detail.reason && html`<${Note}>${told(detail.reason)}<//>`}`;
}

function Machines({ where, detail }) {
  const { known } = where;
  const rows = detail.machines
    .map((each) => ({ ...each, ...ratios(each.sums, each.value) }))
    .sort((a, b) => ascending(a.oee) - ascending(b.oee));
  const titleOf = ({ asset }) => nameOf(assetOf(known, asset) ?? { name: asset });
  const ratio = (id, title) => ({
    id,
    title,
    number: true,
    sort: (row) => ascending(row[id]),
    cell: (row) => share(row[id]),
  });
  const columns = [
    {
      id: "machine",
      title: t("states.machine"),
      sort: titleOf,
      cell: (row) => html`<a class="leaf" href=${linkTo(where, row.asset)}>${titleOf(row)}</a>`,
    },
    {
      id: "oee",
      title: t("oee.oee"),
      sort: ({ oee }) => ascending(oee),
      cell: ({ oee, reason }) =>
        html`<${ShareBar}
            value=${oee}
            words=${share(oee)}
          />${reason && !Number.isFinite(oee) && html`<span class="under">${reason}</span>`}`,
    },
    ratio("availability", t("oee.availability")),
    ratio("performance", t("oee.performance")),
    ratio("quality", t("oee.quality")),
  ];
  return html`<section class="card flush">
    <header>
      <h2>${t("oee.by_machine")}</h2>
    </header>
    <${Table}
      label=${t("oee.by_machine")}
      rows=${rows}
      rowKey=${({ asset }) => asset}
      columns=${columns}
      open=${({ asset }) => go(linkTo(where, asset))}
    />
  </section>`;
}

/** This page about another place, in the same period. */
const linkTo = ({ kind, from, to }, asset) =>
  `/oee?at=${encodeURIComponent(asset)}&span=${kind}&from=${encodeURIComponent(iso(from))}&to=${encodeURIComponent(iso(to))}`;

/** The shifts of the week that ends with the period, the first of them whole. */
async function byShift(where, signal) {
  const end = Math.min(where.to, Date.now());
  const first = where.shifts.find(({ to }) => to > end - WEEK);
  const answer = await ask(
    ofTenant("kpis:query"),
    {
      assets: [where.at],
      startTime: iso(Math.min(where.from, first?.from ?? end - WEEK, end - WEEK)),
      endTime: iso(end),
      kpis: ["oee", ...PARTS],
      groupBy: ["DIMENSION_SHIFT"],
    },
    signal,
  );
  const column = (kpi) => answer.kpis.find((each) => each.kpi === kpi)?.values ?? [];
  const goodShares = answer.kpis[0]?.goodShares ?? [];
  return answer.startTimesUs.map((start, index) => ({
    id: start,
    from: Number(start) / 1000,
    name: answer.shifts.texts[answer.shifts.places[index]],
    oee: real(column("oee")[index]),
    parts: PARTS.map((kpi) => real(column(kpi)[index])),
    good: real(goodShares[index]),
  }));
}

function Shifts({ where }) {
  const { clocks } = where;
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("oee.asking_week"));
      return byShift(where, signal);
    },
    [where.at, where.from, where.to],
  );
  const show = (id) => {
    const shift = where.shifts.find(({ from }) => from === Number(id) / 1000);
    if (shift) setQuery({ span: "shift", from: iso(shift.from), to: iso(shift.to), pick: null }, { replace: false });
  };
  return html`<${Loaded} of=${loaded}
    >${(rows) => {
      // A shift without data says nothing: it stays in the table, with a dash.
      const bars = rows.map(({ id, from, name, oee, good }, index) => ({
        id,
        words: name,
        under: index === 0 || clocks.day(from) !== clocks.day(rows[index - 1].from) ? clocks.shortDay(from) : undefined,
        value: good > 0 ? oee : Number.NaN,
        chosen: from >= where.from && from < where.to,
      }));
      return html`<${Drawn}
        title=${t("oee.by_shift")}
        says=${t("oee.by_shift_hint")}
        table=${html`<${Table} label=${t("oee.by_shift")} rows=${rows} rowKey=${({ id }) => id} columns=${shiftColumns(clocks)} open=${({ id }) => show(id)} />`}
        ><${Bars} bars=${bars} top=${1} format=${(value) => share(value)} label=${t("oee.by_shift")} open=${show}
      /><//>`;
    }}<//
  >`;
}

const shiftColumns = (clocks) => [
  {
    id: "shift",
    title: t("production.span_shift"),
    sort: ({ from }) => from,
    cell: ({ from, name }) => `${clocks.day(from)}, ${name}`,
  },
  {
    id: "oee",
    title: t("oee.oee"),
    sort: ({ oee }) => ascending(oee),
    cell: ({ oee }) => html`<${ShareBar} value=${oee} words=${share(oee)} />`,
  },
  ...["oee.availability", "oee.performance", "oee.quality"].map((title, index) => ({
    id: title,
    title: t(title),
    number: true,
    cell: ({ parts }) => share(parts[index]),
  })),
  { id: "good", title: t("oee.good_data"), number: true, cell: ({ good }) => share(good) },
];
