// The alarm list (ISA-18.2): what asks for attention, and what operators do about it.
import { all } from "../../core/api.js";
import { catalogue } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { query, setQuery } from "../../core/router.js";
import { may, ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { number, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { PageHead, Search, Segments, Tabs } from "../../parts/layout.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";
import { PlacePicker } from "../../parts/where.js";
import { acknowledge, acknowledgeable, isBelow, machineAt } from "./doing.js";
import { AlarmLine } from "./line.js";
import { Quality } from "./quality.js";
import { History } from "./history.js";

const REFRESH_MS = 3000;
const MOST = 1000;
/** Which states each choice shows; none: what operators are shown. */
const GROUPS = {
  open: [],
  unseen: ["UNACKNOWLEDGED", "RETURNED_UNACKNOWLEDGED", "LATCHED_UNACKNOWLEDGED"],
  shelved: ["SHELVED"],
  silent: ["SUPPRESSED_BY_DESIGN", "OUT_OF_SERVICE"],
};
const PRIORITIES = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];

export default function Alarms() {
  const tab = ["list", "history", "quality"].includes(query.value.get("tab")) ? query.value.get("tab") : "list";
  const tabs = [
    ["list", t("alarms.tab_list")],
    ["history", t("alarms.tab_history")],
    ["quality", t("alarms.tab_quality")],
  ];
  const Tab = { list: List, history: History, quality: Quality }[tab];
  return html`<${PageHead} title=${t("alarms.title")} says=${t("alarms.says")} />
    <div class="stack">
      <${Tabs}
        of=${tabs}
        chosen=${tab}
        choose=${(id) => setQuery({ tab: id === "list" ? null : id })}
        label=${t("alarms.title")}
      /><${Tab} />
    </div>`;
}

function List() {
  const group = Object.hasOwn(GROUPS, query.value.get("show") ?? "") ? query.value.get("show") : "open";
  const priority = PRIORITIES.includes(query.value.get("priority")) ? query.value.get("priority") : "LOW";
  const [at, words] = [query.value.get("at") ?? "", query.value.get("q") ?? ""];
  const isFiltered = group !== "open" || priority !== "LOW" || at !== "" || words !== "";
  const known = useLoad(catalogue, []);
  const machine = known.data ? machineAt(known.data, at) : undefined;
  const loaded = useLoad(
    (signal) =>
      all(ofTenant("alarms"), "alarms", {
        signal,
        most: MOST,
        query: {
          states: GROUPS[group].map((each) => `ALARM_STATE_${each}`),
          asset: machine,
          minimumPriority: priority === "LOW" ? undefined : `ALARM_PRIORITY_${priority}`,
        },
      }),
    [group, priority, machine],
  );
  useEvery(REFRESH_MS, loaded.renew);
  return html`<div class="row where">
      <${Segments}
        of=${Object.keys(GROUPS).map((id) => [id, t(`alarms.show_${id}`)])}
        chosen=${group}
        choose=${(id) => setQuery({ show: id === "open" ? null : id })}
        label=${t("alarms.show")}
      />
      <select
        class="input place"
        name="priority"
        aria-label=${t("alarms.priority")}
        onChange=${(event) => setQuery({ priority: event.target.value === "LOW" ? null : event.target.value })}
      >
        ${PRIORITIES.map((id) => html`<option value=${id} selected=${id === priority}>${t(`alarms.from_${id}`)}</option>`)}
      </select>
      ${known.data && html`<${PlacePicker} known=${known.data} at=${at} none=${t("alarms.everywhere")} choose=${(id) => setQuery({ at: id })} />`}
      <${Search} value=${words} search=${(text) => setQuery({ q: text })} label=${t("alarms.search")} />
    </div>
    <${Loaded} of=${loaded}
      >${(alarms) =>
        known.data
          ? html`<${Lines} ...${{ alarms, at, words, again: loaded.again }} known=${known.data} isFiltered=${isFiltered} />`
          : html`<${Loaded} of=${known}>${() => null}<//>`}<//
    >`;
}

/** Who looks for something and does not find it is not taught how rules are made. */
const NoLines = ({ isFiltered }) =>
  html`<div class="card">
    ${
      isFiltered
        ? html`<${Empty} icon="bell" title=${t("alarms.none_such")} />`
        : html`<${Empty} icon="bell" title=${t("alarms.none")}>
            <p>${t("alarms.none_hint")}</p>
            <code>dualspan analytics alarms add</code><//
          >`
    }
  </div>`;

function Lines({ alarms, isFiltered, at, words, known, again }) {
  const [open, setOpen] = useState("");
  const wanted = words.toLowerCase();
  const shown = alarms.filter(
    (each) =>
      isBelow(known, each.asset, at) &&
      `${each.message} ${each.asset} ${each.property} ${each.comment}`.toLowerCase().includes(wanted),
  );
  const unseen = shown.filter(acknowledgeable);
  const acknowledgeAll = () =>
    attempt(
      async () => {
        for (const each of unseen) await acknowledge(each);
        again();
      },
      t("alarms.acknowledged_all", { count: unseen.length }),
    );
  const cut = alarms.length >= MOST && html`<${Note}>${t("alarms.cut", { count: MOST })}<//>`;
  if (shown.length === 0) return html`${cut}<${NoLines} isFiltered=${isFiltered || alarms.length > 0} />`;
  return html`${cut}
    <div class="row apart">
      <p class="dim" role="status">${t("alarms.count", { count: shown.length, unseen: unseen.length })}</p>
      ${
        may("analytics.alarms.acknowledge") &&
        unseen.length > 1 &&
        html`<button class="button" type="button" onClick=${acknowledgeAll}>
          <${Icon} name="check" />${t("alarms.acknowledge_all", { count: number(unseen.length) })}
        </button>`
      }
    </div>
    <ul class="card flush alarm-list" aria-label=${t("alarms.title")}>
      ${shown.map(
        (alarm) =>
          html`<${AlarmLine}
            key=${alarm.name}
            ...${{ alarm, known, again }}
            open=${open === alarm.name}
            turn=${() => setOpen(open === alarm.name ? "" : alarm.name)}
          />`,
      )}
    </ul>`;
}
