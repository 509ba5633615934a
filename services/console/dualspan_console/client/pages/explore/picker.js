// What can be drawn: the plant as a tree of its machines, and tags that belong to none.
import { get } from "../../core/api.js";
import { iconOf, idOf, nameOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { may, ofTenant } from "../../core/session.js";
import { html, useEffect, useMemo, useState } from "../../core/view.js";
import { language, t } from "../../core/words.js";
import { unitText } from "../../core/units.js";
import { Search, Tabs } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Tree } from "../../parts/tree.js";
import { TEXTS } from "./series.js";

const TAGS_SHOWN = 50;
const SETTLE_MS = 200;

/** The catalogue as nodes of a tree; leaves have the keys of what is measured. */
function nodes(catalogue) {
  const leaves = new Map();
  for (const each of catalogue.measured.values()) leaves.set(each.asset, [...(leaves.get(each.asset) ?? []), each]);
  const rank = ({ kind }) => (TEXTS.has(kind) ? 1 : 0);
  const byText = new Intl.Collator(language, { numeric: true });
  for (const list of leaves.values()) list.sort((a, b) => rank(a) - rank(b) || byText.compare(a.title, b.title));
  const leafOf = ({ key, title, where, unit, search, kind }) => ({
    id: key,
    text: title,
    icon: TEXTS.has(kind) ? "text" : "chart",
    aside: unitText(unit),
    detail: `${where} / ${title}`,
    search,
  });
  const branchOf = (asset) => ({
    id: `asset:${idOf(asset.name)}`,
    text: nameOf(asset),
    icon: iconOf(asset),
    search: `${nameOf(asset)} ${idOf(asset.name)}`,
    children: [
      ...(catalogue.below.get(asset.name) ?? []).map(branchOf),
      ...(leaves.get(idOf(asset.name)) ?? []).map(leafOf),
    ],
  });
  return (catalogue.below.get("") ?? []).map(branchOf);
}

/** What is open at first: the ways to a few of the highest, and to the asset that the address names. */
function openAtFirst(roots, asset) {
  const open = new Set();
  const walk = (list, above) => {
    for (const node of list) {
      const path = [...above, node.id];
      if (node.id === `asset:${asset}`) path.forEach((id) => open.add(id));
      walk(node.children ?? [], path);
    }
  };
  walk(roots, []);
  if (roots.length <= 3) roots.forEach(({ id }) => open.add(id));
  return open;
}

/**
 * @param {{catalogue: object, chosen: Set<string>, toggle: (key: string) => void, asset: string}} props
 */
export function Picker({ catalogue, chosen, toggle, asset }) {
  const [tab, setTab] = useState(catalogue.measured.size > 0 || !may("onboarding.tags.read") ? "assets" : "tags");
  const [search, setSearch] = useState("");
  const roots = useMemo(() => nodes(catalogue), [catalogue]);
  const [open, setOpen] = useState(() => openAtFirst(roots, asset));
  useEffect(() => {
    if (asset) setOpen((old) => new Set([...old, ...openAtFirst(roots, asset)]));
  }, [asset, roots]);
  const tabs = [
    ["assets", t("explore.machines")],
    ...(may("onboarding.tags.read") ? [["tags", t("explore.tags")]] : []),
  ];
  const pick = ({ id }) => {
    if (!id.startsWith("asset:")) toggle(id);
  };
  return html`<${Tabs} of=${tabs} chosen=${tab} choose=${setTab} label=${t("explore.sources")} />
    <${Search}
      value=${search}
      search=${setSearch}
      label=${tab === "assets" ? t("explore.search") : t("explore.search_tags")}
    />
    ${
      tab === "tags"
        ? html`<${Tags} search=${search} chosen=${chosen} toggle=${toggle} />`
        : roots.length === 0
          ? html`<${Empty} icon="machine" title=${t("explore.no_assets")}><p>${t("explore.no_assets_hint")}</p><//>`
          : html`<${Tree}
              roots=${roots}
              open=${open}
              setOpen=${setOpen}
              picked=${chosen}
              pick=${pick}
              search=${search}
              label=${t("explore.machines")}
            />`
    }`;
}

/** Tags by words of their names; they have names of the machine's programmer. */
function Tags({ search, chosen, toggle }) {
  const [wanted, setWanted] = useState(search);
  useEffect(() => {
    const timer = setTimeout(() => setWanted(search), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [search]);
  const found = useLoad((signal) => get(ofTenant("tags"), { query: wanted, pageSize: TAGS_SHOWN }, signal), [wanted]);
  const leaves = (tags) =>
    tags.map((tag) => {
      const text = tag.displayName || tag.browsePath;
      return {
        id: `tag/${tag.tagId}`,
        text: text.slice(text.lastIndexOf("/") + 1),
        icon: "tag",
        aside: tag.unit,
        detail: `${idOf(tag.server)} / ${text}`,
      };
    });
  const pick = ({ id }) => toggle(id);
  return html`<${Loaded} of=${found}
    >${({ tags, totalSize }) =>
      tags.length === 0
        ? html`<p class="dim small">${t("core.nothing_found")}</p>`
        : html`<${Tree}
              roots=${leaves(tags)}
              open=${new Set()}
              setOpen=${() => {}}
              picked=${chosen}
              pick=${pick}
              label=${t("explore.tags")}
            />
            ${totalSize > tags.length && html`<p class="dim small">${t("explore.more_tags", { shown: tags.length, count: totalSize })}</p>`}`}<//
  >`;
}
