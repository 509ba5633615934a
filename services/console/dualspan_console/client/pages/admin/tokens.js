// API tokens: secrets for programs, shown once, revoked here.
import { all, post } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { ofTenant, session } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { ago, day, t } from "../../core/words.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toasts.js";
import { RolePicker, roleWords } from "./roles.js";

const DAY_MS = 86400000;
const LIVES = [30, 90, 180, 365];
const BELOW_ADMIN = ["viewer", "operator", "engineer"];

/** How a token stands: its words, how it looks. */
function stateOf(token) {
  if (token.revokeTime) return ["void", ""];
  const left = new Date(token.expireTime) - Date.now();
  if (left <= 0) return ["over", ""];
  return left < 14 * DAY_MS ? ["ending", "warn"] : ["works", "good"];
}

export default function Tokens() {
  const loaded = useLoad((signal) => all(ofTenant("apiTokens"), "apiTokens", { signal }), []);
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState(null);
  const revoke = async () => {
    setRevoking(null);
    await attempt(() => post(`${revoking.name}:revoke`), t("admin.token_revoked"));
    loaded.again();
  };
  const make = html`<button class="button primary" data-do="make" onClick=${() => setMaking(true)}>
    <${Icon} name="plus" />${t("admin.make_token")}
  </button>`;
  return html`<${PageHead} title=${t("admin.tokens")} says=${t("admin.tokens_says")} actions=${make} />
    <${Loaded} of=${loaded}
      >${(tokens) =>
        tokens.length === 0
          ? html`<div class="card"><${Empty} icon="key" title=${t("admin.no_tokens")}><p>${t("admin.no_tokens_hint")}</p><//></div>`
          : html`<section class="card flush"><${Rows} tokens=${tokens} revoke=${setRevoking} /></section>`}<//
    >
    ${making && html`<${Make} close=${() => setMaking(false)} again=${loaded.again} />`}
    ${
      revoking &&
      html`<${Dialog}
        title=${t("admin.revoke_token", { name: revoking.displayName })}
        close=${() => setRevoking(null)}
        actions=${html`<button class="button" type="button" onClick=${() => setRevoking(null)}>${t("core.keep")}</button>
          <button class="button danger" type="button" data-do="really-revoke" onClick=${revoke}>${t("admin.revoke")}</button>`}
        ><p>${t("admin.revoke_words")}</p><//
      >`
    }`;
}

function Rows({ tokens, revoke }) {
  const columns = [
    { id: "what", title: t("admin.token_for"), sort: (token) => token.displayName, cell: (token) => html`<span class="leaf">${token.displayName}</span>` },
    { id: "roles", title: t("admin.roles"), cell: (token) => token.roles.map(roleWords).join(", ") },
    {
      id: "state",
      title: t("admin.state"),
      sort: (token) => stateOf(token)[0],
      cell: (token) => html`<${Badge} tone=${stateOf(token)[1]}>${t(`admin.token_${stateOf(token)[0]}`)}<//>`,
    },
    { id: "made", title: t("admin.since"), sort: (token) => token.createTime, cell: (token) => day(token.createTime) },
    {
      id: "until",
      title: t("admin.until"),
      sort: (token) => token.expireTime,
      cell: (token) => html`<span title=${day(token.expireTime)}>${ago(token.expireTime)}</span>`,
    },
    {
      id: "do",
      title: html`<span class="unseen">${t("admin.actions")}</span>`,
      cell: (token) =>
        !token.revokeTime &&
        html`<button class="button" data-do="revoke" aria-label=${t("admin.revoke_token", { name: token.displayName })} onClick=${() => revoke(token)}>
          ${t("admin.revoke")}
        </button>`,
    },
  ];
  return html`<${Table} label=${t("admin.tokens")} rows=${tokens} rowKey=${({ name }) => name} columns=${columns} />`;
}

function Make({ close, again }) {
  const own = session.value.roles;
  const [token, setToken] = useState({ displayName: "", roles: ["ROLE_VIEWER"] });
  const [days, setDays] = useState(90);
  const [made, setMade] = useState(null);
  const [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setProblem(null);
    try {
      const expireTime = new Date(Date.now() + days * DAY_MS).toISOString();
      setMade(await post(ofTenant("apiTokens"), { ...token, expireTime }));
      again();
    } catch (found) {
      setProblem(found);
    }
  };
  if (made)
    return html`<${Dialog}
      title=${t("admin.token_made", { name: made.apiToken.displayName })}
      close=${close}
      actions=${html`<button class="button primary" type="button" data-do="done" onClick=${close}>${t("admin.kept")}</button>`}
    >
      <div class="stack">
        <p>${t("admin.token_once")}</p>
        <${Copy} text=${made.secret} label=${t("admin.token_secret")} />
        <p class="dim small">${t("admin.token_use")}</p>
      </div>
    <//>`;
  // Never more than who makes it; an administrator has what is below it, too.
  const among = own.includes("admin") ? [...BELOW_ADMIN, ...own.filter((role) => !BELOW_ADMIN.includes(role))] : own;
  return html`<${Dialog}
    title=${t("admin.make_token")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="token" data-do="create" disabled=${token.roles.length === 0}>${t("admin.make")}</button>`}
  >
    <form id="token" class="stack" onSubmit=${submit}>
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      <${Field} label=${t("admin.token_for")} hint=${t("admin.token_for_hint")}
        >${(bound) =>
          html`<input
            class="input"
            name="token-name"
            maxlength="200"
            required
            value=${token.displayName}
            onInput=${(event) => setToken({ ...token, displayName: event.target.value })}
            ...${bound}
          />`}<//
      >
      <${Field} label=${t("admin.token_days")}
        >${(bound) =>
          html`<select class="input" name="token-days" value=${String(days)} onChange=${(event) => setDays(Number(event.target.value))} ...${bound}>
            ${LIVES.map((each) => html`<option value=${String(each)}>${t("admin.days", { count: each })}</option>`)}
          </select>`}<//
      >
      <${RolePicker} roles=${token.roles} among=${among} choose=${(roles) => setToken({ ...token, roles })} />
    </form>
  <//>`;
}
