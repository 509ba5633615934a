// The second person's word on a write to a machine: sees what, where and why before it goes.
import { get, post } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { html, useState } from "../../core/view.js";
import { dateTime, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/schema_form.js";
import { Note } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";

/** A value as the contract writes it, which names its kind. */
const valueOf = (value) => String(value?.number ?? value?.boolean ?? value?.text ?? value?.binary ?? "–");
const workOf = ({ value, call }) =>
  call ? t("home.call_of", { values: call.arguments.map(valueOf).join(", ") || "–" }) : valueOf(value);

/** The tag's own name, or the method; the guard alone knows it. */
async function targetOf({ guard }, signal) {
  const { tag, method } = await get(guard, {}, signal);
  if (!tag) return `${idOf(method.server)}: ${method.methodId}`;
  const { displayName, browsePath, server } = await get(tag, {}, signal);
  return `${idOf(server)}: ${displayName || browsePath}`;
}

export function Decide({ command, close, done }) {
  const [comment, setComment] = useState("");
  const target = useLoad((signal) => targetOf(command, signal), [command.guard]);
  const decide = (verb, words) => async () => {
    const said = await attempt(() => post(`${command.name}:${verb}`, { comment: comment.trim() }), words);
    if (!said) return;
    close();
    done();
  };
  const actions = html`<button
      class="button"
      type="button"
      data-do="reject"
      onClick=${decide("reject", t("home.rejected"))}
    >
      ${t("home.reject")}</button
    ><button
      class="button primary"
      type="button"
      data-do="approve"
      disabled=${!target.data}
      onClick=${decide("approve", t("home.approved"))}
    >
      ${t("home.approve")}
    </button>`;
  const facts = [
    [t("home.target"), target.data ?? target.problem?.message ?? "…"],
    [t("home.write"), workOf(command)],
    [t("home.guard"), idOf(command.guard)],
    [t("home.requester"), idOf(command.requester)],
    [t("home.reason"), command.reason || "–"],
    [t("home.expires"), dateTime(command.expireTime)],
  ];
  return html`<${Dialog} title=${t("home.decide_title")} close=${close} actions=${actions}>
    <div class="stack">
      <dl class="facts">
        ${facts.map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd class="wrap-any">${value}</dd>`,
        )}
      </dl>
      <${Note} tone="warn">${t("home.decide_hint")}<//>
      <${Field} label=${t("home.comment")}
        >${(bound) => html`<textarea class="input" ...${bound} value=${comment} onInput=${(event) => setComment(event.target.value)} />`}<//
      >
    </div><//
  >`;
}
