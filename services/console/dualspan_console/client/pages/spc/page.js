// Control charts: whether a process does what it always does, and where it did not.
import { all, ask } from "../../core/api.js";
import { idOf, nameOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { iso, real, share, upward } from "../../core/production.js";
import { query, setQuery } from "../../core/router.js";
import { may, ofTenant } from "../../core/session.js";
import { told } from "../../core/told.js";
import { unitText } from "../../core/units.js";
import { html, useMemo, useState } from "../../core/view.js";
import { number, t } from "../../core/words.js";
import { Drawn } from "../../parts/drawn.js";
import { Badge, Figure, PageHead, Segments } from "../../parts/layout.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { AtPlace, useWhere } from "../../parts/where.js";
import { FixLimits } from "./limits.js";
import { Panel } from "./panel.js";
import { Point } from "./point.js";
import { machinesOf, markOf, panelWords, points, rounded, ruleWords } from "./rules.js";

const REFRESH_MS = 60000;
const ENOUGH = 0.95;

export default function Spc() {
  const where = useWhere();
  const charts = useLoad((signal) => all(ofTenant("controlCharts"), "controlCharts", { signal }), []);
  return html`<${PageHead} title=${t("spc.title")} says=${t("spc.says")} />
    <${AtPlace} of=${where}
      >${(found) => html`<${Loaded} of=${charts}>${(list) => html`<${Body} where=${found} charts=${list} />`}<//>`}<//
    >`;
}

const titleOf = (chart) => chart.displayName || idOf(chart.name);

function Body({ where, charts }) {
  const isHere = (asset) => upward(where.known, idOf(asset.name)).includes(where.at);
  const here = charts.filter((chart) => machinesOf(where.known, chart, isHere).length > 0);
  if (here.length === 0)
    return html`<div class="card">
      <${Empty} icon="control" title=${t(charts.length === 0 ? "spc.none" : "spc.none_here")}>
        <p>${t("spc.none_hint")}</p>
        <code>dualspan analytics spc create</code><//
      >
    </div>`;
  const chart = here.find(({ name }) => idOf(name) === query.value.get("chart")) ?? here[0];
  const machines = machinesOf(where.known, chart, isHere);
  const machine = machines.find(({ name }) => idOf(name) === query.value.get("machine")) ?? machines[0];
  const choose = (name) => (event) => setQuery({ [name]: event.target.value, pick: null }, { replace: false });
  return html`<div class="row where">
      <select class="input place" name="chart" aria-label=${t("spc.chart")} onChange=${choose("chart")}>
        ${here.map((each) => html`<option key=${each.name} value=${idOf(each.name)} selected=${each === chart}>${titleOf(each)}</option>`)}
      </select>
      <select class="input place" name="machine" aria-label=${t("states.machine")} onChange=${choose("machine")}>
        ${machines.map((each) => html`<option key=${each.name} value=${idOf(each.name)} selected=${each === machine}>${nameOf(each)}</option>`)}
      </select>
    </div>
    <${Chart} key=${`${chart.name} ${machine.name}`} where=${where} chart=${chart} asset=${idOf(machine.name)} />`;
}

function Chart({ where, chart, asset }) {
  const estimate = query.value.get("limits") === "estimate";
  const span = {
    startTime: iso(where.from),
    endTime: iso(Math.max(where.from + 1000, Math.min(where.to, Date.now()))),
  };
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("spc.asking"));
      return ask(`${chart.name}:evaluate`, { asset, ...span, estimateLimits: estimate }, signal);
    },
    [where.from, where.to, estimate],
  );
  useEvery(REFRESH_MS, () => where.to > Date.now() && loaded.renew());
  return html`<${Loaded} of=${loaded} lines=${6}
    >${(found) => html`<${Evaluated} ...${{ where, chart, asset, found, span, estimate }} again=${loaded.again} />`}<//
  >`;
}

function Evaluated({ where, chart, asset, found, span, estimate, again }) {
  const rows = useMemo(() => points(found), [found]);
  if (rows.length === 0)
    return html`<div class="card">
      <${Empty} icon="control" title=${t("spc.no_points")}><p>${t("spc.no_points_hint")}</p><//>
    </div>`;
  const chosen = rows.findIndex(({ from }) => String(from) === query.value.get("pick"));
  const choose = (index) => setQuery({ pick: String(rows[index].from) });
  const unitOf = ({ unit }) => (unit ? ` (${unitText(unit)})` : "");
  const table = html`<${AsTable} rows=${rows} panels=${found.panels} clocks=${where.clocks} />`;
  return html`<${Verdict} found=${found} />
    <${Limits} ...${{ where, chart, asset, found, span, estimate, again }} />
    ${found.panels.map(
      (panel, place) =>
        html`<${Drawn}
          key=${panel.title}
          title=${panelWords(panel.title) + unitOf(panel)}
          says=${place === 0 ? t("spc.hint") : undefined}
          table=${table}
          ><${Panel} ...${{ rows, chosen, choose }} clocks=${where.clocks} panel=${place} label=${panelWords(panel.title)}
        /><//>`,
    )}
    ${chosen >= 0 && html`<${Point} ...${{ where, chart, asset }} row=${rows[chosen]} panels=${found.panels} close=${() => setQuery({ pick: null })} />`}
    ${found.violations.length > 0 && html`<${Violations} ...${{ found, rows, choose }} clocks=${where.clocks} />`}
    ${found.capability && html`<${Capability} of=${found.capability} />`}
    ${real(found.goodShare) < ENOUGH && html`<${Note} tone="warn">${t("oee.doubtful", { share: share(found.goodShare) })}<//>`}
    ${found.notes.map((words) => html`<${Note}>${told(words)}<//>`)}`;
}

/** In a word: in control, or not. */
function Verdict({ found }) {
  const count = found.violations.length;
  const concerned = new Set(found.violations.map(({ signalled }) => signalled)).size;
  return html`<p class="row" role="status" data-violations=${count}>
    <${Badge} tone=${count > 0 ? "bad" : "good"}>${t(count > 0 ? "spc.out_of_control" : "spc.in_control")}<//>
    <span class="dim">${t("spc.counted", { count: found.start.length, broken: concerned })}</span>
  </p>`;
}

function Limits({ where, chart, asset, found, span, estimate, again }) {
  const [asking, setAsking] = useState(false);
  const { version, createTime, author, comment } = found.limits;
  const isFixed = version > 0;
  const facts = isFixed
    ? t("spc.fixed", { version, time: where.clocks.dateTime(createTime), who: idOf(author) })
    : t("spc.estimated");
  const choices = [
    ["fixed", t("spc.by_fixed")],
    ["estimate", t("spc.by_span")],
  ];
  const choose = (id) => setQuery({ limits: id === "estimate" ? id : null });
  return html`<div class="row">
    <span class="grow">${facts}${comment && html`${" "}<span class="dim">“${comment}”</span>`}</span>
    ${
      (isFixed || estimate) &&
      html`<${Segments}
        of=${choices}
        chosen=${estimate ? "estimate" : "fixed"}
        choose=${choose}
        label=${t("spc.limits")}
      />`
    }
    ${!isFixed && may("analytics.spc.manage") && html`<button class="button" type="button" data-do="fix" onClick=${() => setAsking(true)}>${t("spc.fix")}</button>`}
    ${asking && html`<${FixLimits} ...${{ chart, asset, span }} clocks=${where.clocks} close=${() => setAsking(false)} done=${again} />`}
  </div>`;
}

function Violations({ found, rows, choose, clocks }) {
  const columns = [
    {
      id: "rule",
      title: t("spc.rule"),
      sort: markOf,
      cell: (row) =>
        html`<span class="row unbroken"><span class="control-badge">${markOf(row)}</span>${ruleWords(row)}</span>`,
    },
    { id: "panel", title: t("spc.plot"), sort: ({ panel }) => panel, cell: ({ panel }) => panelWords(panel) },
    {
      id: "point",
      title: t("spc.at_point"),
      number: true,
      sort: ({ signalled }) => signalled,
      cell: ({ signalled }) => number(signalled + 1),
    },
    {
      id: "time",
      title: t("spc.begins"),
      sort: ({ signalled }) => signalled,
      cell: ({ signalled }) => clocks.dateTime(rows[signalled].from),
    },
    {
      id: "points",
      title: t("spc.points"),
      number: true,
      sort: (row) => row.points.length,
      cell: (row) => number(row.points.length),
    },
  ];
  const keyed = found.violations.map((each, place) => ({ ...each, key: String(place) }));
  return html`<section class="card flush">
    <header><h2>${t("spc.broken")}</h2></header>
    <${Table}
      label=${t("spc.broken")}
      rows=${keyed}
      rowKey=${({ key }) => key}
      columns=${columns}
      open=${({ signalled }) => choose(signalled)}
    />
  </section>`;
}

function Capability({ of }) {
  const index = (id) => {
    const [value, lower, upper] = ["value", "lower", "upper"].map((part) =>
      number(Number(real(of[id][part]).toFixed(2))),
    );
    return html`<${Figure} label=${t(`spc.${id}`)} under=${t("spc.between", { lower, upper })}>${value}<//>`;
  };
  return html`<section class="stack tight">
    <h2>${t("spc.capability")}</h2>
    <div class="figures">${["cp", "cpk", "pp", "ppk"].map(index)}</div>
    <p class="dim small">
      ${t("spc.values", { count: Number(of.values), outside: Number(of.outside), mean: rounded(real(of.mean)), sigma: rounded(real(of.sigmaWithin)) })}
    </p>
    ${of.notes.map((words) => html`<${Note} tone="warn">${told(words)}<//>`)}
  </section>`;
}

function AsTable({ rows, panels, clocks }) {
  const columns = [
    {
      id: "number",
      title: t("spc.at_point"),
      number: true,
      sort: ({ index }) => index,
      cell: ({ index }) => number(index + 1),
    },
    { id: "from", title: t("spc.begins"), sort: ({ from }) => from, cell: ({ from }) => clocks.dateTime(from) },
    { id: "label", title: t("spc.label"), sort: ({ label }) => label, cell: ({ label }) => label || "–" },
    { id: "size", title: t("spc.size"), number: true, sort: ({ size }) => size, cell: ({ size }) => rounded(size) },
    ...panels.flatMap((panel, place) =>
      ["value", "lower", "upper"].map((name) => ({
        id: `${panel.title} ${name}`,
        title: name === "value" ? panelWords(panel.title) : t(`spc.${name}`),
        number: true,
        cell: (row) => rounded(row.panels[place][name]),
      })),
    ),
    {
      id: "broken",
      title: t("spc.rule"),
      cell: (row) => row.panels.flatMap(({ broken }) => broken.map(markOf)).join(" ") || "–",
    },
  ];
  return html`<${Table}
    label=${t("spc.title")}
    rows=${rows}
    rowKey=${({ index }) => String(index)}
    columns=${columns}
  />`;
}
