// Ends phase I: the limits that a span gives are those that count from now on.
import { post } from "../../core/api.js";
import { html, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/schema_form.js";
import { attempt } from "../../parts/toasts.js";

/** Versions of limits are never changed, so that this asks. */
export function FixLimits({ chart, asset, span, clocks, close, done }) {
  const [comment, setComment] = useState("");
  const save = async () => {
    const made = await attempt(
      () => post(`${chart.name}:fixLimits`, { asset, ...span, comment: comment.trim() }),
      t("spc.was_fixed"),
    );
    if (!made) return;
    close();
    done();
  };
  const actions = html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button
    ><button class="button primary" type="button" data-do="really" disabled=${!comment.trim()} onClick=${save}>
      ${t("spc.fix")}
    </button>`;
  return html`<${Dialog} title=${t("spc.fix")} close=${close} actions=${actions}>
    <div class="stack">
      <p>${t("spc.fix_hint", { from: clocks.dateTime(span.startTime), to: clocks.dateTime(span.endTime) })}</p>
      <${Field} label=${t("alarms.why")}
        >${(bound) =>
          html`<textarea
            class="input"
            name="comment"
            ...${bound}
            value=${comment}
            onInput=${(event) => setComment(event.target.value)}
          />`}<//
      >
    </div><//
  >`;
}
