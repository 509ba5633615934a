// What is missing of a gateway's data, why, and whether it was filled.
import { get } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { ofTenant } from "../../core/session.js";
import { told } from "../../core/told.js";
import { html } from "../../core/view.js";
import { dateTime, duration, number, t, tOr } from "../../core/words.js";
import { Badge } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";

const SHOWN = 50;

export function Gaps({ gateway }) {
  const loaded = useLoad((signal) => get(ofTenant("gaps"), { gateway, pageSize: SHOWN }, signal), [gateway]);
  return html`<section class="card flush" aria-labelledby="gaps">
    <header><h2 id="gaps">${t("gateways.gaps")}</h2></header>
    <${Loaded} of=${loaded}
      >${({ gaps: rows, nextPageToken }) =>
        rows.length === 0
          ? html`<p class="inside dim">${t("gateways.no_gaps")}</p>`
          : html`<${Table}
                label=${t("gateways.gaps")}
                rows=${rows}
                rowKey=${({ name }) => name}
                columns=${columns()}
              />
              ${nextPageToken && html`<p class="inside dim small">${t("gateways.newest_gaps", { count: SHOWN })}</p>`}`}<//
    >
  </section>`;
}

const TONES = { OPEN: "warn", REPAIRED: "good", UNREPAIRABLE: "bad" };
const length = ({ startTime, endTime }) => Date.parse(endTime) - Date.parse(startTime);

const columns = () => [
  {
    id: "when",
    title: t("gateways.gap_when"),
    sort: ({ startTime }) => startTime,
    cell: (gap) =>
      html`<span class="nowrap">${dateTime(gap.startTime)}</span
        ><span class="under">${gap.endTime && gap.startTime ? duration(Math.max(0, length(gap))) : ""}</span>`,
  },
  {
    id: "what",
    title: t("gateways.gap_what"),
    cell: ({ tagId, server }) =>
      tagId !== "0" ? t("gateways.gap_tag", { id: tagId }) : server || t("gateways.gap_all"),
  },
  {
    id: "cause",
    title: t("gateways.gap_cause"),
    sort: ({ cause }) => cause,
    cell: ({ cause, detail, resolution }) =>
      html`${tOr(`gateways.${cause}`, cause.replace("GAP_CAUSE_", "").toLowerCase().replaceAll("_", " "))}${detail && html`<span class="under">${told(detail)}</span>`}
      ${resolution && html`<span class="under">${told(resolution)}</span>`}`,
  },
  {
    id: "lost",
    title: t("gateways.gap_lost"),
    number: true,
    cell: ({ lostSamples }) => (Number(lostSamples) > 0 ? number(Number(lostSamples)) : "–"),
  },
  {
    id: "state",
    title: t("plants.state"),
    sort: ({ state }) => state,
    cell: ({ state }) => {
      const id = state.replace("GAP_STATE_", "");
      return html`<${Badge} tone=${TONES[id] ?? ""}>${tOr(`gateways.gap_${id}`, id.toLowerCase())}<//>`;
    },
  },
];
