// What stands below an asset, with how each part does.
import { idOf, nameOf } from "../../core/catalogue.js";
import { elementWords, ratios, real, share, upward } from "../../core/production.js";
import { go } from "../../core/router.js";
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";
import { ShareBar } from "../../parts/bars.js";
import { Swatch } from "../../parts/patterns.js";
import { Table } from "../../parts/table.js";

/** A part with its machines, and what those that are known do at the end of the span. */
function partOf(where, asset, machines) {
  const id = idOf(asset.name);
  const mine = machines.filter((each) => upward(where.known, each.asset).includes(id));
  const last = mine.map(({ intervals }) => intervals.at(-1)?.element).filter(Boolean);
  const alone = mine.length === 1 && mine[0].asset === id ? mine[0] : null;
  return {
    id,
    name: nameOf(asset),
    machines: last.length,
    running: last.filter((element) => element === "PRODUCTION").length,
    element: alone ? last[0] : undefined,
    oee: alone ? ratios(alone.sums, real(alone.value)).oee : Number.NaN,
  };
}

export function Below({ where, asset, detail }) {
  const parts = where.known.below.get(asset.name) ?? [];
  if (parts.length === 0) return null;
  const rows = parts.map((each) => partOf(where, each, detail?.machines ?? []));
  const columns = [
    {
      id: "name",
      title: t("assets.name"),
      sort: ({ name }) => name,
      cell: ({ id, name }) => html`<a class="leaf" href="/assets/${id}">${name}</a>`,
    },
    {
      id: "state",
      title: t("assets.at_the_end"),
      sort: ({ machines, running }) => (machines ? running / machines : -1),
      cell: (row) => html`<${State} ...${row} />`,
    },
    {
      id: "oee",
      title: t("oee.oee"),
      sort: ({ oee }) => (Number.isFinite(oee) ? oee : -1),
      cell: ({ oee }) => (Number.isFinite(oee) ? html`<${ShareBar} value=${oee} words=${share(oee)} />` : "–"),
    },
  ];
  return html`<section class="card flush">
    <header><h2>${t("assets.below")}</h2></header>
    <${Table}
      label=${t("assets.below")}
      rows=${rows}
      rowKey=${({ id }) => id}
      columns=${columns}
      open=${({ id }) => go(`/assets/${id}`)}
    />
  </section>`;
}

function State({ machines, running, element }) {
  if (element) return html`<span class="row"><${Swatch} element=${element} />${elementWords(element)}</span>`;
  return machines > 0 ? t("assets.running", { running, count: machines }) : "–";
}
