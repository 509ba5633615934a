// One interval of a machine: what it was, the way to its values, and why it stood, as a person says.
import { nameOf } from "../../core/catalogue.js";
import { post, remove } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { assetOf, elementWords, exploreAround, iso, reasonsOf, stateWords } from "../../core/production.js";
import { may, ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { duration, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { useInSight } from "../../parts/drawn.js";
import { Icon } from "../../parts/icons.js";
import { Swatch } from "../../parts/patterns.js";
import { Field } from "../../parts/schema_form.js";
import { Loaded } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";

export function Interval({ where: { known, clocks }, asset, interval, again, close }) {
  const [asking, setAsking] = useState(false);
  const { from, to, element, state, reasonText, byHand } = interval;
  const card = useInSight([asset, from]);
  const mayExplain = may("analytics.stops.manage") && element !== "PRODUCTION" && element !== "UNSPECIFIED";
  return html`<section ref=${card} class="card interval" aria-live="polite" aria-label=${t("states.interval")}>
    <header>
      <h2 class="row">
        <${Swatch} element=${element} />${nameOf(assetOf(known, asset) ?? { name: asset })}:
        ${stateWords(known, asset, state)}
      </h2>
      <button class="button quiet icon" type="button" aria-label=${t("core.close")} onClick=${close}>
        <${Icon} name="close" />
      </button>
    </header>
    <dl class="facts">
      <dt>${t("states.counts_as")}</dt>
      <dd>${elementWords(element)}</dd>
      ${
        element !== "PRODUCTION" &&
        html`<dt>${t("states.reason")}</dt>
          <dd>
            ${reasonText || t("states.no_reason")}${byHand && html` <span class="dim">(${t("states.by_hand")})</span>`}
          </dd>`
      }
      <dt>${t("states.when")}</dt>
      <dd>${clocks.dateTime(from)} – ${clocks.dateTime(to)}</dd>
      <dt>${t("states.long")}</dt>
      <dd>${duration(to - from)}</dd>
    </dl>
    <p class="row">
      ${may("historian.samples.read") && html`<a class="button primary" data-do="explore" href=${exploreAround(known, asset, from, to)}><${Icon} name="chart" />${t("states.explore")}</a>`}
      ${mayExplain && html`<button class="button" type="button" data-do="explain" onClick=${() => setAsking(true)}>${t("states.explain")}</button>`}
      <a class="button quiet" href="/assets/${asset}">${t("states.to_machine")}</a>
    </p>
    ${asking && html`<${Explain} ...${{ asset, interval, again }} close=${() => setAsking(false)} />`}
  </section>`;
}

function Explain({ asset, interval, again, close }) {
  const loaded = useLoad((signal) => reasonsOf(asset, signal), [asset]);
  const [reason, setReason] = useState("");
  const [comment, setComment] = useState("");
  const save = async () => {
    const said = { asset, startTime: iso(interval.from), endTime: iso(interval.to), reason: reason.trim(), comment };
    let note;
    const undo = async () => {
      await remove(note.name);
      again();
    };
    const done = await attempt(
      async () => {
        note = await post(ofTenant("stopNotes"), said);
        return note;
      },
      t("states.explained"),
      { undo },
    );
    if (!done) return;
    close();
    again();
  };
  const actions = html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button
    ><button class="button primary" type="button" data-do="save" disabled=${!reason.trim()} onClick=${save}>
      ${t("core.save")}
    </button>`;
  return html`<${Dialog} title=${t("states.explain")} close=${close} actions=${actions}>
    <div class="stack">
      <${Loaded} of=${loaded}
        >${(reasons) =>
          html`<${Field} label=${t("states.reason")} hint=${reasons.length === 0 ? t("states.free_reason") : undefined}
            >${(bound) =>
              reasons.length === 0
                ? html`<input
                    class="input"
                    ...${bound}
                    value=${reason}
                    onInput=${(event) => setReason(event.target.value)}
                  />`
                : html`<select
                    class="input"
                    name="reason"
                    ...${bound}
                    onChange=${(event) => setReason(event.target.value)}
                  >
                    <option value="">${t("states.choose")}</option>
                    ${reasons.map(({ code, words }) => html`<option value=${code} selected=${code === reason}>${words}</option>`)}
                  </select>`}<//
          >`}<//
      >
      <${Field} label=${t("states.comment")}
        >${(bound) => html`<textarea class="input" ...${bound} value=${comment} onInput=${(event) => setComment(event.target.value)} />`}<//
      >
    </div><//
  >`;
}
