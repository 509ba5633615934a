// What a version asks of whoever subscribes, and what its checks found.
import { told } from "../../core/told.js";
import { html } from "../../core/view.js";
import { bytes, local, number, t, tOr } from "../../core/words.js";
import { unitText } from "../../core/units.js";
import { Icon } from "../../parts/icons.js";
import { Badge } from "../../parts/layout.js";
import { Empty } from "../../parts/states.js";

const OUTCOMES = {
  CHECK_OUTCOME_PASSED: ["check", "good", "passed"],
  CHECK_OUTCOME_FAILED: ["close", "bad", "failed"],
  CHECK_OUTCOME_SKIPPED: ["more", "", "skipped"],
};
const TO_COME = ["clock", "", "to_come"];
const NOT_RUN = ["more", "", "not_run"];

/** @param {{checks: {check: string, outcome: string, findings: string[]}[], running?: boolean}} props `running`: some are to come */
export function Checks({ checks, running = false }) {
  return html`<section class="card stack">
    <h2>${t("publisher.checks")}</h2>
    ${checks.length === 0 && html`<p class="dim">${t("publisher.no_checks")}</p>`}
    <ul class="checks">
      ${checks.map(({ check, outcome, findings }) => {
        const [icon, tone, words] = OUTCOMES[outcome] ?? (running ? TO_COME : NOT_RUN);
        return html`<li key=${check} class=${tone} data-check=${check} data-outcome=${words}>
          <${Icon} name=${icon} />
          <div class="grow">
            <strong>${tOr(`check.${check}`, check)}</strong>${" "}<span class="dim small">${t(`publisher.${words}`)}</span>
            ${findings.map((each) => html`<p class="small wrap-any">${told(each)}</p>`)}
          </div>
        </li>`;
      })}
    </ul>
  </section>`;
}

/** @param {{asks?: object}} props unset while the manifest cannot be read */
export function Asks({ asks }) {
  if (!asks)
    return html`<section class="card"><${Empty} icon="warning" title=${t("publisher.unread")}><p>${t("publisher.unread_hint")}</p><//></section>`;
  const egress = asks.egress.length === 0 ? t("market.no_egress") : t("market.egress", { hosts: asks.egress.join(", ") });
  return html`<section class="card stack">
    <h2>${t("publisher.asks")}</h2>
    <ul class="stack tight">
      ${asks.scopes.map((scope) => html`<li class="row"><${Icon} name=${scope.endsWith(".write") ? "plus" : "eye"} />${tOr(`scope.${scope}`, scope)}</li>`)}
      <li class="row ${asks.egress.length > 0 ? "reaches-out" : ""}"><${Icon} name="shield" /><span class="grow wrap-any">${egress}</span></li>
    </ul>
    ${asks.roles.map(
      ({ role, properties }) =>
        html`<div class="stack tight" key=${role}>
          <h3>${t("market.role", { role })}</h3>
          <p class="row">${properties.map((each) => html`<${Badge} plain>${[each.property, unitText(each.unit)].filter(Boolean).join(" · ")}<//>`)}</p>
        </div>`,
    )}
    <dl class="facts">
      <dt>${t("publisher.outputs")}</dt>
      <dd>${asks.outputs.map(local).join(", ") || "–"}</dd>
      <dt>${t("publisher.resources")}</dt>
      <dd>${t("publisher.resources_words", { cores: number(Number(asks.cpuMillis) / 1000), memory: bytes(Number(asks.memoryBytes)) })}</dd>
      <dt>${t("market.license")}</dt>
      <dd>${asks.license}</dd>
      <dt>${t("publisher.image")}</dt>
      <dd><code>${asks.image || "–"}</code></dd>
    </dl>
  </section>`;
}

/** The manifest as it was handed in. */
export const Source = ({ manifest }) =>
  html`<details class="card">
    <summary>${t("publisher.manifest")}</summary>
    <pre class="source" tabindex="0">${manifest}</pre>
  </details>`;
