// The certificates of a gateway and of what it sees, in the order in which they end.
import { all } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { day, t } from "../../core/words.js";
import { Badge } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";

const TONES = {
  VALID: "good",
  EXPIRING: "warn",
  EXPIRED: "bad",
  WAITING: "warn",
  UPCOMING: "info",
  NOT_YET_VALID: "warn",
};

async function read(gateway, signal) {
  const found = await all(ofTenant("certificates"), "certificates", { signal });
  return found.filter(({ resource }) => resource === gateway || resource.startsWith(`${gateway}/`));
}

export function Certificates({ gateway }) {
  const loaded = useLoad((signal) => read(gateway, signal), [gateway]);
  return html`<section class="card flush" aria-labelledby="certificates">
    <header><h2 id="certificates">${t("gateways.certificates")}</h2></header>
    <${Loaded} of=${loaded}
      >${(rows) =>
        rows.length === 0
          ? html`<p class="inside dim">${t("gateways.no_certificates")}</p>`
          : html`<${Table}
              label=${t("gateways.certificates")}
              rows=${rows}
              rowKey=${({ use, facts }) => `${use}${facts.sha256}`}
              columns=${columns(gateway)}
            />`}<//
    >
  </section>`;
}

const columns = (gateway) => [
  {
    id: "whose",
    title: t("gateways.whose"),
    cell: ({ resource, use, facts, action }) =>
      html`<span class="leaf">${resource === gateway ? t("gateways.own") : idOf(resource)}</span>
        <span class="dim">${t(`gateways.${use}`)}</span
        ><span class="under mono">${facts.subject}</span
        >${action && html`<span class="under warn-text">${action}</span>`}`,
  },
  {
    id: "until",
    title: t("gateways.until"),
    sort: ({ facts }) => facts.notAfterTime,
    cell: ({ facts, renewTime }) =>
      html`<span class="nowrap">${day(facts.notAfterTime)}</span
        >${renewTime && html`<span class="under nowrap">${t("gateways.renewed", { day: day(renewTime) })}</span>`}`,
  },
  {
    id: "state",
    title: t("plants.state"),
    sort: ({ state }) => state,
    cell: ({ state }) => {
      const id = state.replace("CERTIFICATE_STATE_", "");
      return html`<${Badge} tone=${TONES[id] ?? ""}>${t(`gateways.certificate_${id}`)}<//>`;
    },
  },
];
