// Gateways: every box in the plants, how it is and what it needs.
import { get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { may, ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { ago, bytes, day, number, t } from "../../core/words.js";
import { Concern } from "../../parts/concern.js";
import { Icon } from "../../parts/icons.js";
import { Figure, PageHead } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { GatewayState, Health } from "./parts.js";

const REFRESH_MS = 10000;
const SOON_MS = 7 * 86400e3;

export default function Gateways() {
  const loaded = useLoad((signal) => get(ofTenant("gatewayHealth"), { pageSize: 1000 }, signal), []);
  useEvery(REFRESH_MS, loaded.renew);
  const connect =
    may("onboarding.gateways.manage") &&
    html`<a class="button primary" data-do="connect" href="/gateways/-/connect"
      ><${Icon} name="plus" />${t("gateways.connect")}</a
    >`;
  return html`<${PageHead} title=${t("nav.gateways")} says=${t("gateways.says")} actions=${connect} />
    <${Loaded} of=${loaded}
      >${({ gateways }) =>
        gateways.length === 0
          ? html`<div class="card">
              <${Empty} icon="box" title=${t("gateways.none")} action=${connect}><p>${t("gateways.none_hint")}</p><//>
            </div>`
          : html`<div class="stack">
              <${Sums} gateways=${gateways} />
              <div class="card flush">
                <${Table}
                  label=${t("nav.gateways")}
                  rows=${gateways}
                  rowKey=${({ gateway }) => gateway.name}
                  columns=${columns()}
                  open=${({ gateway }) => go(`/gateways/${idOf(gateway.name)}`)}
                />
              </div>
            </div>`}<//
    >`;
}

function Sums({ gateways }) {
  const sum = (field) => gateways.reduce((total, each) => total + (each[field] ?? 0), 0);
  const online = gateways.filter(({ gateway }) => gateway.state === "GATEWAY_STATE_ONLINE").length;
  const look = gateways.filter(({ concerns }) => concerns.length > 0).length;
  const of = (part, whole) => html`${number(part)}<small> / ${number(whole)}</small>`;
  return html`<div class="figures">
    <${Figure} label=${t("nav.gateways")} under=${t("home.online")}>${of(online, gateways.length)}<//>
    <${Figure} label=${t("home.servers")} under=${t("home.connected")}
      >${of(sum("connectedServers"), sum("servers"))}<//
    >
    <${Figure} label=${t("home.tags")} under=${t("gateways.flowing")}>${of(sum("activeTags"), sum("tags"))}<//>
    <${Figure} label=${t("gateways.look")} under=${t("gateways.look_under")}>${number(look)}<//>
  </div>`;
}

const columns = () => [
  {
    id: "name",
    title: t("gateways.gateway"),
    sort: ({ gateway }) => gateway.displayName || idOf(gateway.name),
    cell: ({ gateway, concerns }) =>
      html`<a href=${`/gateways/${idOf(gateway.name)}`}
          ><span class="leaf">${gateway.displayName || idOf(gateway.name)}</span></a
        >
        <span class="under">${gateway.site || t("home.no_site")}</span>
        ${concerns[0] && html`<span class="under warn-text"><${Concern} of=${concerns[0]} /></span>`}`,
  },
  {
    id: "health",
    title: t("gateways.health"),
    sort: ({ health }) => health,
    cell: ({ health }) => html`<${Health} health=${health} />`,
  },
  {
    id: "state",
    title: t("plants.state"),
    sort: ({ gateway }) => gateway.state,
    cell: ({ gateway }) =>
      html`<${GatewayState} gateway=${gateway} />${
          gateway.state === "GATEWAY_STATE_OFFLINE" && gateway.lastSeenTime
            ? html`<span class="under">${ago(gateway.lastSeenTime)}</span>`
            : ""
        }`,
  },
  {
    id: "servers",
    title: t("home.servers"),
    number: true,
    sort: ({ connectedServers }) => connectedServers,
    cell: ({ connectedServers, servers }) => t("home.of", { part: connectedServers, whole: servers }),
  },
  {
    id: "tags",
    title: t("home.tags"),
    number: true,
    sort: ({ activeTags }) => activeTags,
    cell: ({ activeTags, tags }) => t("home.of", { part: activeTags, whole: tags }),
  },
  {
    id: "buffer",
    title: t("gateways.buffer"),
    number: true,
    sort: ({ gateway }) => Number(gateway.status?.bufferedBytes ?? 0),
    cell: ({ gateway }) => (gateway.status ? bytes(Number(gateway.status.bufferedBytes)) : "–"),
  },
  {
    id: "version",
    title: t("gateways.version"),
    sort: ({ gateway }) => gateway.status?.softwareVersion ?? "",
    cell: ({ gateway }) => html`<span class="mono small">${gateway.status?.softwareVersion || "–"}</span>`,
  },
  {
    id: "certificate",
    title: t("plants.certificate"),
    sort: ({ gateway }) => gateway.certificateExpireTime ?? "",
    cell: ({ gateway }) => html`<${Until} time=${gateway.certificateExpireTime} />`,
  },
];

const Until = ({ time }) =>
  time
    ? html`<span class=${Date.parse(time) - Date.now() < SOON_MS ? "warn-text nowrap" : "nowrap"}>${day(time)}</span>`
    : "–";
