// The gateway in its box: a place for it here, one command on it, and it appears by itself.
import { all, post } from "../../../core/api.js";
import { idOf } from "../../../core/catalogue.js";
import { useLoad } from "../../../core/load.js";
import { go } from "../../../core/router.js";
import { may, ofTenant } from "../../../core/session.js";
import { html, signal, useMemo, useState } from "../../../core/view.js";
import { ago, clock, t } from "../../../core/words.js";
import { Copy } from "../../../parts/copy.js";
import { Field } from "../../../parts/schema_form.js";
import { Loaded, Note } from "../../../parts/states.js";
import { toast } from "../../../parts/toasts.js";
import { Helps } from "../parts.js";
import { freeId, idFrom } from "../progress.js";

const ID = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
/** Tokens that this page has made, by gateway: the platform shows each once. */
const tokens = signal({});

async function newToken(gateway) {
  const made = await post(`${gateway}:createEnrolmentToken`);
  tokens.value = { ...tokens.value, [gateway]: made };
}

export function NewBox() {
  const known = useLoad((abort) => all(ofTenant("gateways"), "gateways", { signal: abort }), []);
  if (!may("onboarding.gateways.manage")) return html`<${Note} tone="warn">${t("connect.not_allowed")}<//>`;
  return html`<h2 class="step-title">${t("connect.step_box")}</h2>
    <${Loaded} of=${known}>${(gateways) => html`<${NewForm} gateways=${gateways} />`}<//>`;
}

function NewForm({ gateways }) {
  const taken = useMemo(() => new Set(gateways.map(({ name }) => idOf(name))), [gateways]);
  const sites = useMemo(() => [...new Set(gateways.map(({ site }) => site).filter(Boolean))], [gateways]);
  const [name, setName] = useState("");
  const [site, setSite] = useState(sites[0] ?? "");
  const [own, setOwn] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const id = own || freeId(idFrom(name, "gateway"), taken);
  const submit = async (event) => {
    event.preventDefault();
    if (!ID.test(id)) return setWrong(t("connect.bad_id"));
    setBusy(true);
    try {
      const made = await post(ofTenant("gateways"), { displayName: name, site }, { gatewayId: id });
      // The gateway is there now: without a command its page makes another one.
      await newToken(made.name).catch((problem) => toast(problem.message));
      return go(`/gateways/${id}/connect`);
    } catch (problem) {
      setWrong(problem.message);
      return setBusy(false);
    }
  };
  return html`<p class="dim">${t("connect.box_says")}</p>
    <form class="card stack narrow" onSubmit=${submit} novalidate>
      <${Field} label=${t("connect.name")} hint=${t("connect.name_hint")}
        >${(bound) => html`<input class="input" name="name" ...${bound} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//
      >
      <${Field} label=${t("connect.site")} hint=${t("connect.site_hint")}
        >${(bound) =>
          html`<input
              class="input"
              name="site"
              list="sites"
              ...${bound}
              value=${site}
              onInput=${(event) => setSite(event.target.value)}
            />
            <datalist id="sites">${sites.map((each) => html`<option value=${each}></option>`)}</datalist>`}<//
      >
      <${Field} label=${t("connect.id")} hint=${t("connect.id_hint")} wrong=${wrong}
        >${(bound) => html`<input class="input mono" name="id" ...${bound} value=${id} onInput=${(event) => setOwn(event.target.value)} />`}<//
      >
      <div class="row">
        <button class="button primary" data-do="create" disabled=${busy}>${t("connect.create")}</button>
        <a class="button" href="/gateways">${t("core.cancel")}</a>
      </div>
    </form>`;
}

/** Where the token says that the box finds the platform: its second part. */
function addressIn(token) {
  try {
    return atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
  } catch {
    return "";
  }
}

export function Box({ situation: { gateway } }) {
  const state = gateway.state.replace("GATEWAY_STATE_", "");
  if (state === "ONLINE")
    return html`<${Note} tone="good">${t("connect.box_here", { name: gateway.displayName || idOf(gateway.name) })}<//>`;
  if (state === "OFFLINE") return html`<${Offline} gateway=${gateway} />`;
  return html`<${Enrol} gateway=${gateway} />`;
}

function Offline({ gateway }) {
  return html`<${Note} tone="bad" role="status">
      <p>
        <strong>${t("connect.box_offline")}</strong>
        ${gateway.lastSeenTime && t("connect.last_seen", { ago: ago(gateway.lastSeenTime) })}
      </p>
    <//>
    <div class="card stack">
      <p>${t("connect.start_it")}</p>
      <${Copy} text="dualspan-gateway run" label=${t("connect.run_command")} />
      <${Helps} of=${["offline_power", "offline_status", "offline_network", "offline_replace"]} />
    </div>`;
}

function Enrol({ gateway }) {
  const [problem, setProblem] = useState("");
  const token = tokens.value[gateway.name];
  const isOver = token && Date.parse(token.expireTime) < Date.now();
  const make = async () => {
    setProblem("");
    try {
      await newToken(gateway.name);
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  const canMake = may("onboarding.gateways.manage");
  if (!token || isOver) {
    return html`<div class="card stack">
      <p>${t(isOver ? "connect.token_over" : "connect.token_hidden")}</p>
      ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
      ${
        canMake
          ? html`<div>
              <button class="button primary" data-do="token" onClick=${make}>${t("connect.new_command")}</button>
            </div>`
          : html`<${Note} tone="warn">${t("connect.not_allowed")}<//>`
      }
    </div>`;
  }
  return html`<div class="card stack">
      <h3>${t("connect.on_the_box")}</h3>
      <p>${t("connect.enrol_says", { until: clock(token.expireTime) })}</p>
      <${Copy} text=${`dualspan-gateway enroll ${token.enrolmentToken}`} label=${t("connect.enrol_command")} />
      <p>${t("connect.run_says")}</p>
      <${Copy} text="dualspan-gateway run" label=${t("connect.run_command")} />
    </div>
    <div class="waits" role="status">
      <span class="pulse" aria-hidden="true"></span><span>${t("connect.waiting_box")}</span>
    </div>
    <details class="card">
      <summary>${t("connect.box_missing")}</summary>
      <${Helps}
        of=${["box_network", "box_clock", "box_token", "box_proxy"]}
        values=${{ address: addressIn(token.enrolmentToken) }}
      />
    </details>`;
}
