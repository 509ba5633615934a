// Tags: every stored variable with its newest value, by words of its name.
import { get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { query, setQuery } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { html, useEffect, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { useLatest, Value, When } from "../../parts/latest.js";
import { Badge, PageHead, Search } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";

const PAGE = 50;
const SETTLE_MS = 250;
const TONES = { TAG_STATE_ACTIVE: "good", TAG_STATE_PENDING: "warn", TAG_STATE_REFUSED: "bad" };

export default function Tags() {
  const words = query.value.get("q") ?? "";
  const server = query.value.get("server") ?? "";
  const page = query.value.get("page") ?? "";
  const [typed, setTyped] = useState(words);
  useEffect(() => {
    if (typed === words) return undefined;
    const timer = setTimeout(() => setQuery({ q: typed, page: null }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const found = useLoad(
    (abort) => get(ofTenant("tags"), { query: words, server, pageSize: PAGE, pageToken: page }, abort),
    [words, server, page],
  );
  return html`<${PageHead} title=${t("tags.title")} says=${t("tags.says")} />
    <div class="stack">
      <div class="row">
        <${Search} value=${typed} search=${setTyped} label=${t("tags.search")} />
        ${server && html`<button class="button" onClick=${() => setQuery({ server: null, page: null })}>${t("tags.of_server", { server: idOf(server) })} ×</button>`}
        ${found.data && html`<span class="dim">${t("tags.found", { count: Number(found.data.totalSize) })}</span>`}
      </div>
      <${Loaded} of=${found}
        >${(data) =>
          data.tags.length === 0
            ? html`<div class="card">
                <${Empty} icon="tag" title=${t("tags.none")}
                  ><p>${t(words || server ? "tags.none_hint" : "tags.none_yet")}</p><//
                >
              </div>`
            : html`<${List} tags=${data.tags} />
                <nav class="row" aria-label=${t("tags.pages")}>
                  ${page && html`<button class="button" onClick=${() => setQuery({ page: null })}>${t("tags.first")}</button>`}
                  ${data.nextPageToken && html`<button class="button"
                    onClick=${() => setQuery({ page: data.nextPageToken }, { replace: false })}>${t("tags.next")}</button>`}
                </nav>`}<//
      >
    </div>`;
}

function List({ tags }) {
  const values = useLatest(tags.map(({ tagId }) => String(tagId)));
  return html`<div class="card flush">
    <${Table} label=${t("tags.title")} rows=${tags} rowKey=${({ tagId }) => String(tagId)} columns=${columns(values)} />
  </div>`;
}

const text = (tag) => tag.displayName || tag.browsePath;

const columns = (values) => [
  {
    id: "name",
    title: t("tags.name"),
    sort: text,
    cell: (tag) =>
      html`<a class="tag-names" href="/explore?s=tag/${tag.tagId}"
          ><span class="leaf">${text(tag).slice(text(tag).lastIndexOf("/") + 1)}</span></a
        >
        <span class="under"
          >${[idOf(tag.server), ...text(tag).split("/").slice(0, -1)].filter(Boolean).join(" / ")}</span
        >`,
  },
  {
    id: "value",
    title: t("tags.value"),
    number: true,
    cell: (tag) =>
      html`<${Value} of=${values.get(String(tag.tagId))} /> <span class="dim small nowrap">${tag.unit}</span>`,
  },
  { id: "time", title: t("tags.time"), cell: (tag) => html`<${When} of=${values.get(String(tag.tagId))} />` },
  {
    id: "type",
    title: t("tags.type"),
    sort: (tag) => tag.dataType,
    cell: (tag) => html`<span class="dim">${tag.dataType}</span>`,
  },
  {
    id: "state",
    title: t("plants.state"),
    sort: (tag) => tag.state,
    cell: (tag) => html`<${Badge} tone=${TONES[tag.state]} title=${tag.stateDetail}>${t(`tags.${tag.state}`)}<//>`,
  },
];
