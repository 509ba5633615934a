// Plants: sites with their gateways, and the machines' servers at each.
import { all, get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { may, ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { ago, day, number, t } from "../../core/words.js";
import { Concern } from "../../parts/concern.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";

const REFRESH_MS = 10000;
const STATES = { ONLINE: "good", OFFLINE: "bad", PENDING: "warn", REVOKED: "" };
const CONNECTIONS = { CONNECTED: "good", CONNECTING: "warn", UNTRUSTED: "warn", FAILED: "bad", UNSPECIFIED: "" };
const word = (name, prefix) => name.replace(prefix, "");
const milliseconds = (duration) => (duration ? Math.round(Number.parseFloat(duration) * 1000) : null);

async function read(signal) {
  const [fleet, servers] = await Promise.all([
    get(ofTenant("gatewayHealth"), { pageSize: 1000 }, signal),
    all(ofTenant("gateways/-/servers"), "opcUaServers", { signal }),
  ]);
  return { gateways: fleet.gateways, servers };
}

export default function Plants() {
  const loaded = useLoad(read, []);
  useEvery(REFRESH_MS, loaded.renew);
  const connect =
    may("onboarding.gateways.manage") &&
    html`<a class="button primary" href="/gateways/-/connect">${t("gateways.connect")}</a>`;
  return html`<${PageHead} title=${t("plants.title")} says=${t("plants.says")} />
    <${Loaded} of=${loaded}
      >${({ gateways, servers }) =>
        gateways.length === 0
          ? html`<div class="card">
              <${Empty} icon="plant" title=${t("home.no_plants")} action=${connect}
                ><p>${t("home.no_plants_hint")}</p><//
              >
            </div>`
          : html`<div class="stack">
              ${bySite(gateways).map(
                ([site, here]) =>
                  html`<section key=${site} class="stack tight">
                    <h2>${site || t("home.no_site")}</h2>
                    ${here.map((each) => html`<${Gateway} key=${each.gateway.name} ...${each} list=${servers.filter(({ name }) => name.startsWith(`${each.gateway.name}/`))} />`)}
                  </section>`,
              )}
            </div>`}<//
    >`;
}

function bySite(gateways) {
  const sites = new Map();
  for (const each of gateways) sites.set(each.gateway.site, [...(sites.get(each.gateway.site) ?? []), each]);
  return [...sites].sort(([a], [b]) => a.localeCompare(b));
}

function Gateway({ gateway, concerns, list }) {
  const state = word(gateway.state, "GATEWAY_STATE_");
  const offset = milliseconds(gateway.status?.clockOffset);
  const facts = [
    gateway.status && [t("plants.received"), number(Number(gateway.status.receivedSamples))],
    gateway.status && [t("home.buffered"), number(Number(gateway.status.bufferedFrames))],
    offset !== null && [t("plants.clock"), `${number(offset)} ms`],
    gateway.certificateExpireTime && [t("plants.certificate"), day(gateway.certificateExpireTime)],
    gateway.lastSeenTime && state !== "ONLINE" && [t("plants.seen"), ago(gateway.lastSeenTime)],
  ].filter(Boolean);
  return html`<article class="card flush gateway">
    <header>
      <div class="row">
        <h3><a href=${`/gateways/${idOf(gateway.name)}`}>${gateway.displayName || idOf(gateway.name)}</a></h3>
        <${Badge} tone=${STATES[state]}>${t(`plants.gateway_${state}`)}<//>
      </div>
      <dl class="inline-facts">
        ${facts.map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
    </header>
    ${concerns.length > 0 && html`<div class="inside stack tight">${concerns.map((each) => html`<${Note} tone="warn"><${Concern} of=${each} /><//>`)}</div>`}
    ${list.length === 0 ? html`<p class="inside dim">${t("plants.no_servers")}</p>` : html`<${Table} label=${t("home.servers")} rows=${list}
      rowKey=${({ name }) => name} columns=${columns()} />`}
  </article>`;
}

const columns = () => [
  {
    id: "name",
    title: t("plants.server"),
    sort: (row) => row.displayName || idOf(row.name),
    cell: (row) =>
      html`<a href="/tags?server=${encodeURIComponent(row.name)}"
          ><span class="leaf">${row.displayName || idOf(row.name)}</span></a
        ><span class="under mono">${row.endpointUrl}</span>`,
  },
  {
    id: "security",
    title: t("plants.security"),
    cell: (row) => html`<span class="dim">${t(`plants.${word(row.securityMode, "SECURITY_MODE_")}`)}</span>`,
  },
  {
    id: "items",
    title: t("plants.items"),
    number: true,
    sort: (row) => row.status?.monitoredItems ?? 0,
    cell: (row) => number(row.status?.monitoredItems ?? 0),
  },
  {
    id: "state",
    title: t("plants.state"),
    sort: (row) => row.status?.state,
    cell: (row) => {
      const state = word(row.status?.state ?? "UNSPECIFIED", "CONNECTION_STATE_");
      return html`<${Badge} tone=${CONNECTIONS[state]}>${t(`plants.connection_${state}`)}<//
        >${row.status?.detail && html`<span class="under">${row.status.detail}</span>`}`;
    },
  },
];
