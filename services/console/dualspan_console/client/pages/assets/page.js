// Assets: sites, lines and machines, found by their words.
import { catalogue, iconOf, idOf, nameOf, pathTo } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { go, query, setQuery } from "../../core/router.js";
import { html } from "../../core/view.js";
import { local, t } from "../../core/words.js";
import { PageHead, Search } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { searchWords } from "../../parts/tree.js";

export default function Assets() {
  const known = useLoad(catalogue, []);
  return html`<${PageHead} title=${t("assets.title")} says=${t("assets.says")} />
    <${Loaded} of=${known}
      >${(found) => (found.assets.length === 0 ? html`<${None} />` : html`<${List} known=${found} />`)}<//
    >`;
}

const None = () =>
  html`<div class="card">
    <${Empty} icon="machine" title=${t("production.no_machines")}><p>${t("production.no_machines_hint")}</p><//>
  </div>`;

function List({ known }) {
  const text = query.value.get("q") ?? "";
  const words = searchWords(text);
  const models = new Map(known.models.map((model) => [idOf(model.name), local(model.displayName)]));
  const rows = known.assets
    .map((asset) => ({
      id: idOf(asset.name),
      name: nameOf(asset),
      icon: iconOf(asset),
      path: pathTo(asset, known.byName).map(nameOf).join(" / "),
      model: models.get(asset.model) ?? asset.model,
      measured: asset.bindings.length,
    }))
    .filter((row) => {
      const all = `${row.path} ${row.name} ${row.id} ${row.model}`.toLowerCase();
      return words.every((word) => all.includes(word));
    })
    .sort((a, b) => a.path.localeCompare(b.path) || a.name.localeCompare(b.name, undefined, { numeric: true }));
  return html`<div class="stack">
    <div class="row">
      <${Search} value=${text} search=${(next) => setQuery({ q: next })} label=${t("assets.search")} />
      <span class="dim" role="status">${t("assets.count", { count: rows.length })}</span>
    </div>
    <div class="card flush">
      ${
        rows.length === 0
          ? html`<p class="inside dim">${t("core.nothing_found")}</p>`
          : html`<${Table}
              label=${t("assets.title")}
              rows=${rows}
              rowKey=${({ id }) => id}
              columns=${columns()}
              open=${({ id }) => go(`/assets/${id}`)}
            />`
      }
    </div>
  </div>`;
}

const columns = () => [
  {
    id: "name",
    title: t("assets.name"),
    sort: ({ name }) => name,
    cell: ({ id, name }) => html`<a class="leaf" href="/assets/${id}">${name}</a>`,
  },
  { id: "level", title: t("assets.level"), sort: ({ icon }) => icon, cell: ({ icon }) => t(`assets.level_${icon}`) },
  { id: "path", title: t("assets.part_of"), sort: ({ path }) => path, cell: ({ path }) => path || "–" },
  { id: "model", title: t("assets.model"), sort: ({ model }) => model, cell: ({ model }) => model || "–" },
  {
    id: "values",
    title: t("assets.values"),
    number: true,
    sort: ({ measured }) => measured,
    cell: ({ measured }) => measured,
  },
];
