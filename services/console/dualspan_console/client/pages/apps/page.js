// My apps: what the enterprise has subscribed to, how it is, what it has cost this month; and the way into each.
import { get, post } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { may, ofTenant } from "../../core/session.js";
import { told } from "../../core/told.js";
import { html, useState } from "../../core/view.js";
import { local, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";
import { amounts, costOf } from "./costs.js";
import { causeOf, isOver, toneOf, wordsOf } from "./states.js";

const REFRESH_MS = 5000;

async function read(signal) {
  const [{ openableApps }, { subscriptions }, statement] = await Promise.all([
    get(ofTenant("openableApps"), { pageSize: 1000 }, signal),
    may("marketplace.subscriptions.read")
      ? get(ofTenant("subscriptions"), { pageSize: 1000 }, signal)
      : { subscriptions: [] },
    may("marketplace.statements.read") ? get(ofTenant("statements/current"), {}, signal).catch(() => null) : null,
  ]);
  const openable = new Map(openableApps.map((each) => [each.name, each]));
  const known = new Set(subscriptions.map(({ name }) => name));
  const rows = [
    ...subscriptions.filter(({ state }) => !isOver(state)),
    ...openableApps.filter(({ name }) => !known.has(name)),
  ];
  return { rows: rows.map((each) => ({ ...each, openable: openable.get(each.name) })), statement };
}

/** Goes to an app's own pages, by an address that opens it once. */
export async function open(name) {
  const { uri } = await post(`${name}:open`);
  location.assign(uri);
}

export default function Apps() {
  const loaded = useLoad(read, []);
  useEvery(REFRESH_MS, loaded.renew);
  const shop =
    may("marketplace.catalogue.read") &&
    html`<a class="button" href="/market"><${Icon} name="shop" />${t("apps.to_market")}</a>`;
  return html`<${PageHead} title=${t("apps.title")} says=${t("apps.says")} actions=${shop} />
    <${Loaded} of=${loaded}
      >${({ rows, statement }) =>
        rows.length === 0
          ? html`<div class="card">
              <${Empty} icon="apps" title=${t("apps.none")} action=${shop}><p>${t("apps.none_hint")}</p><//>
            </div>`
          : html`<ul class="shop">
              ${rows.map((row) => html`<${Row} key=${row.name} row=${row} statement=${statement} />`)}
            </ul>`}<//
    >`;
}

function Row({ row, statement }) {
  const [busy, setBusy] = useState(false);
  const id = idOf(row.name);
  const enter = async () => {
    setBusy(true);
    await attempt(() => open(row.name));
    setBusy(false);
  };
  const name = local(row.openable?.displayName) || row.app;
  const why = row.reason || row.healthProblem || told(row.quotaNotice) || causeOf(row.cause);
  return html`<li class="card mine" data-app=${id}>
    <header class="row apart">
      <h2>${may("marketplace.subscriptions.read") ? html`<a href="/apps/${id}">${name}</a>` : name}</h2>
      <${Badge} tone=${toneOf(row.state)}>${wordsOf(row.state)}<//>
    </header>
    <p class="dim">${local(row.openable?.summary)}</p>
    ${why && html`<p class="small">${why}</p>`}
    <div class="row apart">
      ${row.openable ? html`<button class="button primary" data-do="open" disabled=${busy} onClick=${enter}>
        <${Icon} name="open" />${t("apps.open")}</button>` : html`<span></span>`}
      ${statement && html`<span class="dim small">${t("apps.this_month", { cost: amounts(costOf(statement, id)) })}</span>`}
    </div>
  </li>`;
}
