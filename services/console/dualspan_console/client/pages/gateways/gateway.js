// One gateway: how it is, its servers, what waits for trust, its certificates and what is missing.
import { all, get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { may, ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { ago, bytes, dateTime, duration, number, t } from "../../core/words.js";
import { Concern } from "../../parts/concern.js";
import { Icon } from "../../parts/icons.js";
import { Figure, PageHead } from "../../parts/layout.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Certificates } from "./certificates.js";
import { Gaps } from "./gaps.js";
import { Manage } from "./manage.js";
import { GatewayState, Health, ServerState } from "./parts.js";
import { milliseconds } from "./progress.js";
import { Waiting } from "./quarantine.js";

const REFRESH_MS = 5000;

async function read(id, signal) {
  const name = ofTenant(`gateways/${id}`);
  const [gateway, fleet, servers] = await Promise.all([
    get(name, {}, signal),
    all(ofTenant("gatewayHealth"), "gateways", { signal }),
    may("onboarding.servers.read") ? all(`${name}/servers`, "opcUaServers", { signal }) : [],
  ]);
  return { gateway, facts: fleet.find((each) => each.gateway.name === name), servers };
}

export default function GatewayPage({ gateway: id }) {
  const loaded = useLoad((signal) => read(id, signal), [id]);
  useEvery(REFRESH_MS, loaded.renew);
  return html`<${Loaded} of=${loaded} lines=${6}
    >${(found) => html`<${View} id=${id} again=${loaded.again} ...${found} />`}<//
  >`;
}

function View({ id, gateway, facts, servers, again }) {
  const name = gateway.displayName || id;
  const waiting = servers.filter(({ status }) => status?.state === "CONNECTION_STATE_UNTRUSTED");
  const says = html`<span class="row"
    ><span>${gateway.site || t("home.no_site")}</span>
    <${GatewayState} gateway=${gateway} /> ${facts && html`<${Health} health=${facts.health} />`}</span
  >`;
  return html`<${PageHead}
      title=${name}
      says=${says}
      crumbs=${[[t("nav.gateways"), "/gateways"], [name]]}
      actions=${html`${
          may("onboarding.servers.manage") &&
          html`<a class="button primary" data-do="connect" href=${`/gateways/${id}/connect`}
            ><${Icon}
              name="plus"
            />${t(gateway.state === "GATEWAY_STATE_PENDING" ? "gateways.go_on" : "gateways.add_server")}</a
          >`
        }<${Manage} gateway=${gateway} again=${again} />`}
    />
    <div class="stack">
      ${(facts?.concerns ?? []).map((each) => html`<${Note} key=${each.text} tone=${facts.health === "GATEWAY_HEALTH_FAILED" ? "bad" : "warn"}><${Concern} of=${each} /><//>`)}
      <${Sums} gateway=${gateway} facts=${facts} />
      ${waiting.map(
        (server) =>
          html`<section class="stack tight" key=${server.name}>
            <h2>${t("gateways.waits", { server: server.displayName || idOf(server.name) })}</h2>
            <${Waiting} server=${server} again=${again} />
          </section>`,
      )}
      <${Servers} id=${id} servers=${servers} isKnown=${gateway.state === "GATEWAY_STATE_ONLINE"} />
      <${Box} gateway=${gateway} facts=${facts} />
      ${may("onboarding.servers.read") && html`<${Certificates} gateway=${gateway.name} />`}
      ${may("historian.gaps.read") && html`<${Gaps} gateway=${gateway.name} />`}
    </div>`;
}

function Sums({ gateway: { state, status }, facts }) {
  const isKnown = state === "GATEWAY_STATE_ONLINE";
  const of = (part, whole) => html`${isKnown ? number(part) : "–"}<small> / ${number(whole)}</small>`;
  const age = milliseconds(status?.oldestBufferedAge);
  return html`<div class="figures">
    <${Figure} label=${t("home.servers")} under=${t("home.connected")}
      >${of(facts?.connectedServers ?? 0, facts?.servers ?? 0)}<//
    >
    <${Figure} label=${t("home.tags")} under=${t("gateways.flowing")}
      >${of(facts?.activeTags ?? 0, facts?.tags ?? 0)}<//
    >
    <${Figure} label=${t("plants.received")} under=${t("gateways.since_start")}
      >${number(Number(status?.receivedSamples ?? 0))}<//
    >
    <${Figure}
      label=${t("gateways.buffer")}
      under=${status?.bufferFull ? t("gateways.buffer_full") : age ? t("gateways.oldest", { age: duration(age) }) : t("gateways.buffer_empty")}
      >${bytes(Number(status?.bufferedBytes ?? 0))}<//
    >
  </div>`;
}

function Servers({ id, servers, isKnown }) {
  return html`<section class="card flush" aria-labelledby="servers">
    <header><h2 id="servers">${t("home.servers")}</h2></header>
    ${
      servers.length === 0
        ? html`<${Empty}
            icon="server"
            title=${t("gateways.no_servers")}
            action=${may("onboarding.servers.manage") && html`<a class="button" href=${`/gateways/${id}/connect`}>${t("gateways.add_server")}</a>`}
            ><p>${t("gateways.no_servers_hint")}</p><//
          >`
        : html`<${Table}
            label=${t("home.servers")}
            rows=${servers}
            rowKey=${({ name }) => name}
            columns=${columns(id, isKnown)}
          />`
    }
  </section>`;
}

const columns = (id, isKnown) => [
  {
    id: "name",
    title: t("plants.server"),
    sort: (row) => row.displayName || idOf(row.name),
    cell: (row) =>
      html`<a href=${`/gateways/${id}/connect?server=${encodeURIComponent(idOf(row.name))}`}
          ><span class="leaf">${row.displayName || idOf(row.name)}</span></a
        ><span class="under mono">${row.endpointUrl}</span>`,
  },
  {
    id: "security",
    title: t("plants.security"),
    cell: (row) => html`<span class="dim">${t(`plants.${row.securityMode.replace("SECURITY_MODE_", "")}`)}</span>`,
  },
  {
    id: "items",
    title: t("plants.items"),
    number: true,
    sort: (row) => row.status?.monitoredItems ?? 0,
    cell: (row) =>
      html`<a href=${`/tags?server=${encodeURIComponent(row.name)}`}>${number(row.status?.monitoredItems ?? 0)}</a>`,
  },
  {
    id: "clock",
    title: t("plants.clock"),
    number: true,
    cell: ({ status }) => (status?.clockOffset ? `${number(milliseconds(status.clockOffset))} ms` : "–"),
  },
  {
    id: "state",
    title: t("plants.state"),
    sort: (row) => row.status?.state,
    cell: (row) =>
      html`<${ServerState}
          status=${row.status}
          isKnown=${isKnown}
        />${isKnown && row.status?.detail && html`<span class="under">${row.status.detail}</span>`}`,
  },
];

const ENDS = { STOPPED: "good", FAILED: "bad", KILLED: "warn" };

/** The box itself: software, clock, memory, and how the run before ended. */
function Box({ gateway, facts }) {
  const { status } = gateway;
  const words = facts?.lastWords;
  const end = words?.end.replace("GATEWAY_END_", "");
  const offset = milliseconds(status?.clockOffset);
  const rows = [
    [t("gateways.version"), status?.softwareVersion || "–"],
    [t("plants.seen"), gateway.lastSeenTime ? ago(gateway.lastSeenTime) : t("gateways.never")],
    [
      t("gateways.configuration"),
      t(gateway.desiredRevision === gateway.observedRevision ? "gateways.in_force" : "gateways.not_in_force", {
        revision: gateway.desiredRevision,
      }),
    ],
    [t("plants.clock"), offset === null ? "–" : `${number(offset)} ms`],
    [t("gateways.memory"), status ? bytes(Number(status.memoryBytes)) : "–"],
    [t("gateways.frames"), number(Number(status?.bufferedFrames ?? 0))],
    [t("gateways.overflowed"), number(Number(status?.overflowedSamples ?? 0))],
    [t("gateways.created"), dateTime(gateway.createTime)],
  ];
  return html`<section class="card stack" aria-labelledby="box">
    <header><h2 id="box">${t("gateways.box")}</h2></header>
    <dl class="facts">
      ${rows.map(
        ([label, value]) =>
          html`<dt>${label}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    ${words && ENDS[end] && html`<${Note} tone=${ENDS[end]}>${t(`gateways.end_${end}`, { time: dateTime(words.endTime) })}${words.detail ? ` ${words.detail}` : ""}<//>`}
  </section>`;
}
