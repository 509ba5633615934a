// What happened to alarms: the record that stays.
import { get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { real } from "../../core/production.js";
import { ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { dateTime, number, t } from "../../core/words.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { alarmId, priorityOf } from "./doing.js";
import { Named, readNames } from "./named.js";

const SHOWN = 500;
const cause = (row) => t(`alarms.cause_${row.cause.replace("ALARM_CAUSE_", "")}`);

/** The last changes of one alarm. */
export function Transitions({ alarm }) {
  const loaded = useLoad(
    (signal) => get(ofTenant("alarmTransitions"), { alarm: alarmId(alarm), pageSize: 8 }, signal),
    [alarm.name, alarm.state],
  );
  return html`<${Loaded} of=${loaded} lines=${2}
    >${({ alarmTransitions }) =>
      html`<ol class="stops">
        ${alarmTransitions.map(
          (each) =>
            html`<li key=${each.sequence}>
              <span class="dim nowrap">${dateTime(each.eventTime)}</span><span>${cause(each)}</span>
              ${each.actor && html`<span class="dim">${idOf(each.actor)}</span>`}${each.comment && html`<span>“${each.comment}”</span>`}
            </li>`,
        )}
      </ol>`}<//
  >`;
}

export function History() {
  const loaded = useLoad(async (signal) => {
    const asked = get(ofTenant("alarmTransitions"), { pageSize: SHOWN }, signal);
    const [names, { alarmTransitions }] = await Promise.all([readNames(signal), asked]);
    return { names, rows: alarmTransitions };
  }, []);
  const columns = (names) => [
    {
      id: "time",
      title: t("alarms.time"),
      sort: ({ eventTime }) => Date.parse(eventTime),
      cell: ({ eventTime }) => dateTime(eventTime),
    },
    {
      id: "alarm",
      title: t("alarms.alarm"),
      sort: ({ alarm }) => alarm,
      cell: ({ alarm }) => html`<${Named} alarm=${alarm} names=${names} />`,
    },
    { id: "cause", title: t("alarms.what"), sort: cause, cell: cause },
    { id: "priority", title: t("alarms.priority"), cell: (row) => t(`alarms.priority_${priorityOf(row)}`) },
    {
      id: "value",
      title: t("alarms.value"),
      number: true,
      cell: ({ value }) => number(Number(real(value).toPrecision(5))),
    },
    {
      id: "actor",
      title: t("alarms.actor"),
      sort: ({ actor }) => actor,
      cell: ({ actor, comment }) =>
        html`${actor ? idOf(actor) : "–"}${comment && html`<span class="under">${comment}</span>`}`,
    },
  ];
  return html`<${Loaded} of=${loaded} lines=${6}
    >${({ names, rows }) =>
      rows.length === 0
        ? html`<div class="card">
            <${Empty} icon="bell" title=${t("alarms.no_history")}><p>${t("alarms.no_history_hint")}</p><//>
          </div>`
        : html`<div class="card flush">
            <${Table}
              label=${t("alarms.tab_history")}
              rows=${rows}
              rowKey=${({ sequence }) => sequence}
              columns=${columns(names)}
            />
          </div>`}<//
  >`;
}
