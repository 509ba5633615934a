// One version, for a reviewer: what it asks of plants, what its checks found, and the decision.
import { get, post } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { html, useState } from "../../core/view.js";
import { dateTime, local, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";
import { Loaded, Note } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";
import { Asks, Checks, Source } from "../publisher/asks.js";
import { stepsOf, toneOf, wordsOf } from "../publisher/states.js";

export default function Version({ publisher, app, version }) {
  const name = `tenants/${publisher}/apps/${app}/appVersions/${version}`;
  const loaded = useLoad((signal) => get(name, {}, signal), [name]);
  return html`<${Loaded} of=${loaded} lines=${6}
    >${(found) => html`<${Page} publisher=${publisher} app=${app} version=${version} found=${found} />`}<//
  >`;
}

/** A reviewer decides on what is in review and has no decision yet. */
const waits = (found) => found.state === "APP_VERSION_STATE_IN_REVIEW" && stepsOf(found).length === 0;

function Page({ publisher, app, version, found }) {
  const [refusing, setRefusing] = useState(false);
  const decide = async (approve, remark = "") => {
    setRefusing(false);
    const done = await attempt(() => post(`${found.name}:review`, { approve, remark }), t(approve ? "reviews.approved" : "reviews.sent_back"));
    if (done) go("/reviews");
  };
  const actions =
    waits(found) &&
    html`<button class="button" data-do="send-back" onClick=${() => setRefusing(true)}>${t("reviews.send_back")}</button>
      <button class="button primary" data-do="approve" onClick=${() => decide(true)}><${Icon} name="check" />${t("reviews.approve")}</button>`;
  return html`<${PageHead}
      title=${`${local(found.asks?.displayName) || app} ${version}`}
      says=${local(found.asks?.summary)}
      crumbs=${[[t("nav.reviews"), "/reviews"], [`${app} ${version}`]]}
      actions=${actions}
    />
    <div class="stack">
      <p class="row">
        <${Badge} tone=${toneOf(found)}>${wordsOf(found)}<//>
        <span class="dim">${t("reviews.from", { publisher, time: dateTime(found.stateTime) })}</span>
      </p>
      ${found.remark && html`<${Note} tone="info">${found.remark}<//>`}
      <${Asks} asks=${found.asks} /><${Checks} checks=${found.checks} /><${Source} manifest=${found.manifest} />
    </div>
    ${refusing && html`<${SendBack} close=${() => setRefusing(false)} send=${(remark) => decide(false, remark)} />`}`;
}

function SendBack({ close, send }) {
  const submit = (event) => {
    event.preventDefault();
    send(new FormData(event.target).get("remark"));
  };
  return html`<${Dialog}
    title=${t("reviews.send_back")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="send-back" data-do="really">${t("reviews.send_back")}</button>`}
  >
    <form id="send-back" onSubmit=${submit}>
      <${Field} label=${t("reviews.remark")} hint=${t("reviews.remark_hint")}
        >${(bound) => html`<textarea class="input" name="remark" required ...${bound}></textarea>`}<//
      >
    </form>
  <//>`;
}
