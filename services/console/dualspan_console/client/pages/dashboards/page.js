// Dashboards: all that this enterprise keeps, and a new one.
import { all, post, remove } from "../../core/api.js";
import { catalogue, idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { may, ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { ago, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Field } from "../../parts/schema_form.js";
import { attempt } from "../../parts/toasts.js";
import { PlacePicker } from "../../parts/where.js";
import { BASIC, ICONS, kindOf, usual } from "./kinds.js";

export const MANAGE = "analytics.dashboards.manage";

/** All of them, or those that were taken away and can be brought back. */
const listed = (deleted, signal) =>
  all(ofTenant("dashboards"), "dashboards", { query: { view: BASIC, deleted: deleted || "" }, signal });

export default function Dashboards() {
  const [making, setMaking] = useState(false);
  const loaded = useLoad((signal) => listed(false, signal), []);
  const gone = useLoad((signal) => (may(MANAGE) ? listed(true, signal) : []), []);
  const again = () => {
    loaded.again();
    gone.again();
  };
  const make = may(MANAGE) && html`<button class="button primary" type="button" data-do="new" onClick=${() => setMaking(true)}>
    <${Icon} name="plus" />${t("dashboards.new")}
  </button>`;
  return html`<${PageHead} title=${t("dashboards.heading")} says=${t("dashboards.says")} actions=${make} />
    <${Loaded} of=${loaded}
      >${(rows) =>
        rows.length === 0
          ? html`<div class="card"><${Empty} icon="grid" title=${t("dashboards.none")} action=${make}><p>${t("dashboards.none_hint")}</p><//></div>`
          : html`<ul class="shop">
              ${[...rows]
                .sort((a, b) => a.displayName.localeCompare(b.displayName))
                .map((each) => html`<${Card} key=${each.name} of=${each} again=${again} />`)}
            </ul>`}<//
    >
    ${gone.data?.length > 0 && html`<${Deleted} rows=${gone.data} again=${again} />`}
    ${making && html`<${Making} close=${() => setMaking(false)} />`}`;
}

function Card({ of, again }) {
  const drop = async () => {
    const back = async () => {
      await post(`${of.name}:undelete`);
      again();
    };
    await attempt(() => remove(of.name, { etag: of.etag }), t("dashboards.deleted", { name: of.displayName }), { undo: back });
    again();
  };
  const words = t("dashboards.delete", { name: of.displayName });
  return html`<li class="card mine" data-dashboard=${idOf(of.name)}>
    <header>
      <h2><a href="/dashboards/${idOf(of.name)}">${of.displayName}</a></h2>
      ${may(MANAGE) && html`<button class="button quiet icon" type="button" aria-label=${words} title=${words} onClick=${drop}>
        <${Icon} name="bin" />
      </button>`}
    </header>
    ${of.description && html`<p>${of.description}</p>`}
    <p class="row dim small">
      ${of.panels.slice(0, 8).map((panel) => html`<${Icon} name=${ICONS[kindOf(panel)]} />`)}
      <span>${t("dashboards.panels", { count: of.panels.length })} · ${t("dashboards.changed", { time: ago(of.updateTime) })}</span>
    </p>
  </li>`;
}

/** What was taken away, the latest first: each comes back by a button. */
function Deleted({ rows, again }) {
  const back = async ({ name, displayName }) => {
    await attempt(() => post(`${name}:undelete`), t("dashboards.is_back", { name: displayName }));
    again();
  };
  return html`<details class="card">
    <summary>${t("dashboards.gone_lately", { count: rows.length })}</summary>
    <dl class="facts">
      ${[...rows]
        .sort((a, b) => b.deleteTime.localeCompare(a.deleteTime))
        .map(
          (each) =>
            html`<dt class="wrap-any">${each.displayName} <span class="dim small">${ago(each.deleteTime)}</span></dt>
              <dd><button class="button" type="button" data-back=${idOf(each.name)} onClick=${() => back(each)}>${t("dashboards.back")}</button></dd>`,
        )}
    </dl>
  </details>`;
}

/** Asks what it is called, and whether it begins with what is usual. */
function Making({ close }) {
  const [name, setName] = useState("");
  const [begin, setBegin] = useState(true);
  const [at, setAt] = useState("");
  const known = useLoad(catalogue, []);
  const make = async (event) => {
    event.preventDefault();
    const panels = begin ? usual(at) : [];
    const made = await attempt(() => post(ofTenant("dashboards"), { displayName: name.trim(), panels }));
    if (made) go(`/dashboards/${idOf(made.name)}?edit=1`);
  };
  const actions = html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
    <button class="button primary" data-do="make" form="making" disabled=${!name.trim()}>${t("dashboards.make")}</button>`;
  return html`<${Dialog} title=${t("dashboards.new")} close=${close} actions=${actions}
    ><form class="stack" id="making" onSubmit=${make}>
      <${Field} label=${t("dashboards.name")}
        >${(bound) => html`<input class="input" name="name" autofocus maxlength="120" required ...${bound} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//
      >
      <label class="tick"><input type="checkbox" name="usual" checked=${begin} onChange=${(event) => setBegin(event.target.checked)} />${t("dashboards.usual")}</label>
      ${begin && html`<${Loaded} of=${known}>${(found) => html`<${PlacePicker} known=${found} at=${at} none=${t("dashboards.whole")} choose=${setAt} />`}<//>`}
    </form><//
  >`;
}
