// A server's certificate that nobody has approved: what it says, what to compare it with, and a decision.
import { all, get, post, remove } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { may, ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { day, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Loaded, Note } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";
import { Fingerprint } from "./parts.js";

const KINDS = new Set(["SERVER_CERTIFICATE_WAITING", "SERVER_CERTIFICATE_CHANGED"]);

async function read(server, signal) {
  const [certificates, { notices }] = await Promise.all([
    all(ofTenant("certificates"), "certificates", { signal }),
    may("onboarding.notices.read") ? get(ofTenant("notices"), { resource: server.name }, signal) : { notices: [] },
  ]);
  return {
    certificate: certificates.find(
      (each) => each.resource === server.name && each.state === "CERTIFICATE_STATE_WAITING",
    ),
    notice: notices.find(({ kind }) => KINDS.has(kind)),
  };
}

/** @param {{server: object, again: () => void, gone?: () => void}} props a server that waits; `gone` when it is removed */
export function Waiting({ server, again, gone = again }) {
  const loaded = useLoad((signal) => read(server, signal), [server.name, server.status.untrustedCertificate]);
  return html`<${Loaded} of=${loaded}
    >${({ certificate, notice }) =>
      html`<${Certificate}
        server=${server}
        facts=${certificate?.facts}
        notice=${notice}
        gone=${gone}
        again=${() => {
          loaded.again();
          again();
        }}
      />`}<//
  >`;
}

function Certificate({ server, facts, notice, again, gone }) {
  const [refuses, setRefuses] = useState(false);
  const sha256 = facts?.sha256 ?? notice?.details.new_sha256 ?? "";
  if (!sha256) return html`<${Note}>${t("connect.certificate_coming")}<//>`;
  const refused = notice?.state === "NOTICE_STATE_ACKNOWLEDGED";
  const approve = async () => {
    await attempt(() => post(`${server.name}:approveCertificate`, { certificateSha256: sha256 }), t("connect.trusted"));
    again();
  };
  const canDecide = may("onboarding.servers.manage");
  return html`<section class="card stack certificate" aria-labelledby="certificate">
    <h3 id="certificate">
      ${t(notice?.kind === "SERVER_CERTIFICATE_CHANGED" ? "connect.certificate_changed" : "connect.certificate_waits")}
    </h3>
    <p>${t("connect.compare")}</p>
    <${Fingerprint} sha256=${sha256} />
    ${facts && html`<${Facts} facts=${facts} />`}
    ${(facts?.problems ?? []).map((each) => html`<${Note} tone="warn">${each}<//>`)}
    ${refused && html`<${Note} tone="bad">${t("connect.refused_by", { who: idOf(notice.acknowledgedBy), why: notice.acknowledgeNote || "–" })}<//>`}
    ${
      canDecide
        ? html`<div class="row">
            <button type="button" class="button primary" data-do="approve" onClick=${approve}>
              ${t("connect.approve")}
            </button>
            <button type="button" class="button danger" data-do="refuse" onClick=${() => setRefuses(true)}>
              ${t("connect.refuse")}
            </button>
          </div>`
        : html`<${Note} tone="warn">${t("connect.not_allowed")}<//>`
    }
    ${refuses && html`<${Refuse} server=${server} notice=${notice} close=${() => setRefuses(false)} again=${again} gone=${gone} />`}
  </section>`;
}

const Facts = ({ facts }) =>
  html`<dl class="facts">
    <dt>${t("connect.subject")}</dt>
    <dd>${facts.subject}</dd>
    <dt>${t("connect.issuer")}</dt>
    <dd>${facts.selfSigned ? t("connect.self_signed") : facts.issuer}</dd>
    <dt>${t("connect.valid")}</dt>
    <dd>${day(facts.notBeforeTime)} – ${day(facts.notAfterTime)}</dd>
    ${
      facts.hosts.length > 0 &&
      html`<dt>${t("connect.hosts")}</dt>
        <dd>${facts.hosts.join(", ")}</dd>`
    }
  </dl>`;

/** Nothing is connected to it anyway: refusing says so to the others, or takes the server away. */
function Refuse({ server, notice, close, again, gone }) {
  const [why, setWhy] = useState("");
  const canSay = notice && may("onboarding.notices.acknowledge");
  const refuse = async () => {
    await attempt(() => post(`${notice.name}:acknowledge`, { note: why }), t("connect.refused"));
    close();
    again();
  };
  const takeAway = async () => {
    close();
    if (await attempt(async () => (await remove(server.name)) ?? true, t("connect.server_removed"))) gone();
  };
  return html`<${Dialog}
    title=${t("connect.refuse")}
    close=${close}
    actions=${html`<button type="button" class="button" onClick=${close}>${t("core.cancel")}</button>
      <button type="button" class="button danger" onClick=${takeAway}>${t("connect.remove_server")}</button>
      ${canSay && html`<button type="button" class="button primary" data-do="really-refuse" onClick=${refuse}>${t("connect.refuse")}</button>`}`}
  >
    <div class="stack">
      <p>${t("connect.refuse_says")}</p>
      <label class="field"
        ><span class="label">${t("connect.why")}</span>
        <input class="input" name="why" value=${why} maxlength="200" onInput=${(event) => setWhy(event.target.value)}
      /></label>
    </div>
  <//>`;
}
