// A server's address, security and user: tried before it is added, and changed afterwards.
import { patch, post } from "../../../core/api.js";
import { idOf } from "../../../core/catalogue.js";
import { setQuery } from "../../../core/router.js";
import { html, useMemo, useState } from "../../../core/view.js";
import { t } from "../../../core/words.js";
import { Field } from "../../../parts/schema_form.js";
import { Note } from "../../../parts/states.js";
import { bestEndpoint, freeId, idFrom } from "../progress.js";
import { ConnectionTest } from "./checks.js";

const MODES = ["SECURITY_MODE_SIGN_AND_ENCRYPT", "SECURITY_MODE_SIGN", "SECURITY_MODE_NONE"];

/** What of a form the platform is told; without security there is no policy either. */
const settingsOf = ({ name, url, mode, username, password }) => ({
  displayName: name,
  endpointUrl: url.trim(),
  securityMode: mode,
  securityPolicy: mode === "SECURITY_MODE_NONE" ? "SECURITY_POLICY_NONE" : "SECURITY_POLICY_UNSPECIFIED",
  username,
  password,
});

/** The one policy that a server is held to; "" while the strongest that it offers is taken. */
const policyOf = ({ securityPolicy }) => {
  const policy = securityPolicy.replace("SECURITY_POLICY_", "");
  return policy === "UNSPECIFIED" || policy === "NONE" ? "" : policy;
};

export function AddServer({ gateway, url, servers, found }) {
  const best = bestEndpoint(found);
  const taken = useMemo(() => new Set(servers.map(({ name }) => idOf(name))), [servers]);
  const name = found?.applicationName ?? "";
  const [form, setForm] = useState({ name, url, mode: best?.securityMode ?? MODES[0], username: "", password: "" });
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const id = freeId(idFrom(form.name, "server"), taken);
  const users = new Set((found?.endpoints ?? []).flatMap(({ userTokenTypes }) => userTokenTypes));
  const needsUser = users.has("USER_TOKEN_TYPE_USERNAME") && !users.has("USER_TOKEN_TYPE_ANONYMOUS");
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await post(`${gateway}/servers`, settingsOf(form), { opcUaServerId: id });
      setQuery({ server: id, url: null, step: null, op: null }, { replace: false });
    } catch (failure) {
      setProblem(failure.message);
      setBusy(false);
    }
  };
  return html`<form class="card stack" onSubmit=${submit} novalidate>
    <${Field} label=${t("connect.server_name")} hint=${t("connect.server_name_hint", { id })}
      >${(bound) =>
        html`<input
          class="input"
          name="name"
          ...${bound}
          value=${form.name}
          onInput=${(event) => setForm({ ...form, name: event.target.value })}
        />`}<//
    >
    <${ServerFields} form=${form} setForm=${setForm} needsUser=${needsUser} />
    ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
    <div class="row">
      <button class="button primary" data-do="add" disabled=${busy}>${t("connect.add")}</button>
      <button type="button" class="button quiet" onClick=${() => setQuery({ url: null })}>${t("core.cancel")}</button>
    </div>
    <${ConnectionTest} gateway=${gateway} settings=${() => ({ opcUaServer: settingsOf(form) })} />
  </form>`;
}

/** The fields that decide whether a connection comes about. */
export function ServerFields({ form, setForm, policy, needsUser, keepsPassword }) {
  const set = (name) => (event) => setForm({ ...form, [name]: event.target.value });
  return html`<${Field} label=${t("connect.url")} hint=${t("connect.url_hint")}
      >${(bound) => html`<input class="input mono" name="url" ...${bound} value=${form.url} onInput=${set("url")} />`}<//
    >
    <${Field} label=${t("connect.security")} hint=${policy ? t("connect.policy_pinned", { policy }) : ""}
      >${(bound) =>
        html`<select class="input" name="mode" ...${bound} value=${form.mode} onChange=${set("mode")}>
          ${MODES.map((each) => html`<option value=${each}>${t(`connect.${each}`)}</option>`)}
        </select>`}<//
    >
    ${form.mode === "SECURITY_MODE_NONE" && html`<${Note} tone="warn">${t("connect.none_warning")}<//>`}
    <div class="pair">
      <${Field} label=${t("connect.user")} hint=${t(needsUser ? "connect.user_needed" : "connect.user_hint")}
        >${(bound) => html`<input class="input" name="username" autocomplete="off" ...${bound} value=${form.username} onInput=${set("username")} />`}<//
      >
      <${Field} label=${t("connect.password")} hint=${keepsPassword ? t("connect.password_kept") : ""}
        >${(bound) =>
          html`<input
            class="input"
            name="password"
            type="password"
            autocomplete="new-password"
            ...${bound}
            value=${form.password}
            onInput=${set("password")}
          />`}<//
      >
    </div>`;
}

/** Changes what a server that is there was added with. */
export function ChangeServer({ server, again }) {
  const [form, setForm] = useState({
    name: server.displayName,
    url: server.endpointUrl,
    mode: MODES.includes(server.securityMode) ? server.securityMode : MODES[0],
    username: server.username,
    password: "",
  });
  const [problem, setProblem] = useState("");
  const submit = async (event) => {
    event.preventDefault();
    setProblem("");
    // A policy that somebody has pinned stays, unless another mode needs another one.
    const security = form.mode === server.securityMode ? [] : ["security_mode", "security_policy"];
    const fields = ["endpoint_url", ...security, "username", ...(form.password ? ["password"] : [])];
    try {
      await patch(server.name, settingsOf(form), { updateMask: fields.join(",") });
      again();
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  return html`<form class="stack" onSubmit=${submit} novalidate>
    <${ServerFields} form=${form} setForm=${setForm} policy=${form.mode === server.securityMode ? policyOf(server) : ""} keepsPassword />
    ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
    <div><button class="button" data-do="change">${t("connect.change")}</button></div>
  </form>`;
}
