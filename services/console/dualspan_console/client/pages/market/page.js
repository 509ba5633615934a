// The shop window: apps that fit words and domains.
import { get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { query, setQuery } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { html, useEffect, useState } from "../../core/view.js";
import { local, t, tOr } from "../../core/words.js";
import { Badge, PageHead, Search, Segments } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Icon } from "../../parts/icons.js";
import { picture } from "./pictures.js";

const SETTLE_MS = 200;
const DOMAINS = ["production", "quality", "maintenance", "energy", "supply-chain"];

export default function Market() {
  const words = query.value.get("q") ?? "";
  const domain = query.value.get("domain") ?? "";
  const [typed, setTyped] = useState(words);
  useEffect(() => {
    if (typed === words) return undefined;
    const timer = setTimeout(() => setQuery({ q: typed }), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const found = useLoad(
    (signal) => get(ofTenant("listings"), { query: words, domain, pageSize: 200 }, signal),
    [words, domain],
  );
  const domains = [["", t("market.all")], ...DOMAINS.map((each) => [each, t(`domain.${each}`)])];
  return html`<${PageHead} title=${t("market.title")} says=${t("market.says")} />
    <div class="stack">
      <div class="row">
        <${Search} value=${typed} search=${setTyped} label=${t("market.search")} />
        <${Segments}
          of=${domains}
          chosen=${domain}
          choose=${(each) => setQuery({ domain: each })}
          label=${t("market.domains")}
        />
      </div>
      <${Loaded} of=${found}
        >${({ listings }) =>
          listings.length === 0
            ? html`<div class="card">
                <${Empty} icon="shop" title=${t("market.none")}
                  ><p>${t(words || domain ? "market.none_hint" : "market.none_yet")}</p><//
                >
              </div>`
            : html`<ul class="shop">
                ${listings.map((listing) => html`<${Offer} key=${listing.name} listing=${listing} />`)}
              </ul>`}<//
      >
    </div>`;
}

function Offer({ listing }) {
  return html`<li>
    <a class="card offer" href="/market/${idOf(listing.name)}" data-app=${idOf(listing.name)}>
      <span class="app-icon"
        >${listing.icon ? html`<img src=${picture(listing, listing.icon)} alt="" loading="lazy" />` : html`<${Icon} name="apps" />`}</span
      >
      <span class="stack bare grow"
        ><strong>${local(listing.displayName)}</strong><span class="dim small">${local(listing.publisher)}</span>
        <span class="summary">${local(listing.summary)}</span>
        <span class="row"
          >${listing.domains.map((each) => html`<${Badge} plain>${tOr(`domain.${each}`, each)}<//>`)}</span
        ></span
      ></a
    >
  </li>`;
}
