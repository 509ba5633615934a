// How good the alarm system is: the measures of ISA-18.2, clause 16, with their targets.
import { get } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { real, share } from "../../core/production.js";
import { ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { dateTime, number, t, tOr } from "../../core/words.js";
import { ShareBar } from "../../parts/bars.js";
import { Badge, Figure } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { Named, readNames } from "./named.js";

export function Quality() {
  const loaded = useLoad(async (signal) => {
    const [names, found] = await Promise.all([readNames(signal), get(ofTenant("alarmStatistics"), {}, signal)]);
    return { names, found };
  }, []);
  return html`<${Loaded} of=${loaded} lines=${6}>${(each) => html`<${Measured} ...${each} />`}<//>`;
}

const round = (value) => number(Number(real(value).toPrecision(3)));
/** A measure as people say it: shares as percent. */
const figure = (id, value) => (id.includes("SHARE") ? share(value) : round(value));

function Measured({ found, names }) {
  const measures = [
    { id: "what", title: t("alarms.measure"), cell: ({ id, displayName }) => tOr(`alarms.measure_${id}`, displayName) },
    { id: "value", title: t("alarms.value"), number: true, cell: ({ id, value }) => figure(id, value) },
    { id: "target", title: t("alarms.target"), number: true, cell: ({ id, target }) => `≤ ${figure(id, target)}` },
    {
      id: "met",
      title: t("alarms.met"),
      cell: ({ met }) =>
        html`<${Badge} tone=${met ? "good" : "warn"}>${t(met ? "alarms.is_met" : "alarms.is_not_met")}<//>`,
    },
  ];
  const frequent = [
    {
      id: "alarm",
      title: t("alarms.alarm"),
      cell: ({ alarm }) => html`<${Named} alarm=${alarm} names=${names} />`,
    },
    {
      id: "count",
      title: t("alarms.annunciations"),
      number: true,
      cell: ({ annunciations }) => number(Number(annunciations)),
    },
    {
      id: "share",
      title: t("losses.share"),
      cell: ({ share: part }) => html`<${ShareBar} value=${real(part)} words=${share(part)} />`,
    },
  ];
  return html`<p class="dim">
      ${t("alarms.quality_of", { from: dateTime(found.startTime), to: dateTime(found.endTime) })}
    </p>
    <div class="figures">
      <${Figure} label=${t("alarms.annunciations")} under=${t("alarms.in_all")}
        >${number(Number(found.annunciations))}<//
      >
      <${Figure} label=${t("alarms.per_hour")} under=${t("alarms.per_operator")}
        >${round(found.annunciationsPerOperatorHour)}<//
      >
      <${Figure} label=${t("alarms.floods")} under=${t("alarms.flood_share", { share: share(found.floodShare) })}
        >${number(found.floods.length)}<//
      >
      <${Figure} label=${t("alarms.chattering")} under=${t("alarms.chattering_under")}
        >${number(found.chattering.length)}<//
      >
    </div>
    <section class="card flush">
      <header><h2>${t("alarms.measures")}</h2></header>
      <${Table} label=${t("alarms.measures")} rows=${found.measures} rowKey=${({ id }) => id} columns=${measures} />
    </section>
    ${
      found.topTen.length > 0 &&
      html`<section class="card flush">
        <header><h2>${t("alarms.top_ten")}</h2></header>
        <${Table}
          label=${t("alarms.top_ten")}
          rows=${found.topTen}
          rowKey=${({ alarm }) => alarm}
          columns=${frequent}
        />
      </section>`
    }`;
}
