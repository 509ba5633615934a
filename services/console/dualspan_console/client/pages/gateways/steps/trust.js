// Trust in both directions: the server's certificate is compared and approved, the gateway's is told to the server.
import { get, post, save } from "../../../core/api.js";
import { idOf } from "../../../core/catalogue.js";
import { useLoad } from "../../../core/load.js";
import { useOperation } from "../../../core/operation.js";
import { setQuery } from "../../../core/router.js";
import { may } from "../../../core/session.js";
import { html, useState } from "../../../core/view.js";
import { t } from "../../../core/words.js";
import { Loaded, Note } from "../../../parts/states.js";
import { Advice, isAboutTrust } from "../advice.js";
import { ServerState } from "../parts.js";
import { Waiting as WaitingCertificate } from "../quarantine.js";
import { ChangeServer } from "./add.js";
import { ConnectionTest, Progress } from "./checks.js";

export function Trust({ situation: { gateway, server }, again }) {
  const state = (server.status?.state ?? "").replace("CONNECTION_STATE_", "");
  return html`<div class="row">
      <span class="leaf">${server.displayName || idOf(server.name)}</span
      ><span class="mono dim small wrap-any">${server.endpointUrl}</span>
      <${ServerState} status=${server.status} />
    </div>
    ${state === "CONNECTED" && html`<${Connected} />`}
    ${state === "UNTRUSTED" && html`<${WaitingCertificate} server=${server} again=${again} gone=${() => setQuery({ server: null, step: null })} />`}
    ${state === "FAILED" && html`<${Failed} gateway=${gateway} server=${server} again=${again} />`}
    ${!["CONNECTED", "UNTRUSTED", "FAILED"].includes(state) && html`<${Connecting} gateway=${gateway} server=${server} />`}`;
}

function Connected() {
  return html`<${Note} tone="good">${t("connect.connected")}<//>
    <div><button class="button primary" onClick=${() => setQuery({ step: null })}>${t("connect.go_on")}</button></div>`;
}

function Connecting({ gateway, server }) {
  return html`<div class="waits" role="status">
      <span class="pulse" aria-hidden="true"></span
      ><span
        >${gateway.desiredRevision === gateway.observedRevision ? t("connect.connecting") : t("connect.telling_gateway")}</span
      >
    </div>
    ${server.status?.detail && html`<p class="dim">${server.status.detail}</p>`}
    <${Note}>${t("connect.connecting_hint")}<//>`;
}

function Failed({ gateway, server, again }) {
  const isTrust = isAboutTrust(server.status.detail);
  const otherSide = html`<${OtherSide} key="other-side" gateway=${gateway.name} server=${server} open=${isTrust} />`;
  return html`<${Note} tone="bad" role="alert">
      <p><strong>${t("connect.failed")}</strong></p>
      <${Advice} words=${server.status.detail || t("connect.failed_hint")} />
    <//>
    ${isTrust && otherSide}
    ${
      may("onboarding.servers.manage") &&
      html`<div class="card stack">
        <h3>${t("connect.what_is_wrong")}</h3>
        <p class="dim">${t("connect.test_says")}</p>
        <${ConnectionTest} gateway=${gateway.name} settings=${() => ({ serverId: idOf(server.name) })} />
      </div>`
    }
    ${!isTrust && otherSide}
    ${
      may("onboarding.servers.manage") &&
      html`<details class="card">
        <summary>${t("connect.change_settings")}</summary>
        <${ChangeServer} server=${server} again=${again} />
      </details>`
    }`;
}

const saveCertificate = (base64, gateway) =>
  save(new Blob([Uint8Array.from(atob(base64), (each) => each.charCodeAt(0))]), `${idOf(gateway)}.der`);

/** Words in which commands stand between backticks. */
const withCode = (words) => words.split("`").map((part, place) => (place % 2 === 1 ? html`<code>${part}</code>` : part));

/** What has to be done at the server so that it trusts the gateway. */
function OtherSide({ gateway, server, open }) {
  const loaded = useLoad((signal) => get(`${gateway}:applicationCertificates`, {}, signal), [gateway]);
  const [vendor, setVendor] = useState(0);
  return html`<details class="card other-side" open=${open}>
    <summary>${t("connect.other_side")}</summary>
    <${Loaded} of=${loaded}
      >${({ certificates, trustSteps }) =>
        html`<div class="stack">
          <p>${t("connect.other_side_says")}</p>
          ${certificates.map(
            ({ certificate, facts }) =>
              html`<div class="row" key=${facts.sha256}>
                <button type="button" class="button" onClick=${() => saveCertificate(certificate, gateway)}>
                  ${t("connect.save_certificate")}
                </button>
                <span class="dim small wrap-any">${facts.subject}</span>
              </div>`,
          )}
          <${PushTrust} server=${server} />
          <label class="field"
            ><span class="label">${t("connect.make")}</span>
            <select class="input" onChange=${(event) => setVendor(Number(event.target.value))}>
              ${trustSteps.map((each, place) => html`<option value=${place} selected=${place === vendor}>${each.vendor}</option>`)}
            </select>
          </label>
          <ol class="teaching">
            ${trustSteps[vendor]?.steps.map((each) => html`<li>${withCode(each)}</li>`)}
          </ol>
        </div>`}<//
    >
  </details>`;
}

/** Servers with push management take the certificate over the wire. */
function PushTrust({ server }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const operation = useOperation(name);
  if (!may("onboarding.servers.manage")) return null;
  const push = async () => {
    setProblem("");
    try {
      setName((await post(`${server.name}:pushTrust`)).name);
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  const failure = problem || operation.error;
  return html`<div class="stack tight">
    <div>
      <button type="button" class="button" disabled=${name && !operation.done} onClick=${push}>
        ${t("connect.push")}
      </button>
    </div>
    ${name && !operation.done && html`<${Progress} operation=${operation} told=${t("connect.pushing")} />`}
    ${failure && html`<${Note} tone="bad" role="alert">${failure}<//>`}
    ${operation.response && html`<${Note} tone="good">${operation.response.detail}<//>`}
  </div>`;
}
