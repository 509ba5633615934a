// One app: what it does, what it needs, what it would be granted, what it costs.
import { ask, get } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { may, ofTenant, tenant } from "../../core/session.js";
import { told } from "../../core/told.js";
import { html } from "../../core/view.js";
import { day, local, t, tOr } from "../../core/words.js";
import { unitText } from "../../core/units.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Icon } from "../../parts/icons.js";
import { Markdown } from "../../parts/markdown.js";
import { Loaded, Note } from "../../parts/states.js";
import { picture } from "./pictures.js";
import { offered, planId, planName, price } from "./plans.js";
import { propertyName, readProperties } from "./properties.js";

async function read(app, signal) {
  const [listing, proposal] = await Promise.all([
    get(ofTenant(`listings/${app}`), {}, signal),
    may("marketplace.subscriptions.read") ? ask(`${tenant()}:proposeBinding`, { app }, signal) : null,
    readProperties(),
  ]);
  return { listing, proposal };
}

export default function App({ app }) {
  const loaded = useLoad((signal) => read(app, signal), [app]);
  return html`<${Loaded} of=${loaded} lines=${6}
    >${({ listing, proposal }) => html`<${Page} app=${app} listing=${listing} proposal=${proposal} />`}<//
  >`;
}

function Page({ app, listing, proposal }) {
  const subscribe =
    may("marketplace.subscriptions.manage") &&
    html`<a class="button primary" data-do="subscribe" href="/market/${app}/subscribe">${t("market.subscribe")}</a>`;
  return html`<${PageHead}
      title=${local(listing.displayName)}
      says=${local(listing.summary)}
      crumbs=${[[t("nav.market"), "/market"], [local(listing.displayName)]]}
      actions=${subscribe}
    />
    <div class="app-page">
      <div class="stack">
        <section class="card"><${Markdown} text=${local(listing.description)} /></section>
        ${listing.screenshots.length > 0 && html`<${Pictures} listing=${listing} />`}
        <${Needs} listing=${listing} proposal=${proposal} />
      </div>
      <aside class="stack">
        <section class="card">
          <h2>${t("market.plans")}</h2>
          <ul class="plans">
            ${offered(listing).map((plan) => html`<li key=${planId(plan)}><strong>${planName(plan)}</strong>${price(plan) !== planName(plan)
              && html`<span class="dim">${price(plan)}</span>`}</li>`)}
          </ul>
        </section>
        <section class="card">
          <dl class="facts">
            <dt>${t("market.publisher")}</dt>
            <dd>${local(listing.publisher)}</dd>
            <dt>${t("market.version")}</dt>
            <dd>${listing.version}</dd>
            <dt>${t("market.published")}</dt>
            <dd>${day(listing.publishTime)}</dd>
            <dt>${t("market.license")}</dt>
            <dd>${listing.license}</dd>
            <dt>${t("market.industries")}</dt>
            <dd>${listing.industries.map((each) => tOr(`industry.${each}`, each)).join(", ")}</dd>
          </dl>
        </section>
      </aside>
    </div>`;
}

function Pictures({ listing }) {
  const shown = (path, place) =>
    html`<img src=${picture(listing, path)} alt=${t("market.picture", { number: place + 1 })} loading="lazy" />`;
  return html`<section class="shots" aria-label=${t("market.pictures")}>${listing.screenshots.map(shown)}</section>`;
}

/** A property with its unit, and whether the app works without it. */
const needed = ({ property, unit, optional }) =>
  [propertyName(property), unitText(unit), optional && t("form.optional")].filter(Boolean).join(" · ");

/** What it needs, beside what this plant has of it. */
function Needs({ listing, proposal }) {
  return html`<section class="card stack">
    <h2>${t("market.needs")}</h2>
    <ul class="stack tight">
      ${listing.scopes.map((scope) => html`<li class="row"><${Icon} name=${scope.endsWith(".write") ? "plus" : "eye"} />${tOr(`scope.${scope}`, scope)}</li>`)}
      <li class="row">
        <${Icon}
          name="shield"
        />${listing.egress.length === 0 ? t("market.no_egress") : t("market.egress", { hosts: listing.egress.join(", ") })}
      </li>
    </ul>
    ${(listing.roles ?? []).map(
      (role) =>
        html`<div class="stack tight" key=${role.role}>
          <h3>${t("market.role", { role: role.role })}</h3>
          <p class="row">
            ${role.properties.map((each) => html`<${Badge} plain>${needed(each)}<//>`)}
          </p>
        </div>`,
    )}
    ${proposal && html`<${Preview} proposal=${proposal} />`}
  </section>`;
}

function Preview({ proposal }) {
  return html`<h2>${t("market.preview")}</h2>
    <${Note} tone=${proposal.complete ? "good" : "warn"}
      >${t(proposal.complete ? "market.complete" : "market.incomplete")}<//
    >
    ${proposal.roles.map((role) => html`<${Fits} key=${role.role} role=${role} />`)}`;
}

/** How the plant's machines suit a role. */
export function Fits({ role, chosen, toggle }) {
  const suiting = role.fits.filter(({ suits }) => suits);
  const others = role.fits.filter(({ suits }) => !suits);
  return html`<div class="stack tight">
    <h3>${t("market.machines", { role: role.role, count: suiting.length })}</h3>
    <ul class="fits">
      ${suiting.map(
        (fit) =>
          html`<li key=${fit.asset}>
            ${
              chosen
                ? html`<label class="tick"
                    ><input
                      type="checkbox"
                      name="asset-${fit.asset}"
                      checked=${chosen.has(fit.asset)}
                      onChange=${() => toggle(fit.asset)} /><${FitName} fit=${fit}
                  /></label>`
                : html`<${FitName} fit=${fit} />`
            }
          </li>`,
      )}
    </ul>
    ${
      others.length > 0 &&
      html`<details>
        <summary>${t("market.unsuited", { count: others.length })}</summary>
        <ul class="fits">
          ${others.map(
            (fit) =>
              html`<li key=${fit.asset}>
                <span class="leaf">${fit.displayName || fit.asset}</span>
                <ul class="small dim">
                  ${fit.missing.map((each) => html`<li>${propertyName(each.property)}: ${told(`${each.reason} ${each.advice}`)}</li>`)}
                </ul>
              </li>`,
          )}
        </ul>
      </details>`
    }
  </div>`;
}

const FitName = ({ fit }) =>
  html`<span class="grow"
      ><span class="leaf">${fit.displayName || fit.asset}</span>
      ${fit.without.length > 0 && html`<span class="under">${t("market.without", { what: fit.without.map(({ property }) => propertyName(property)).join(", ") })}</span>`}</span
    >
    <${Badge} plain>${t("market.tags", { count: fit.tagCount })}<//>`;
