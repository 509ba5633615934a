// What the pages of gateways have in common.
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Badge } from "../../parts/layout.js";

const CONNECTIONS = { CONNECTED: "good", CONNECTING: "warn", UNTRUSTED: "warn", FAILED: "bad" };
const GATEWAYS = { ONLINE: "good", OFFLINE: "bad", PENDING: "warn", REVOKED: "" };
const HEALTH = { WELL: "good", ATTENTION: "warn", FAILED: "bad", NONE: "" };

/** How a gateway stands with a server; of one that is not connected itself, nothing is known. */
export function ServerState({ status, isKnown = true }) {
  if (!isKnown) return html`<${Badge}>${t("gateways.not_known")}<//>`;
  const state = (status?.state ?? "UNSPECIFIED").replace("CONNECTION_STATE_", "");
  return html`<${Badge} tone=${CONNECTIONS[state]}>${t(`plants.connection_${state}`)}<//>`;
}

export function GatewayState({ gateway }) {
  const state = gateway.state.replace("GATEWAY_STATE_", "");
  return html`<${Badge} tone=${GATEWAYS[state]}>${t(`plants.gateway_${state}`)}<//>`;
}

export function Health({ health }) {
  const tone = HEALTH[health.replace("GATEWAY_HEALTH_", "")] ?? "";
  return html`<${Badge} tone=${tone}>${t(`health.${tone || "none"}`)}<//>`;
}

/** A fingerprint as people compare it: in fours. */
export const Fingerprint = ({ sha256 }) =>
  html`<code class="fingerprint" data-sha256=${sha256}
    >${(sha256.match(/.{1,4}/g) ?? []).map((part) => html`<span>${part}</span>`)}</code
  >`;

/** What to look at, one after the other. */
export const Helps = ({ of, values }) =>
  html`<ul class="helps">
    ${of.map((key) => html`<li key=${key}>${t(`connect.help_${key}`, values)}</li>`)}
  </ul>`;
