// The person: who they are, and where they are signed in.
import { get, post, remove } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { loadSession, session } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { ago, dateTime, t } from "../../core/words.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toasts.js";
import { Password } from "./password.js";

const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
];
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
];

/** A browser and its system, as people call them, from what it says of itself. */
function browser(userAgent) {
  const [name, system] = [BROWSERS, SYSTEMS].map((list) => list.find(([mark]) => userAgent.includes(mark))?.[1]);
  return name ? [name, system].filter(Boolean).join(" · ") : userAgent || t("account.browser");
}

export default function Account() {
  const { actor, email, displayName, roles, session: current } = session.value;
  const loaded = useLoad((signal) => get(`${actor}/sessions`, { pageSize: 100 }, signal), [actor]);
  const [changing, setChanging] = useState(false);
  const end = async (name) => {
    await attempt(() => remove(name), t("account.ended"));
    if (name === current) await loadSession();
    else loaded.again();
  };
  const endOthers = async () => {
    await attempt(() => post(`${actor}/sessions:endOthers`), t("account.others_ended"));
    loaded.again();
  };
  const columns = [
    {
      id: "where",
      title: t("account.where"),
      cell: (row) =>
        html`<span class="leaf">${browser(row.userAgent)}</span
          ><span class="under">${row.address}</span
          >${row.current && html`<${Badge} tone="good">${t("account.this")}<//>`}`,
    },
    { id: "since", title: t("account.since"), sort: (row) => row.createTime, cell: (row) => dateTime(row.createTime) },
    {
      id: "used",
      title: t("account.used"),
      sort: (row) => row.useTime,
      cell: (row) => (row.useTime ? ago(row.useTime) : "–"),
    },
    {
      id: "end",
      title: "",
      cell: (row) =>
        html`<button class="button" onClick=${() => end(row.name)}>
          ${row.current ? t("nav.sign_out") : t("account.end")}
        </button>`,
    },
  ];
  const change = html`<button class="button" data-do="password" onClick=${() => setChanging(true)}>${t("account.change_password")}</button>`;
  return html`<${PageHead} title=${t("account.title")} actions=${change} />
    ${changing && html`<${Password} close=${() => setChanging(false)} />`}
    <div class="stack">
      <section class="card">
        <dl class="facts">
          <dt>${t("account.name")}</dt>
          <dd>${displayName || "–"}</dd>
          <dt>${t("sign_in.email")}</dt>
          <dd>${email}</dd>
          <dt>${t("account.roles")}</dt>
          <dd>${roles.map((role) => t(`role.${role}`)).join(", ")}</dd>
        </dl>
      </section>
      <section class="card flush">
        <header>
          <h2>${t("account.sessions")}</h2>
          <button class="button" onClick=${endOthers}>${t("account.end_others")}</button>
        </header>
        <${Loaded} of=${loaded}
          >${({ sessions }) => html`<${Table} label=${t("account.sessions")} rows=${sessions} rowKey=${({ name }) => name} columns=${columns} />`}<//
        >
      </section>
    </div>`;
}
