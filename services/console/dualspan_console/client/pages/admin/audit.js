// The audit log: who did what to what, looked through by any of them and by day.
import { all, get, save } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { query, setQuery } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { html, useEffect, useState } from "../../core/view.js";
import { dateTime, number, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt, toast } from "../../parts/toasts.js";
import { csv } from "./csv.js";

const FIELDS = ["actor", "action", "resource", "from", "to"];
const PAGE = 100;
const MOST_ROWS = 100000;

/** The beginning of a day where the person is, some days later. */
function midnight(text, later = 0) {
  const [year, month, dayOfMonth] = text.split("-").map(Number);
  return new Date(year, month - 1, dayOfMonth + later).toISOString();
}

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

/** What the address says is wanted, as the contract has it. */
function asked() {
  const given = Object.fromEntries(FIELDS.map((name) => [name, query.value.get(name) ?? ""]));
  for (const name of ["from", "to"]) if (!isDay(given[name])) given[name] = "";
  const { from, to, ...rest } = given;
  const filter = { ...rest, startTime: from && midnight(from), endTime: to && midnight(to, 1) };
  return { given, filter };
}

export default function Audit() {
  const { given, filter } = asked();
  const loaded = useLoad((signal) => get(ofTenant("auditEvents"), { pageSize: PAGE, ...filter }, signal), [query.value.toString()]);
  const [tail, setTail] = useState(null);
  const more = tail && tail.of === loaded.data ? tail : { rows: [], token: loaded.data?.nextPageToken };
  const goOn = async () => {
    const page = await attempt(() => get(ofTenant("auditEvents"), { pageSize: PAGE, ...filter, pageToken: more.token }));
    if (page) setTail({ of: loaded.data, rows: [...more.rows, ...page.auditEvents], token: page.nextPageToken });
  };
  const [read, setRead] = useState(null);
  const keep = async () => {
    setRead(0);
    await attempt(() => saveAll(filter, setRead));
    setRead(null);
  };
  const file = html`<button class="button" data-do="save" disabled=${read !== null} onClick=${keep}>
    <${Icon} name="download" /><span role="status">${read ? t("admin.saving_csv", { count: number(read) }) : t("admin.save_csv")}</span>
  </button>`;
  return html`<${PageHead} title=${t("admin.audit")} says=${t("admin.audit_says")} actions=${file} />
    <section class="card flush">
      <header><${Filters} given=${given} /></header>
      <${Loaded} of=${loaded}>${({ auditEvents }) => html`<${Rows} rows=${[...auditEvents, ...more.rows]} />`}<//>
      ${more.token && html`<p class="inside"><button class="button" data-do="more" onClick=${goOn}>${t("admin.older")}</button></p>`}
    </section>`;
}

function Filters({ given }) {
  return html`<div class="filters" role="search">
    <${Filter} name="action" value=${given.action} placeholder="user.update" />
    <${Filter} name="actor" value=${given.actor} placeholder="users/ada" />
    <${Filter} name="resource" value=${given.resource} placeholder="tenants/…" />
    <${Filter} name="from" type="date" value=${given.from} /> <${Filter} name="to" type="date" value=${given.to} />
    ${
      FIELDS.some((name) => given[name]) &&
      html`<button class="button quiet" type="button" data-do="clear" onClick=${() => setQuery(Object.fromEntries(FIELDS.map((name) => [name, ""])))}>
        <${Icon} name="close" />${t("admin.clear")}
      </button>`
    }
  </div>`;
}

/** What is typed counts by Enter, or when one goes on. */
function Filter({ name, type = "text", value, placeholder }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return html`<${Field} label=${t(`admin.by_${name}`)}
    >${(bound) =>
      html`<input
        class="input"
        name=${name}
        type=${type}
        placeholder=${placeholder}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
        onChange=${(event) => setQuery({ [name]: event.target.value.trim() })}
        ...${bound}
      />`}<//
  >`;
}

/** Words that narrow the search to themselves. */
const Narrow = ({ field, value, long, children }) =>
  html`<button type="button" class="narrow-to ${long ? "long" : ""}" title=${`${t("admin.only_this")}: ${value}`} onClick=${() => setQuery({ [field]: value })}>${children}</button>`;

/** The beginning of an id that says nothing to anybody. */
const short = (actor) => actor.replace(/([0-9a-f]{8})[0-9a-f]{24}$/, "$1…");
/** May be broken after a dot, and nowhere else. */
const breakable = (action) => action.split(".").map((part, place) => (place === 0 ? part : html`.<wbr />${part}`));
const facts = (details) =>
  Object.entries(details)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}: ${value}`)
    .join(" · ");

function Rows({ rows }) {
  if (rows.length === 0)
    return html`<${Empty} icon="search" title=${t("admin.no_events")}><p>${t("admin.no_events_hint")}</p><//>`;
  const columns = [
    { id: "time", title: t("admin.when"), cell: ({ eventTime }) => html`<span class="nowrap">${dateTime(eventTime)}</span>` },
    { id: "action", title: t("admin.by_action"), cell: ({ action }) => html`<${Narrow} field="action" value=${action}><code>${breakable(action)}</code><//>` },
    { id: "actor", title: t("admin.by_actor"), cell: ({ actor }) => html`<${Narrow} field="actor" value=${actor}>${short(actor)}<//>` },
    {
      id: "resource",
      title: t("admin.by_resource"),
      cell: ({ resource, details }) =>
        html`<${Narrow} field="resource" value=${resource} long>${resource.split("/").slice(2).join("/") || resource}<//>
          <span class="under">${facts(details)}</span>`,
    },
  ];
  return html`<${Table} label=${t("admin.audit")} rows=${rows} rowKey=${({ name }) => name} columns=${columns} />`;
}

/** The file has one row more than it may if there are more: the last line says so. */
async function saveAll(filter, tell) {
  const onPage = (rows) => tell(rows.length);
  const rows = await all(ofTenant("auditEvents"), "auditEvents", { query: filter, most: MOST_ROWS + 1, onPage });
  const isCut = rows.length > MOST_ROWS;
  const head = ["event_time", "actor", "action", "resource", "details", "request_id"];
  const lines = rows.slice(0, MOST_ROWS).map((each) => [each.eventTime, each.actor, each.action, each.resource, JSON.stringify(each.details), each.requestId]);
  const end = isCut ? [[t("admin.csv_cut", { count: number(MOST_ROWS) })]] : [];
  save(csv([head, ...lines, ...end]), "audit.csv");
  if (isCut) toast(t("admin.csv_cut", { count: number(MOST_ROWS) }));
}
