// Home: what needs me now, and the plants at a glance.
import { post } from "../../core/api.js";
import { useEvery, useLoad } from "../../core/load.js";
import { may, session } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { ago, number, t } from "../../core/words.js";
import { Concern } from "../../parts/concern.js";
import { Icon } from "../../parts/icons.js";
import { Badge, Figure, PageHead } from "../../parts/layout.js";
import { Empty, Loaded, Note, Own } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";
import { Decide } from "./decide.js";
import { figures, findNeeds, plants } from "./needs.js";
import { Today } from "./today.js";

const REFRESH_MS = 15000;
const FIRST = 6;

export default function Home() {
  const needs = useLoad(findNeeds, []);
  const whole = useLoad(figures, []);
  useEvery(REFRESH_MS, () => {
    needs.renew();
    whole.renew();
  });
  const name = session.value.displayName;
  return html`<${PageHead}
      title=${name && !name.includes("@") ? t("home.hello", { name }) : t("home.title")}
      says=${t("home.says")}
    />
    <div class="home">
      <section aria-labelledby="needs">
        <h2 id="needs">${t("home.needs")}</h2>
        <${Loaded} of=${needs}>${(found) => html`<${Needs} found=${found} again=${needs.again} />`}<//>
      </section>
      ${
        may("onboarding.gateways.read") &&
        html`<section aria-labelledby="plants">
          <h2 id="plants">${t("home.plants")}</h2>
          <${Loaded} of=${whole}>${(found) => html`<${Plants} ...${found} />`}<//>
        </section>`
      }
    </div>`;
}

function Needs({ found: { needs, silent }, again }) {
  const [all, setAll] = useState(false);
  const shown = all ? needs : needs.slice(0, FIRST);
  return html`<div class="stack tight">
    ${silent.map((words) => html`<${Note} tone="warn">${words}<//>`)}
    ${
      needs.length === 0 &&
      silent.length === 0 &&
      html`<div class="card">
        <${Empty} icon="check" title=${t("home.nothing")}><p>${t("home.nothing_hint")}</p><//>
      </div>`
    }
    ${
      needs.length > 0 &&
      html`<ul class="card flush needs">
        ${shown.map((need) => html`<${Line} key=${need.id} need=${need} again=${again} />`)}
      </ul>`
    }
    ${needs.length > shown.length && html`<button class="button" onClick=${() => setAll(true)}>${t("home.all", { count: needs.length })}</button>`}
  </div>`;
}

function Line({ need, again }) {
  const [deciding, setDeciding] = useState(false);
  const seen = async () => {
    if (need.alarm) await attempt(() => post(`${need.alarm}:acknowledge`), t("home.acknowledged"));
    else await attempt(() => post(`${need.notice}:acknowledge`), t("home.acknowledged"));
    again();
  };
  return html`<li class="need ${need.tone}">
    <span class="tone"><${Icon} name=${need.icon} /><span class="unseen">${t(`tone.${need.tone}`)}</span></span>
    <div class="grow">
      <p class="leaf">${need.title}</p>
      ${need.detail && html`<p class="dim small wrap-any">${need.detail}</p>`}${need.todo && html`<p class="small">${need.todo}</p>`}
      <${Own} words=${need.own} beside=${need.title} />
    </div>
    ${need.time && html`<span class="dim small nowrap">${ago(need.time)}</span>`}
    <span class="row"
      >${(need.alarm || need.notice) && html`<button class="button quiet" onClick=${seen}>${t("home.acknowledge")}</button>`}
      ${need.command && html`<button class="button" type="button" data-do="decide" onClick=${() => setDeciding(true)}>${t("home.decide")}</button>`}
      ${need.link && html`<a class="button" href=${need.link}>${need.linkWords}</a>`}</span
    >
    ${deciding && html`<${Decide} command=${need.command} close=${() => setDeciding(false)} done=${again} />`}
  </li>`;
}

function Plants({ gateways, stored }) {
  const sites = plants(gateways);
  const online = gateways.filter(({ gateway }) => gateway.state === "GATEWAY_STATE_ONLINE").length;
  const servers = sites.reduce((total, { servers: count }) => total + count, 0);
  const connected = sites.reduce((total, { connected: count }) => total + count, 0);
  const connect =
    may("onboarding.gateways.manage") &&
    html`<a class="button primary" href="/gateways/-/connect"><${Icon} name="plus" />${t("gateways.connect")}</a>`;
  if (gateways.length === 0)
    return html`<div class="card">
      <${Empty} icon="plant" title=${t("home.no_plants")} action=${connect}><p>${t("home.no_plants_hint")}</p><//>
    </div>`;
  return html`<div class="stack">
    <div class="figures">
      <${Today} />
      <${Figure} label=${t("home.gateways")} under=${t("home.online")}
        >${number(online)}<small> / ${number(gateways.length)}</small><//
      >
      <${Figure} label=${t("home.servers")} under=${t("home.connected")}
        >${number(connected)}<small> / ${number(servers)}</small><//
      >
      ${stored && html`<${Stored} stored=${stored} />`}
    </div>
    <ul class="sites">
      ${sites.map((site) => html`<${Site} key=${site.site} site=${site} />`)}
    </ul>
    ${
      may("historian.samples.read") &&
      html`<p>
        <a class="button primary" href="/explore"><${Icon} name="chart" />${t("home.to_explore")}</a>
      </p>`
    }
  </div>`;
}

function Stored({ stored }) {
  const [size, count] = [Number(stored.sealedBytes), Number(stored.sealedSamples)];
  const under = count > 0 ? t("home.per_sample", { size: number(Number((size / count).toFixed(2))) }) : "";
  return html`<${Figure} label=${t("home.samples")} under=${under}>${number(Number(stored.committedSamples))}<//>`;
}

function Site({ site }) {
  return html`<li class="card site">
    <header class="row apart">
      <h3>${site.site || t("home.no_site")}</h3>
      <${Badge} tone=${site.tone}>${t(`health.${site.tone || "none"}`)}<//>
    </header>
    <dl class="facts">
      <dt>${t("home.servers")}</dt>
      <dd>${t("home.of", { part: site.connected, whole: site.servers })}</dd>
      <dt>${t("home.tags")}</dt>
      <dd>${t("home.of", { part: site.active, whole: site.tags })}</dd>
      <dt>${t("home.buffered")}</dt>
      <dd>${site.buffered}</dd>
    </dl>
    ${site.concerns.map((each) => html`<p class="small"><${Concern} of=${each} /></p>`)}
  </li>`;
}
