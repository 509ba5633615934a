// One dashboard: seen, composed, kept.
import { get, patch } from "../../core/api.js";
import { catalogue, idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { go, query, setQuery } from "../../core/router.js";
import { may, ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { Patterns } from "../../parts/patterns.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Field } from "../../parts/schema_form.js";
import { attempt, toast } from "../../parts/toasts.js";
import { Compose } from "./compose.js";
import { draftOf, dropDraft, keepDraft } from "./drafts.js";
import { AtTheLine } from "./at_the_line.js";
import { MANAGE } from "./page.js";
import { Panel } from "./panel.js";

export default function OneDashboard({ dashboard }) {
  const loaded = useLoad(
    async (signal) => {
      const [known, found] = await Promise.all([catalogue(), get(ofTenant(`dashboards/${dashboard}`), {}, signal)]);
      return { known, found };
    },
    [dashboard],
  );
  const kept = (found) => loaded.set({ ...loaded.data, found });
  return html`<${Patterns} /><${Loaded} of=${loaded} lines=${6}
      >${({ known, found }) =>
        query.value.get("edit") && may(MANAGE)
          ? html`<${Composing} key=${found.etag} ...${{ known, found, kept }} again=${loaded.again} />`
          : html`<${Seen} known=${known} found=${found} />`}<//
    >`;
}

const crumbs = (found) => [[t("dashboards.heading"), "/dashboards"], [found.displayName]];

function Seen({ known, found }) {
  const [asking, setAsking] = useState(false);
  const compose = () => setQuery({ edit: "1" }, { replace: false });
  const edit = may(MANAGE) && html`<button class="button" type="button" data-do="edit" onClick=${compose}>
    <${Icon} name="pencil" />${t("dashboards.edit")}
  </button>`;
  const actions = html`${edit}
    <button class="button" type="button" data-do="kiosk" onClick=${() => setAsking(true)}><${Icon} name="expand" />${t("dashboards.at_the_line")}</button>`;
  return html`<${PageHead} title=${found.displayName} says=${found.description} crumbs=${crumbs(found)} actions=${actions} />
    ${
      found.panels.length === 0
        ? html`<div class="card"><${Empty} icon="grid" title=${t("dashboards.empty")} action=${edit}><p>${t("dashboards.empty_hint")}</p><//></div>`
        : html`<div class="board">${found.panels.map((panel) => html`<${Panel} key=${panel.id} panel=${panel} known=${known} />`)}</div>`
    }
    ${asking && html`<${AtTheLine} found=${found} close=${() => setAsking(false)} />`}`;
}

const draftFrom = ({ displayName, description, panels, etag }) => ({ displayName, description, panels, etag });

function Composing({ known, found, kept, again }) {
  const [draft, setDraft] = useState(() => draftOf(found.name) ?? draftFrom(found));
  const [busy, setBusy] = useState(false);
  const [isLate, setIsLate] = useState(false);
  const set = (changes) => {
    const next = { ...draft, ...changes };
    setDraft(next);
    keepDraft(found.name, next);
  };
  const leave = () => {
    dropDraft(found.name);
    setQuery({ edit: null });
  };
  const giveUp = () => {
    const composed = draftOf(found.name);
    leave();
    const back = () => {
      keepDraft(found.name, composed);
      go(`/dashboards/${idOf(found.name)}?edit=1`);
    };
    if (composed) toast(t("dashboards.left"), { undo: back });
  };
  const keep = async (etag) => {
    setBusy(true);
    try {
      const answer = await patch(found.name, { ...draft, displayName: draft.displayName.trim(), etag });
      leave();
      kept(answer);
      toast(t("dashboards.kept"));
    } catch (problem) {
      setBusy(false);
      if (problem.reason === "ETAG_MISMATCH") setIsLate(true);
      else toast(problem.message);
    }
  };
  const theirs = () => {
    leave();
    again();
  };
  const mine = async () => {
    setIsLate(false);
    const newest = await attempt(() => get(found.name));
    if (newest) await keep(newest.etag);
  };
  const actions = html`<button class="button" type="button" data-do="leave" onClick=${giveUp}>${t("dashboards.leave")}</button>
    <button class="button primary" type="button" data-do="keep" disabled=${busy || !draft.displayName.trim()} onClick=${() => keep(draft.etag)}>
      <${Icon} name="check" />${t("dashboards.keep")}
    </button>`;
  return html`<${PageHead} title=${t("dashboards.composing", { name: found.displayName })} crumbs=${crumbs(found)} actions=${actions} />
    <div class="stack">
      <${Names} draft=${draft} set=${set} /><${Compose} panels=${draft.panels} setPanels=${(panels) => set({ panels })} known=${known} />
    </div>
    ${isLate && html`<${Late} theirs=${theirs} mine=${mine} close=${() => setIsLate(false)} />`}`;
}

const Names = ({ draft, set }) =>
  html`<div class="row halves">
    <${Field} label=${t("dashboards.name")}
      >${(bound) => html`<input class="input" name="name" maxlength="120" ...${bound} value=${draft.displayName} onInput=${(event) => set({ displayName: event.target.value })} />`}<//
    ><${Field} label=${t("dashboards.description")}
      >${(bound) => html`<input class="input" name="description" maxlength="500" ...${bound} value=${draft.description} onInput=${(event) => set({ description: event.target.value })} />`}<//
    >
  </div>`;

/** Somebody else was faster. */
const Late = ({ theirs, mine, close }) =>
  html`<${Dialog}
    title=${t("dashboards.late")}
    close=${close}
    actions=${html`<button class="button" type="button" data-do="theirs" onClick=${theirs}>${t("dashboards.theirs")}</button>
      <button class="button primary" type="button" data-do="mine" onClick=${mine}>${t("dashboards.mine")}</button>`}
    ><p>${t("dashboards.late_hint")}</p><//
  >`;
