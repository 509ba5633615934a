// The enterprises on this platform.
import { all, post } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { useSending } from "../../core/sending.js";
import { html, useState } from "../../core/view.js";
import { day, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { PageHead, Search } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";
import { Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";

export default function Tenants() {
  const loaded = useLoad((signal) => all("tenants", "tenants", { signal }), []);
  const [search, setSearch] = useState("");
  const [making, setMaking] = useState(false);
  const wanted = search.trim().toLowerCase();
  const fits = ({ name, displayName }) => `${displayName} ${idOf(name)}`.toLowerCase().includes(wanted);
  const make = html`<button class="button primary" data-do="make" onClick=${() => setMaking(true)}>
    <${Icon} name="plus" />${t("admin.make_tenant")}
  </button>`;
  return html`<${PageHead} title=${t("admin.tenants")} says=${t("admin.tenants_says")} actions=${make} />
    <section class="card flush">
      <header><${Search} value=${search} search=${setSearch} label=${t("admin.find_tenant")} /></header>
      <${Loaded} of=${loaded}>${(tenants) => html`<${Rows} tenants=${tenants.filter(fits)} />`}<//>
    </section>
    ${making && html`<${Make} close=${() => setMaking(false)} />`}`;
}

const addressOf = ({ name }) => `/admin/tenants/${idOf(name)}`;

function Rows({ tenants }) {
  if (tenants.length === 0) return html`<p class="inside dim">${t("core.nothing_found")}</p>`;
  const columns = [
    {
      id: "name",
      title: t("admin.tenant"),
      sort: ({ displayName }) => displayName,
      cell: (each) => html`<a class="leaf" href=${addressOf(each)}>${each.displayName}</a><span class="under">${idOf(each.name)}</span>`,
    },
    { id: "since", title: t("admin.since"), sort: ({ createTime }) => createTime, cell: ({ createTime }) => day(createTime) },
  ];
  return html`<${Table} label=${t("admin.tenants")} rows=${tenants} rowKey=${({ name }) => name} columns=${columns} open=${(each) => go(addressOf(each))} />`;
}

function Make({ close }) {
  const [given, setGiven] = useState({ id: "", displayName: "" });
  const { problem, busy, submit } = useSending(async () => {
    go(addressOf(await post("tenants", { displayName: given.displayName }, { tenantId: given.id })));
  });
  const set = (name) => (event) => setGiven({ ...given, [name]: event.target.value });
  return html`<${Dialog}
    title=${t("admin.make_tenant")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="tenant" data-do="create" disabled=${busy}>${t("admin.make")}</button>`}
  >
    <form id="tenant" class="stack" onSubmit=${submit}>
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      <${Field} label=${t("admin.name")}
        >${(bound) => html`<input class="input" name="tenant-name" required maxlength="200" value=${given.displayName} onInput=${set("displayName")} ...${bound} />`}<//
      >
      <${Field} label=${t("admin.tenant_id")} hint=${t("admin.id_hint")}
        >${(bound) => html`<input class="input" name="tenant-id" required pattern="[a-z0-9][a-z0-9\\-]{0,39}" value=${given.id} onInput=${set("id")} ...${bound} />`}<//
      >
    </form>
  <//>`;
}
