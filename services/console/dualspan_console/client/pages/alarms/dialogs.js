// What is asked before an alarm is put aside: for how long, and why.
import { post } from "../../core/api.js";
import { html, useState } from "../../core/view.js";
import { duration, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Segments } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";

const HOUR_S = 3600;
const LENGTHS = [0.25, 1, 4, 8, 24, 72].map((hours) => hours * HOUR_S);
/** The opposite of each, for undo. */
const BACK = { suppress: "unsuppress", takeOutOfService: "returnToService" };

const footer = (close, save, ready, words) =>
  html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button
    ><button class="button primary" type="button" data-do="really" disabled=${!ready} onClick=${save}>
      ${words}
    </button>`;

const Why = ({ value, change, hint }) =>
  html`<${Field} label=${t("alarms.why")} hint=${hint}
    >${(bound) => html`<textarea class="input" name="comment" ...${bound} value=${value} onInput=${(event) => change(event.target.value)} />`}<//
  >`;

/** Puts an alarm on the shelf; it comes back by itself. */
export function Shelve({ alarm, done, close }) {
  const [seconds, setSeconds] = useState(LENGTHS[1]);
  const [comment, setComment] = useState("");
  const save = () => {
    close();
    const undo = () => post(`${alarm.name}:unshelve`);
    return done(
      () => post(`${alarm.name}:shelve`, { shelveFor: `${seconds}s`, comment: comment.trim() }),
      t("alarms.shelved"),
      { undo },
    );
  };
  const actions = footer(close, save, comment.trim(), t("alarms.do_shelve"));
  return html`<${Dialog} title=${t("alarms.shelve_title", { alarm: alarm.message })} close=${close} actions=${actions}>
    <div class="stack">
      <${Segments}
        of=${LENGTHS.map((each) => [each, duration(each * 1000)])}
        chosen=${seconds}
        choose=${setSeconds}
        label=${t("alarms.how_long")}
      />
      <${Why} value=${comment} change=${setComment} hint=${t("alarms.why_hint")} /></div
  ><//>`;
}

/** Acknowledges with words, suppresses, or takes out of service. */
export function Comment({ alarm, done, close, verb }) {
  const [comment, setComment] = useState("");
  const save = () => {
    close();
    const undo = BACK[verb] && (() => post(`${alarm.name}:${BACK[verb]}`));
    return done(() => post(`${alarm.name}:${verb}`, { comment: comment.trim() }), t(`alarms.said_${verb}`), { undo });
  };
  const actions = footer(close, save, comment.trim(), t(`alarms.do_${verb}`));
  return html`<${Dialog} title=${alarm.message} close=${close} actions=${actions}>
    <${Why} value=${comment} change=${setComment} hint=${t("alarms.why_hint")}
  /><//>`;
}
