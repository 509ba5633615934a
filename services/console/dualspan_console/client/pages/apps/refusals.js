// Where an app wanted to go and was not let: hosts outside the plant that it did not declare, or that do not answer.
import { ago, dateTime, saidBy, t } from "../../core/words.js";
import { html } from "../../core/view.js";
import { Table } from "../../parts/table.js";

const columns = () => [
  {
    id: "host",
    title: t("apps.refused_host"),
    sort: ({ host }) => host,
    cell: ({ host, port }) => html`<span class="mono wrap-any">${host}${port ? `:${port}` : ""}</span>`,
  },
  {
    id: "why",
    title: t("apps.refused_why"),
    cell: ({ code, reason }) => html`<span title=${reason}>${saidBy(`refusal.${code}`, {}, reason)}</span>`,
  },
  {
    id: "when",
    title: t("apps.refused_when"),
    sort: ({ refuseTime }) => refuseTime,
    cell: ({ refuseTime }) => html`<span title=${dateTime(refuseTime)}>${ago(refuseTime)}</span>`,
  },
];

/** @param {{of: {host: string, port: number, reason: string, code: string, refuseTime: string}[]}} props the latest first */
export function Refusals({ of }) {
  if (of.length === 0) return null;
  return html`<section class="card flush" aria-label=${t("apps.refused")}>
    <header>
      <h2>${t("apps.refused")}</h2>
      <p class="dim small">${t("apps.refused_says")}</p>
    </header>
    <${Table} label=${t("apps.refused")} rows=${of} rowKey=${({ host, port }) => `${host} ${port}`} columns=${columns()} />
  </section>`;
}
