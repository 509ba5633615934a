// The breadth of the platform, counted now: each number with the list behind it, as a page and as a file.
import { get, save } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { query, setQuery } from "../../core/router.js";
import { html } from "../../core/view.js";
import { dateTime, number, t, tOr } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Menu } from "../../parts/menu.js";
import { csv } from "./csv.js";
import { SERVICES } from "./services.js";

/** What is shown, in this order; what the platform counts besides comes after. */
const ORDER = [
  "devices", "gateways", "protocols", "tags", "assets", "asset-models", "industries", "domains", "companion-specifications",
  "apps", "subscriptions", "publishers", "app-industries", "app-domains", "developers", "users-active", "users", "tenants",
];
const rank = ({ kind }) => (ORDER.includes(kind) ? ORDER.indexOf(kind) : ORDER.length);

async function read(signal) {
  const answers = await Promise.allSettled(SERVICES.map((service) => get(`services/${service}/evidence`, {}, signal)));
  if (signal.aborted) throw signal.reason;
  const told = answers.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
  return {
    kinds: told.flatMap(({ evidence }) => evidence).sort((a, b) => rank(a) - rank(b)),
    time: told.map(({ countTime }) => countTime).sort()[0] ?? "",
    silent: SERVICES.filter((_, place) => answers[place].status === "rejected"),
  };
}

/** What people call one of them, where the id is a word that we know. */
const VOCABULARIES = { industries: "industry", domains: "domain", "app-industries": "industry", "app-domains": "domain" };
const nameOf = (kind, item) =>
  VOCABULARIES[kind] ? tOr(`${VOCABULARIES[kind]}.${item.id}`, item.id) : item.displayName || item.id;

export default function Evidence() {
  const loaded = useLoad(read, []);
  const file = loaded.data &&
    html`<${Menu} class="button" label=${html`<${Icon} name="download" />${t("admin.save_file")}`}>
      <button type="button" data-do="csv" onClick=${() => save(asCsv(loaded.data), "evidence.csv")}>${t("admin.as_csv")}</button>
      <button type="button" data-do="json" onClick=${() => save(asJson(loaded.data), "evidence.json")}>${t("admin.as_json")}</button>
    <//>`;
  return html`<${PageHead} title=${t("admin.evidence")} says=${t("admin.evidence_says")} actions=${file} />
    <${Loaded} of=${loaded} lines=${6}>${(data) => html`<${Page} ...${data} />`}<//>`;
}

function Page({ kinds, time, silent }) {
  const wanted = query.value.get("kind") ?? "";
  const chosen = kinds.find(({ kind }) => kind === wanted) ?? kinds[0];
  return html`<div class="stack">
    ${silent.length > 0 && html`<${Note} tone="warn">${t("admin.evidence_silent", { services: silent.map((each) => t(`service.${each}`)).join(", ") })}<//>`}
    <p class="dim small">${t("admin.counted", { time: dateTime(time) })}</p>
    <ul class="figures">
      ${kinds.map(
        ({ kind, count }) =>
          html`<li key=${kind}>
            <button type="button" class="card figure pick" data-kind=${kind} aria-pressed=${kind === chosen?.kind} onClick=${() => setQuery({ kind })}>
              <span class="label">${tOr(`evidence.${kind}`, kind)}</span><strong>${number(Number(count))}</strong>
            </button>
          </li>`,
      )}
    </ul>
    ${chosen && html`<${Behind} key=${chosen.kind} ...${chosen} />`}
  </div>`;
}

/** As many of a list the platform tells; the number is of all. */
const MOST_LISTED = 1000;
/** Whether the list ends before what was counted does. */
const isCut = ({ count, items }) => items.length >= MOST_LISTED && items.length < Number(count);

/** The list behind a number. */
/** Whose it is stands above all of them. */
const withoutTenant = (id) => id.replace(/^tenants\/[^/]+\//, "");

function Behind({ kind, count, items }) {
  const title = tOr(`evidence.${kind}`, kind);
  if (items.length === 0)
    return html`<section class="card">
      <${Empty} icon="search" title=${title}
        ><p>${t(Number(count) > 0 ? "admin.no_list" : "admin.nothing_to_count")}</p><//
      >
    </section>`;
  const columns = [
    {
      id: "name",
      title: t("admin.name"),
      sort: (item) => nameOf(kind, item),
      cell: (item) =>
        html`<span class="leaf">${nameOf(kind, item)}</span>${nameOf(kind, item) !== item.id && html`<span class="under wrap-any">${withoutTenant(item.id)}</span>`}`,
    },
    { id: "group", title: t("admin.group"), sort: ({ group }) => group, cell: ({ group }) => tOr(`industry.${group}`, group) || "–" },
    { id: "count", title: tOr(`evidence.${kind}_each`, t("admin.count")), number: true, sort: (item) => Number(item.count), cell: (item) => number(Number(item.count)) },
  ].filter(({ id }) => id !== "group" || items.some(({ group }) => group));
  return html`<section class="card flush">
    <header>
      <h2>${title}</h2>
      ${isCut({ count, items }) && html`<span class="dim small">${t("admin.first_of", { shown: items.length, count: Number(count) })}</span>`}
    </header>
    <${Table} label=${title} rows=${items} rowKey=${({ id }) => id} columns=${columns} />
  </section>`;
}

function asCsv({ kinds, time }) {
  const lines = kinds.flatMap(({ kind, count, items }) => [
    [time, kind, "", "", "", count, isCut({ count, items })],
    ...items.map((item) => [time, kind, item.id, item.displayName, item.group, item.count]),
  ]);
  return csv([["counted_at", "kind", "id", "name", "group", "count", "list_truncated"], ...lines]);
}

const asJson = ({ kinds, time }) =>
  new Blob([JSON.stringify({ countedAt: time, evidence: kinds.map((each) => ({ ...each, listTruncated: isCut(each) })) }, null, 2)], { type: "application/json" });
