// Limits and how much of them is used: what apps may read in a month, and what machines' servers bear.
import { all, ask, get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { may, ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { bytes, number, percent, t, tOr } from "../../core/words.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { isOver } from "../apps/states.js";

/** So many servers are asked at the same time. */
const AT_ONCE = 6;

/** The answers to many questions, a few at a time, and how many were not answered. */
async function several(items, question, { signal, tell }) {
  const found = { rows: [], silent: 0 };
  for (let first = 0; first < items.length; first += AT_ONCE) {
    tell(t("admin.asked_of", { done: first, count: items.length }));
    const answers = await Promise.allSettled(items.slice(first, first + AT_ONCE).map(question));
    if (signal.aborted) throw signal.reason;
    const told = answers.filter(({ status }) => status === "fulfilled");
    found.rows.push(...told.flatMap(({ value }) => value));
    found.silent += answers.length - told.length;
  }
  return found;
}

async function ofApps(signal, tell) {
  const subscriptions = await all(ofTenant("subscriptions"), "subscriptions", { signal });
  const running = subscriptions.filter(({ state }) => !isOver(state));
  return several(
    running,
    async ({ name, plan }) => {
      const { quotas } = await get(`${name}/usage`, {}, signal);
      return quotas.map((each) => ({
        id: `${name} ${each.dimension}`,
        link: `/apps/${idOf(name)}?tab=usage`,
        who: idOf(name),
        under: idOf(plan),
        what: t(`usage.${each.dimension.replace("USAGE_DIMENSION_", "")}`),
        used: Number(each.used),
        limit: Number(each.hardLimit) || Number(each.softLimit),
      }));
    },
    { signal, tell },
  );
}

async function ofServers(signal, tell) {
  const gateways = await all(ofTenant("gateways"), "gateways", { signal });
  const lists = await several(gateways, ({ name }) => all(`${name}/servers`, "opcUaServers", { signal }), { signal, tell });
  const found = await several(
    lists.rows,
    async ({ name, displayName }) => {
      const { figures } = await ask(`${name}:estimateLoad`, {}, signal);
      const [, , , gateway, , server] = name.split("/");
      return figures
        .filter(({ limit }) => limit > 0)
        .map((each) => ({
          id: `${name} ${each.quantity}`,
          link: `/gateways/${gateway}`,
          who: displayName || server,
          under: gateway,
          what: tOr(`connect.quantity_${each.quantity}`, each.quantity.replaceAll("_", " ")),
          unit: each.unit,
          used: each.present,
          limit: each.limit,
        }));
    },
    { signal, tell },
  );
  return { ...found, silent: lists.silent + found.silent };
}

export default function Quotas() {
  return html`<${PageHead} title=${t("admin.quotas")} says=${t("admin.quotas_says")} />
    <div class="stack">
      ${may("marketplace.subscriptions.read") && html`<${Part} title=${t("admin.app_quotas")} read=${ofApps} none=${t("admin.no_app_quotas")} />`}
      ${may("onboarding.servers.read") && html`<${Part} title=${t("admin.server_quotas")} read=${ofServers} none=${t("admin.no_server_quotas")} />`}
    </div>`;
}

function Part({ title, read, none }) {
  const loaded = useLoad(read, [read]);
  return html`<section class="card flush">
    <header><h2>${title}</h2></header>
    <${Loaded} of=${loaded}
      >${({ rows, silent }) => html`
        ${silent > 0 && html`<${Note} tone="warn">${t("admin.quotas_silent", { count: silent })}<//>`}
        ${rows.length === 0 && silent === 0 && html`<${Empty} icon="gauge" title=${t("admin.no_quotas")}><p>${none}</p><//>`}
        ${rows.length > 0 && html`<${Rows} title=${title} rows=${rows} />`}
      `}<//
    >
  </section>`;
}

const TIGHT = 0.8;
const toneOf = (share) => (share >= 1 ? "bad" : share >= TIGHT ? "warn" : "good");

/** What is counted stands in the row already; only what is by the second, or in bytes, has a unit. */
const amount = (value, unit) =>
  unit === "bytes" ? bytes(value) : `${number(Number(value.toPrecision(4)))}${unit?.endsWith("/s") ? " /s" : ""}`;

function Rows({ title, rows }) {
  const tightest = [...rows].sort((a, b) => b.used / b.limit - a.used / a.limit);
  const columns = [
    { id: "who", title: t("admin.name"), sort: ({ who }) => who, cell: ({ who, under, link }) => html`<a class="leaf" href=${link}>${who}</a><span class="under">${under}</span>` },
    { id: "what", title: t("admin.limited"), sort: ({ what }) => what, cell: ({ what }) => what },
    { id: "used", title: t("admin.used"), number: true, sort: ({ used }) => used, cell: ({ used, unit }) => amount(used, unit) },
    { id: "limit", title: t("admin.limit"), number: true, sort: ({ limit }) => limit, cell: ({ limit, unit }) => amount(limit, unit) },
    {
      id: "share",
      title: t("admin.share"),
      number: true,
      sort: ({ used, limit }) => used / limit,
      cell: ({ used, limit }) => html`<${Badge} tone=${toneOf(used / limit)}>${percent(used / limit)}<//>`,
    },
  ];
  return html`<${Table} label=${title} rows=${tightest} rowKey=${({ id }) => id} columns=${columns} />`;
}
