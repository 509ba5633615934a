// One asset: how it stands now, what it did, what is measured, and the way to everything else about it.
import { all } from "../../core/api.js";
import { catalogue, iconOf, idOf, nameOf, pathTo } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { assetOf, elementWords, opened, stateWords } from "../../core/production.js";
import { may, ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { local, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { Patterns, Swatch } from "../../parts/patterns.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { AtPlace, useWhere } from "../../parts/where.js";
import { isBelow, machineAt } from "../alarms/doing.js";
import { AlarmLine } from "../alarms/line.js";
import { Figures } from "../oee/page.js";
import { machinesOf } from "../spc/rules.js";
import { Timeline } from "../states/page.js";
import { Below } from "./below.js";
import { Values } from "./values.js";

const REFRESH_MS = 15000;
const MOST_ALARMS = 1000;
const SHOWN_ALARMS = 5;

export default function AssetPage({ asset: id }) {
  const known = useLoad(catalogue, []);
  return html`<${Loaded} of=${known}
    >${(found) => (assetOf(found, id) ? html`<${OfAsset} key=${id} known=${found} id=${id} />` : html`<${None} />`)}<//
  >`;
}

const None = () =>
  html`<${PageHead} title=${t("assets.gone")} crumbs=${[[t("assets.title"), "/assets"], [t("assets.gone")]]} />
    <div class="card">
      <${Empty} icon="machine" title=${t("assets.gone")}><p>${t("assets.gone_hint")}</p><//>
    </div>`;

function OfAsset({ known, id }) {
  const where = useWhere(id);
  const asset = assetOf(known, id);
  const model = known.models.find(({ name }) => idOf(name) === asset.model);
  const crumbs = [
    [t("assets.title"), "/assets"],
    ...pathTo(asset, known.byName).map((each) => [nameOf(each), `/assets/${idOf(each.name)}`]),
    [nameOf(asset)],
  ];
  const says = [t(`assets.level_${iconOf(asset)}`), local(model?.displayName) || asset.model]
    .filter(Boolean)
    .join(", ");
  return html`<${PageHead}
      title=${nameOf(asset)}
      says=${says}
      crumbs=${crumbs}
      actions=${html`<${Ways} id=${id} />`}
    /><${Patterns} /> <${AtPlace} of=${where} fixed>${(found) => html`<${Body} where=${found} asset=${asset} />`}<//>`;
}

/** Other pages about the same place. */
function Ways({ id }) {
  const ways = [
    ["analytics.kpis.read", "oee", "gauge"],
    ["analytics.stops.read", "losses", "pareto"],
    ["analytics.energy.read", "energy", "bolt"],
  ].filter(([permission]) => may(permission));
  return ways.map(
    ([, page, icon]) =>
      html`<a class="button" href="/${page}?at=${encodeURIComponent(id)}"
        ><${Icon} name=${icon} />${t(`nav.${page}`)}</a
      >`,
  );
}

function Body({ where, asset }) {
  const id = idOf(asset.name);
  const loaded = useLoad(
    (signal, tell) => {
      tell(t("states.asking"));
      return may("analytics.kpis.read") ? opened("oee", id, where.from, where.to, signal) : null;
    },
    [where.from, where.to],
  );
  useEvery(REFRESH_MS, () => where.to > Date.now() && loaded.renew());
  return html`${may("analytics.alarms.read") && html`<${Alarms} known=${where.known} id=${id} />`}
    <${Loaded} of=${loaded} lines=${4}
      >${(detail) =>
        detail &&
        html`${detail.machines.length > 0 && html`<${Now} where=${where} detail=${detail} id=${id} /><${Figures} detail=${detail} />`}
          <${Timeline} where=${where} detail=${detail} again=${loaded.again} />`}<//
    >
    <${Below} where=${where} asset=${asset} detail=${loaded.data} />
    ${may("analytics.spc.read") && html`<${Charts} known=${where.known} id=${id} />`}
    ${asset.bindings.length > 0 && html`<${Values} known=${where.known} asset=${asset} />`}`;
}

/** What a machine does at this moment. */
function Now({ where, detail, id }) {
  const last = detail.machines.find(({ asset }) => asset === id)?.intervals.at(-1);
  if (!last || where.to < Date.now()) return null;
  const words = [stateWords(where.known, id, last.state), elementWords(last.element), last.reasonText];
  return html`<p class="row now" role="status">
    <${Swatch} element=${last.element} /><strong>${[...new Set(words.filter(Boolean))].join(", ")}</strong>
    <span class="dim">${t("assets.since", { time: where.clocks.clock(last.from) })}</span>
  </p>`;
}

function Alarms({ known, id }) {
  const [open, setOpen] = useState("");
  const loaded = useLoad((signal) => {
    const query = { asset: machineAt(known, id) };
    return all(ofTenant("alarms"), "alarms", { signal, query, most: MOST_ALARMS });
  }, []);
  useEvery(REFRESH_MS, loaded.renew);
  const here = (loaded.data ?? []).filter(({ asset }) => isBelow(known, asset, id));
  const isCut = loaded.data?.length >= MOST_ALARMS;
  if (here.length === 0 && !isCut) return null;
  return html`<section class="stack tight">
    <h2>${t("assets.alarms", { count: here.length })}</h2>
    ${isCut && html`<${Note}>${t("alarms.cut", { count: MOST_ALARMS })}<//>`}
    <ul class="card flush alarm-list">
      ${here
        .slice(0, SHOWN_ALARMS)
        .map(
          (alarm) =>
            html`<${AlarmLine}
              key=${alarm.name}
              ...${{ alarm, known, again: loaded.again }}
              short=${alarm.asset === id}
              open=${open === alarm.name}
              turn=${() => setOpen(open === alarm.name ? "" : alarm.name)}
            />`,
        )}
    </ul>
    ${here.length > SHOWN_ALARMS && html`<p><a href="/alarms?at=${encodeURIComponent(id)}">${t("assets.all_alarms", { count: here.length })}</a></p>`}
  </section>`;
}

/** Control charts of a machine. */
function Charts({ known, id }) {
  const loaded = useLoad((signal) => all(ofTenant("controlCharts"), "controlCharts", { signal }), []);
  const mine = (loaded.data ?? []).filter(
    (chart) => machinesOf(known, chart, ({ name }) => idOf(name) === id).length > 0,
  );
  if (mine.length === 0) return null;
  return html`<section class="stack tight">
    <h2>${t("spc.title")}</h2>
    <p class="row">
      ${mine.map(
        (chart) =>
          html`<a class="button" href="/spc?at=${encodeURIComponent(id)}&chart=${encodeURIComponent(idOf(chart.name))}"
            ><${Icon} name="control" />${chart.displayName || idOf(chart.name)}</a
          >`,
      )}
    </p>
  </section>`;
}
