// How the platform is: its services, what waits for their workers, what their tables take and how fast that grows.
import { get } from "../../core/api.js";
import { useEvery, useLoad } from "../../core/load.js";
import { html, useState } from "../../core/view.js";
import { ago, bytes, dateTime, t } from "../../core/words.js";
import { Badge, Figure, PageHead } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { SERVICES } from "./services.js";

const REFRESH_MS = 10000;
const LONG_QUEUE = 1000;
const FIRST_TABLES = 15;

/** Every service's own word; of one that does not answer, why. */
async function read(signal) {
  const answers = await Promise.allSettled(SERVICES.map((service) => get(`services/${service}/status`, {}, signal)));
  if (signal.aborted) throw signal.reason;
  return answers.map((each, place) => ({
    service: SERVICES[place],
    status: each.status === "fulfilled" ? each.value : null,
    why: each.status === "fulfilled" ? "" : each.reason.message,
  }));
}

export default function Platform() {
  const loaded = useLoad(read, []);
  useEvery(REFRESH_MS, loaded.renew);
  return html`<${PageHead} title=${t("admin.platform")} says=${t("admin.platform_says")} />
    <${Loaded} of=${loaded} lines=${6}
      >${(services) =>
        html`<div class="stack">
          <section class="card flush"><header><h2>${t("admin.services")}</h2></header><${Services} services=${services} /></section>
          <${Storage} services=${services} />
        </div>`}<//
    >`;
}

function Services({ services }) {
  const columns = [
    {
      id: "service",
      title: t("admin.service"),
      cell: ({ service, why }) =>
        html`<span class="leaf">${t(`service.${service}`)}</span><span class="under">${why || t(`service.${service}_does`)}</span>`,
    },
    {
      id: "state",
      title: t("admin.state"),
      cell: ({ status }) =>
        html`<${Badge} tone=${status ? "good" : "bad"}>${t(status ? "admin.answers" : "admin.silent")}<//>`,
    },
    {
      id: "queue",
      title: t("admin.waiting"),
      number: true,
      cell: ({ status }) => {
        if (!status?.queue) return "–";
        if (status.queue.silent) return html`<${Badge} tone="bad">${t("admin.broker_silent")}<//>`;
        const waiting = Number(status.queue.waiting);
        return waiting > LONG_QUEUE ? html`<${Badge} tone="warn">${t("admin.tasks", { count: waiting })}<//>` : t("admin.tasks", { count: waiting });
      },
    },
    {
      id: "since",
      title: t("admin.runs_since"),
      cell: ({ status }) => status && html`<span title=${dateTime(status.startTime)}>${ago(status.startTime)}</span>`,
    },
    { id: "version", title: t("admin.version"), cell: ({ status }) => status?.version ?? "–" },
  ];
  return html`<${Table} label=${t("admin.services")} rows=${services} rowKey=${({ service }) => service} columns=${columns} />`;
}

/** What all tables take together, and by how much a day makes it more as far as that can be told. */
function sums(tables) {
  const known = tables.filter(({ growth }) => growth !== undefined);
  return {
    size: tables.reduce((sum, each) => sum + each.size, 0),
    growth: known.length > 0 ? known.reduce((sum, each) => sum + each.growth, 0) : undefined,
  };
}

/** A change in bytes, with its sign. */
const change = (amount) =>
  amount === undefined ? "–" : `${amount < 0 ? "−" : "+"}${bytes(Math.round(Math.abs(amount)))}`;

function Storage({ services }) {
  const tables = services
    .flatMap(({ service, status }) => (status?.tables ?? []).map((each) => ({ ...each, service })))
    .map(({ service, table, bytes: size, dailyGrowthBytes }) => ({ service, table, size: Number(size), growth: dailyGrowthBytes }))
    .sort((a, b) => b.size - a.size);
  const { size, growth } = sums(tables);
  const [whole, setWhole] = useState(false);
  const since = services.map(({ status }) => status?.readingsSince).filter(Boolean).sort()[0];
  const columns = [
    {
      id: "table",
      title: t("admin.table"),
      sort: ({ table }) => table,
      cell: ({ table, service }) => html`<code>${table}</code><span class="under">${t(`service.${service}`)}</span>`,
    },
    { id: "size", title: t("admin.size"), number: true, sort: (each) => each.size, cell: (each) => bytes(each.size) },
    { id: "growth", title: t("admin.growth"), number: true, sort: (each) => each.growth ?? -Infinity, cell: (each) => change(each.growth) },
  ];
  return html`<div class="figures">
      <${Figure} label=${t("admin.stored")} under=${t("admin.tables", { count: tables.length })}>${bytes(size)}<//>
      <${Figure} label=${t("admin.growth")} under=${growth === undefined ? t("admin.growth_later") : t("admin.growth_since", { time: ago(since) })}>
        ${change(growth)}
      <//>
      <${Figure} label=${t("admin.in_a_year")} under=${t("admin.in_a_year_hint")}>${growth === undefined ? "–" : bytes(Math.max(0, size + 365 * growth))}<//>
    </div>
    <section class="card flush">
      <header><h2>${t("admin.storage")}</h2></header>
      <${Table} label=${t("admin.storage")} rows=${whole ? tables : tables.slice(0, FIRST_TABLES)} rowKey=${({ service, table }) => `${service}.${table}`} columns=${columns} />
      ${!whole && html`<p class="inside"><button class="button" data-do="all-tables" onClick=${() => setWhole(true)}>${t("admin.all_tables", { count: tables.length })}</button></p>`}
    </section>`;
}
