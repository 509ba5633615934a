// One alarm: how it stands, what to do about it, and what can be done with it.
import { post } from "../../core/api.js";
import { nameOf } from "../../core/catalogue.js";
import { assetOf, iso, real } from "../../core/production.js";
import { may } from "../../core/session.js";
import { unitText } from "../../core/units.js";
import { html, useState } from "../../core/view.js";
import { ago, dateTime, number, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { Badge } from "../../parts/layout.js";
import { attempt } from "../../parts/toasts.js";
import { acknowledge, acknowledgeable, priorityOf, stateOf, TONES } from "./doing.js";
import { Comment, Shelve } from "./dialogs.js";
import { Transitions } from "./history.js";

/** How much before and after it was raised the chart of an alarm shows. */
const AROUND_MS = 1800e3;
const STATE_TONES = { UNACKNOWLEDGED: "bad", ACKNOWLEDGED: "warn", RETURNED_UNACKNOWLEDGED: "info" };

const keyOf = ({ asset, property, index }) => `${asset}/${property}${index ? `:${index}` : ""}`;

/** What is watched, with the value that raised the alarm. */
function watched(known, alarm) {
  const of = known.measured.get(keyOf(alarm));
  const value = real(alarm.value);
  const isMeasure = of?.kind === "VALUE_KIND_FLOAT64" || alarm.level !== "";
  const figure =
    isMeasure && Number.isFinite(value) ? `${number(Number(value.toPrecision(5)))} ${unitText(of?.unit ?? "")}` : "";
  return [of?.title ?? alarm.property, alarm.level, figure.trim()].filter(Boolean).join(" · ");
}

/** @param {{alarm: object, known: object, again: () => void, open: boolean, turn: () => void, short?: boolean}} props */
export function AlarmLine({ alarm, known, again, open, turn, short }) {
  const [dialog, setDialog] = useState("");
  const state = stateOf(alarm);
  const priority = priorityOf(alarm);
  const asset = assetOf(known, alarm.asset);
  const close = () => setDialog("");
  const done = async (action, words, { undo } = {}) => {
    const back = async () => {
      await undo();
      again();
    };
    await attempt(action, words, { undo: undo && back });
    again();
  };
  return html`<li class="alarm ${TONES[priority]}" data-alarm=${alarm.name} data-state=${state}>
    <div class="alarm-head">
      <span class="priority ${TONES[priority]}"
        ><${Icon} name=${priority === "LOW" ? "info" : "warning"} />${t(`alarms.priority_${priority}`)}</span
      >
      <div class="grow">
        <p class="leaf">
          ${alarm.message}${alarm.escalated && html` <${Badge} tone="bad">${t("alarms.escalated")}<//>`}
        </p>
        <p class="dim small">
          ${!short && (asset ? html`<a href="/assets/${alarm.asset}">${nameOf(asset)}</a> · ` : alarm.asset && `${alarm.asset} · `)}${watched(known, alarm)}
        </p>
      </div>
      <${Badge} tone=${STATE_TONES[state] ?? ""}>${t(`alarms.state_${state}`)}<//>
      <span class="dim small nowrap" title=${dateTime(alarm.raiseTime)}
        >${alarm.raiseTime && ago(alarm.raiseTime)}</span
      >
      <${Actions} ...${{ alarm, state, done, setDialog }} />
      <button
        class="button quiet icon"
        type="button"
        aria-expanded=${open}
        aria-label=${t("alarms.more", { alarm: alarm.message })}
        onClick=${turn}
      >
        <${Icon} name="down" />
      </button>
    </div>
    ${open && html`<${More} ...${{ alarm, known, state, setDialog, done }} />`}
    ${dialog === "shelve" && html`<${Shelve} alarm=${alarm} done=${done} close=${close} />`}
    ${dialog && dialog !== "shelve" && html`<${Comment} ...${{ alarm, done, close }} verb=${dialog} />`}
  </li>`;
}

function Actions({ alarm, state, done, setDialog }) {
  if (!may("analytics.alarms.acknowledge")) return null;
  const button = (verb, act) =>
    html`<button class="button" type="button" data-do=${verb} onClick=${act}>${t(`alarms.do_${verb}`)}</button>`;
  return html`<span class="row">
    ${acknowledgeable(alarm) && button("acknowledge", () => done(() => acknowledge(alarm), t("alarms.acknowledged")))}
    ${state === "LATCHED_ACKNOWLEDGED" && button("reset", () => done(() => post(`${alarm.name}:reset`), t("alarms.was_reset")))}
    ${state === "SHELVED" && button("unshelve", () => done(() => post(`${alarm.name}:unshelve`), t("alarms.unshelved")))}
    ${!["SHELVED", "SUPPRESSED_BY_DESIGN", "OUT_OF_SERVICE"].includes(state) && button("shelve", () => setDialog("shelve"))}
  </span>`;
}

function More({ alarm, known, state, setDialog, done }) {
  const key = keyOf(alarm);
  const raised = alarm.raiseTime ? Date.parse(alarm.raiseTime) : Date.now();
  const span = `from=${iso(raised - AROUND_MS)}&to=${iso(Math.min(Date.now(), raised + AROUND_MS))}`;
  const chart = `/explore?asset=${encodeURIComponent(alarm.asset)}&s=${encodeURIComponent(key)}&${span}`;
  const quiet = (verb, act) =>
    html`<button class="button quiet" type="button" data-do=${verb} onClick=${act}>${t(`alarms.do_${verb}`)}</button>`;
  return html`<div class="alarm-more stack tight">
    <dl class="facts">
      ${
        alarm.response &&
        html`<dt>${t("alarms.response")}</dt>
          <dd class="leaf">${alarm.response}</dd>`
      }
      <dt>${t("alarms.raised")}</dt>
      <dd>${dateTime(alarm.raiseTime)}</dd>
      ${
        alarm.clearTime &&
        html`<dt>${t("alarms.cleared")}</dt>
          <dd>${dateTime(alarm.clearTime)}</dd>`
      }
      ${
        alarm.shelvedUntil &&
        html`<dt>${t("alarms.shelved_until")}</dt>
          <dd>${dateTime(alarm.shelvedUntil)}</dd>`
      }
      ${
        alarm.actor &&
        html`<dt>${t("alarms.actor")}</dt>
          <dd class="wrap-any">${alarm.actor}</dd>`
      }
      ${
        alarm.comment &&
        html`<dt>${t("alarms.comment")}</dt>
          <dd>${alarm.comment}</dd>`
      }
    </dl>
    <p class="row">
      ${known.measured.has(key) && html`<a class="button" href=${chart}><${Icon} name="chart" />${t("home.see_chart")}</a>`}
      ${may("analytics.alarms.acknowledge") && acknowledgeable(alarm) && quiet("comment", () => setDialog("acknowledge"))}
      ${may("analytics.alarms.manage") && state !== "SUPPRESSED_BY_DESIGN" && quiet("suppress", () => setDialog("suppress"))}
      ${may("analytics.alarms.manage") && state === "SUPPRESSED_BY_DESIGN" && quiet("unsuppress", () => done(() => post(`${alarm.name}:unsuppress`), t("alarms.unsuppressed")))}
      ${may("analytics.alarms.manage") && state !== "OUT_OF_SERVICE" && quiet("takeOutOfService", () => setDialog("takeOutOfService"))}
      ${may("analytics.alarms.manage") && state === "OUT_OF_SERVICE" && quiet("returnToService", () => done(() => post(`${alarm.name}:returnToService`), t("alarms.returned")))}
    </p>
    <${Transitions} alarm=${alarm} />
  </div>`;
}
