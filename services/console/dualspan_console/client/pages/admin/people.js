// The people of an enterprise: who may sign in, and what they may do.
import { all, patch, post } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { useSending } from "../../core/sending.js";
import { hasRole, may, session } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { day, t } from "../../core/words.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Badge, Search } from "../../parts/layout.js";
import { Menu } from "../../parts/menu.js";
import { Field } from "../../parts/schema_form.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toasts.js";
import { RolePicker, roleWords } from "./roles.js";

/** Letters and digits that nobody mistakes for one another: 20 of them are 98 bits. */
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";
const PASSWORD_LETTERS = 20;

/** A first password, to be handed over and changed. */
function newPassword() {
  const bytes = crypto.getRandomValues(new Uint8Array(PASSWORD_LETTERS));
  return [...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join("");
}

/** @param {{tenant: string}} props `tenants/{tenant}` */
export function People({ tenant }) {
  const loaded = useLoad((signal) => all(`${tenant}/users`, "users", { signal }), [tenant]);
  const [search, setSearch] = useState("");
  const [inviting, setInviting] = useState(false);
  const [changing, setChanging] = useState(null);
  const [renewed, setRenewed] = useState(null);
  const fits = (user) => `${user.displayName} ${user.email}`.toLowerCase().includes(search.trim().toLowerCase());
  const close = () => {
    setInviting(false);
    setChanging(null);
    setRenewed(null);
  };
  const shown = { users: loaded.data?.filter(fits) ?? [], again: loaded.again, setChanging, setRenewed };
  return html`<section class="card flush">
      <header>
        <${Search} value=${search} search=${setSearch} label=${t("admin.find_person")} />
        ${may("identity.users.manage") && html`<button class="button primary" data-do="invite"
          onClick=${() => setInviting(true)}><${Icon} name="plus" />${t("admin.invite")}</button>`}
      </header>
      <${Loaded} of=${loaded}>${(users) => html`<${Rows} ...${shown} none=${users.length === 0} />`}<//>
    </section>
    ${inviting && html`<${Invite} tenant=${tenant} close=${close} again=${loaded.again} />`}
    ${changing && html`<${Roles} user=${changing} close=${close} again=${loaded.again} />`}
    ${renewed && html`<${Renew} user=${renewed} close=${close} />`}`;
}

function Rows({ users, none, again, setChanging, setRenewed }) {
  if (none) return html`<${Empty} icon="person" title=${t("admin.nobody")}><p>${t("admin.nobody_hint")}</p><//>`;
  const set = async (user, disabled) => {
    const write = (value) => patch(user.name, { name: user.name, disabled: value }, { updateMask: "disabled" });
    await attempt(() => write(disabled), t(disabled ? "admin.ended_access" : "admin.gave_access"), {
      undo: async () => {
        await write(!disabled);
        again();
      },
    });
    again();
  };
  const columns = [
    {
      id: "who",
      title: t("admin.person"),
      sort: (user) => user.displayName || user.email,
      cell: (user) =>
        html`<span class="leaf">${user.displayName || user.email}</span><span class="under">${user.email}</span>`,
    },
    { id: "roles", title: t("admin.roles"), cell: (user) => html`<span class="row">${user.roles.map((role) => html`<${Badge} plain key=${role}>${roleWords(role)}<//>`)}</span>` },
    {
      id: "state",
      title: t("admin.access"),
      sort: (user) => String(user.disabled),
      cell: (user) =>
        html`<${Badge} tone=${user.disabled ? "" : "good"}>${t(user.disabled ? "admin.no_access" : "admin.has_access")}<//>`,
    },
    { id: "since", title: t("admin.since"), sort: (user) => user.createTime, cell: (user) => day(user.createTime) },
    {
      id: "do",
      title: html`<span class="unseen">${t("admin.actions")}</span>`,
      cell: (user) =>
        canChange(user) &&
        html`<${Menu} name=${t("admin.change_person", { name: user.displayName || user.email })}
          label=${html`<${Icon} name="more" />`} class="button quiet icon" left=${false}>
          <button type="button" data-do="roles" onClick=${() => setChanging(user)}><${Icon} name="shield" />${t("admin.change_roles")}</button>
          <button type="button" data-do="password" onClick=${() => setRenewed(user)}><${Icon} name="key" />${t("admin.new_password")}</button>
          ${user.name !== session.value.actor && html`<button type="button" data-do="access" onClick=${() => set(user, !user.disabled)}>
            <${Icon} name=${user.disabled ? "check" : "stop"} />${t(user.disabled ? "admin.give_access" : "admin.end_access")}
          </button>`}<//
        >`,
    },
  ];
  return html`<${Table} label=${t("admin.people")} rows=${users} rowKey=${({ name }) => name} columns=${columns} />`;
}

/** Nobody but a platform administrator changes one. */
const canChange = (user) =>
  may("identity.users.manage") && (!user.roles.includes("ROLE_PLATFORM_ADMIN") || hasRole("platform_admin"));

function Invite({ tenant, close, again }) {
  const [person, setPerson] = useState({ email: "", displayName: "", roles: ["ROLE_VIEWER"] });
  const [password] = useState(newPassword);
  const [made, setMade] = useState(null);
  const { problem, busy, submit } = useSending(async () => {
    setMade(await post(`${tenant}/users`, { user: person, password }));
    again();
  });
  if (made) return html`<${HandOver} title=${t("admin.invited", { name: made.displayName })} email=${made.email} password=${password} close=${close} />`;
  const set = (name) => (event) => setPerson({ ...person, [name]: event.target.value });
  return html`<${Dialog}
    title=${t("admin.invite")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="invite" data-do="create" disabled=${busy || person.roles.length === 0}>${t("admin.make_account")}</button>`}
  >
    <form id="invite" class="stack" onSubmit=${submit}>
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      <${Field} label=${t("sign_in.email")}
        >${(bound) => html`<input class="input" type="email" name="person-email" autocomplete="off" required value=${person.email} onInput=${set("email")} ...${bound} />`}<//
      >
      <${Field} label=${t("admin.name")}
        >${(bound) => html`<input class="input" name="person-name" autocomplete="off" maxlength="200" value=${person.displayName} onInput=${set("displayName")} ...${bound} />`}<//
      >
      <${RolePicker} roles=${person.roles} choose=${(roles) => setPerson({ ...person, roles })} />
    </form>
  <//>`;
}

/** What a new person needs to sign in; it is shown here and nowhere else. */
function HandOver({ title, email, password, close }) {
  return html`<${Dialog} title=${title} close=${close}
    actions=${html`<button class="button primary" type="button" data-do="done" onClick=${close}>${t("admin.handed_over")}</button>`}
  >
    <div class="stack">
      <p>${t("admin.hand_over", { email })}</p>
      <${Copy} text=${password} label=${t("admin.first_password")} />
      <p class="dim small">${t("admin.hand_over_hint")}</p>
    </div>
  <//>`;
}

function Roles({ user, close, again }) {
  const [roles, setRoles] = useState(user.roles);
  const write = (value) => patch(user.name, { name: user.name, roles: value }, { updateMask: "roles" });
  const save = async () => {
    close();
    await attempt(() => write(roles), t("admin.roles_changed"), {
      undo: async () => {
        await write(user.roles);
        again();
      },
    });
    again();
  };
  return html`<${Dialog}
    title=${t("admin.roles_of", { name: user.displayName || user.email })}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" type="button" data-do="save" disabled=${roles.length === 0} onClick=${save}>${t("core.save")}</button>`}
    ><${RolePicker} roles=${roles} choose=${setRoles}
  /><//>`;
}

/** Another password for somebody who has lost theirs; it ends all their sessions. */
function Renew({ user, close }) {
  const [password] = useState(newPassword);
  const [done, setDone] = useState(false);
  const { problem, busy, submit } = useSending(async () => {
    await post(`${user.name}:setPassword`, { newPassword: password });
    setDone(true);
  });
  const name = user.displayName || user.email;
  if (done) return html`<${HandOver} title=${t("admin.renewed", { name })} email=${user.email} password=${password} close=${close} />`;
  if (user.name === session.value.actor)
    return html`<${Dialog} title=${t("admin.new_password")} close=${close}><p>${t("admin.own_password")}</p><//>`;
  return html`<${Dialog}
    title=${t("admin.new_password")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" type="button" data-do="renew" disabled=${busy} onClick=${submit}>${t("admin.make_password")}</button>`}
  >
    <div class="stack">
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      <p>${t("admin.renew_words", { name })}</p>
    </div>
  <//>`;
}
