// Where the planned time went: from availability, performance and quality down to single stops.
import { nameOf } from "../../core/catalogue.js";
import { assetOf, elementWords, exploreAround, ratios, share, stateWords } from "../../core/production.js";
import { query, setQuery } from "../../core/router.js";
import { may } from "../../core/session.js";
import { html } from "../../core/view.js";
import { duration, number, t } from "../../core/words.js";
import { ShareBar } from "../../parts/bars.js";
import { Icon } from "../../parts/icons.js";
import { Swatch } from "../../parts/patterns.js";
import { Interval } from "../states/interval.js";

const STOPPED = { DOWN: "ADOT", DELAY: "ADET", SETUP: "AUST" };
const SHOWN = 30;
/** How each part of the planned time is drawn. */
const PARTS = { good: "area-PRODUCTION", scrap: "area-band-3", slow: "area-DELAY", stopped: "area-DOWN" };

/** Intervals of an element by their reason, the longest sum first. */
function byReason(known, machines, element) {
  const found = new Map();
  for (const { asset, intervals } of machines) {
    for (const each of intervals) {
      if (each.element !== element) continue;
      const words = each.reasonText || t("oee.no_reason", { state: stateWords(known, asset, each.state) });
      const group = found.get(words) ?? { words, long: 0, stops: [] };
      group.long += each.to - each.from;
      group.stops.push({ asset, ...each });
      found.set(words, group);
    }
  }
  for (const group of found.values()) group.stops.sort((a, b) => b.to - b.from - (a.to - a.from));
  return [...found.values()].sort((a, b) => b.long - a.long);
}

export function Losses({ where, detail, again }) {
  const { sums } = detail;
  const { oee, availability, performance, quality } = ratios(sums, detail.value);
  const planned = sums.PBT * 1000;
  if (!(planned > 0)) return html`<p class="card dim">${t("oee.nothing_planned")}</p>`;
  const slow = sums.APT * 1000 * Math.max(0, 1 - performance);
  const scrap = sums.APT * 1000 * performance * Math.max(0, 1 - quality);
  const [row, moment] = (query.value.get("pick") ?? "").split("@");
  const picked = detail.machines
    .find(({ asset }) => asset === row)
    ?.intervals.find(({ from }) => from === Number(moment));
  const line = (words, long, children, open, hint) =>
    html`<${Branch} ...${{ words, long, planned, open, hint }}>${children}<//>`;
  const stopped = planned - sums.APT * 1000;
  const elements = Object.keys(STOPPED).filter((id) => sums[STOPPED[id]] > 0);
  return html`<section class="card losses" aria-labelledby="losses">
      <header>
        <div>
          <h2 id="losses">${t("oee.losses")}</h2>
          <p class="dim small">${t("oee.losses_hint", { planned: duration(planned), oee: share(oee) })}</p>
        </div>
      </header>
      <${Whole}
        ...${{
          planned,
          parts: [
            ["good", planned * oee],
            ["scrap", scrap],
            ["slow", slow],
            ["stopped", stopped],
          ],
        }}
      />
      <ul class="loss-tree">
        ${line(
          t("oee.lost_availability"),
          stopped,
          elements.length === 0
            ? html`<p class="dim">${t("oee.no_stops")}</p>`
            : html`<ul>
                ${elements.map((id) => html`<${Element} key=${id} ...${{ id, where, detail, planned }} long=${sums[STOPPED[id]] * 1000} />`)}
              </ul>`,
          true,
          share(availability),
        )}
        ${line(t("oee.lost_performance"), slow, html`<${Slow} where=${where} detail=${detail} performance=${performance} />`, false, share(performance))}
        ${line(t("oee.lost_quality"), scrap, html`<${Scrap} where=${where} detail=${detail} />`, false, share(quality))}
      </ul>
    </section>
    ${picked && html`<${Interval} where=${where} asset=${row} interval=${picked} again=${again} close=${() => setQuery({ pick: null })} />`}`;
}

/** The planned time as one bar. */
function Whole({ planned, parts }) {
  let left = 0;
  const shown = parts.filter(([, long]) => long > 0);
  return html`<div
      class="whole-bar"
      role="img"
      aria-label=${shown.map(([id, long]) => `${t(`oee.part_${id}`)} ${share(long / planned)}`).join(", ")}
    >
      <svg viewBox="0 0 1000 22" preserveAspectRatio="none" aria-hidden="true">
        ${shown.map(([id, long]) => {
          const x = left;
          left += (long / planned) * 1000;
          return html`<rect class=${PARTS[id]} x=${x} width=${Math.max(0, left - x - 2)} height="22" />`;
        })}
      </svg>
    </div>
    <ul class="element-legend">
      ${shown.map(
        ([id, long]) =>
          html`<li key=${id}>
            <svg class="element-swatch" width="18" height="14" aria-hidden="true">
              <rect class=${PARTS[id]} width="18" height="14" rx="3" /></svg
            ><span>${t(`oee.part_${id}`)}</span><span class="dim">${share(long / planned)}</span>
          </li>`,
      )}
    </ul>`;
}

function Branch({ words, long, planned, open, hint, children }) {
  return html`<li>
    <details open=${open}>
      <summary>
        <${Icon} name="turn" /><span class="grow leaf">${words}</span
        >${hint && html`<span class="dim small wide-only">${hint}</span>`}
        <${ShareBar} value=${long / planned} words=${duration(Math.max(0, long))} tone="loss" />
      </summary>
      <div class="branch">${children}</div>
    </details>
  </li>`;
}

function Element({ id, where, detail, planned, long }) {
  const groups = byReason(where.known, detail.machines, id);
  const words = html`<span class="row"><${Swatch} element=${id} />${elementWords(id)}</span>`;
  return html`<${Branch} words=${words} long=${long} planned=${planned} open=${true}>
    <ul>
      ${groups.map(
        (group, index) =>
          html`<${Branch}
            key=${group.words}
            words=${`${group.words} × ${number(group.stops.length)}`}
            long=${group.long}
            planned=${planned}
            open=${index === 0 && groups.length === 1}
            ><${Stops} where=${where} stops=${group.stops}
          /><//>`,
      )}
    </ul><//
  >`;
}

function Stops({ where, stops }) {
  return html`<ol class="stops">
    ${stops.slice(0, SHOWN).map(
      (each) =>
        html`<li key=${`${each.asset} ${each.from}`} data-stop=${each.asset}>
          <button type="button" class="button quiet" onClick=${() => setQuery({ pick: `${each.asset}@${each.from}` })}>
            ${nameOf(assetOf(where.known, each.asset) ?? { name: each.asset })}<span class="dim"
              >${where.clocks.dateTime(each.from)}</span
            >
          </button>
          <span>${duration(each.to - each.from)}</span>
          ${may("historian.samples.read") && html`<a href=${exploreAround(where.known, each.asset, each.from, each.to)}>${t("states.explore")}</a>`}
        </li>`,
    )}
    ${stops.length > SHOWN && html`<li class="dim">${t("oee.more_stops", { count: stops.length - SHOWN })}</li>`}
  </ol>`;
}

const chartOf = (where, asset, properties, words) => {
  const keys = properties.map((property) => `${asset}/${property}`).filter((key) => where.known.measured.has(key));
  const span = `from=${new Date(where.from).toISOString()}&to=${new Date(Math.min(where.to, Date.now())).toISOString()}`;
  return html`<a href="/explore?asset=${encodeURIComponent(asset)}&s=${encodeURIComponent(keys.join(","))}&${span}"
    >${words}</a
  >`;
};

/** Machines by what they lost while they ran, the worst first. */
function worst(detail, lost) {
  return detail.machines
    .map((each) => ({ asset: each.asset, sums: each.sums, ...ratios(each.sums, each.value) }))
    .map((each) => ({ ...each, lost: lost(each) }))
    .filter((each) => each.lost > 0)
    .sort((a, b) => b.lost - a.lost)
    .slice(0, SHOWN);
}

function Slow({ where, detail, performance }) {
  if (!Number.isFinite(performance)) return html`<p class="dim">${t("oee.no_rate")}</p>`;
  const rows = worst(detail, ({ sums, performance: of }) => sums.APT * 1000 * (1 - of));
  return html`<p class="dim small">${t("oee.slow_hint")}</p>
    <ol class="stops">
      ${rows.map(
        (each) =>
          html`<li key=${each.asset}>
            <span class="grow">${nameOf(assetOf(where.known, each.asset) ?? { name: each.asset })}</span
            ><span>${share(each.performance)}</span
            ><span>${duration(each.lost)}</span
            >${chartOf(where, each.asset, ["cycle-time", "speed-setpoint", "total-count"], t("states.explore"))}
          </li>`,
      )}
    </ol>`;
}

function Scrap({ where, detail }) {
  const rows = worst(detail, ({ sums }) => sums.SQ);
  if (rows.length === 0) return html`<p class="dim">${t("oee.no_scrap")}</p>`;
  return html`<ol class="stops">
    ${rows.map(
      (each) =>
        html`<li key=${each.asset}>
          <span class="grow">${nameOf(assetOf(where.known, each.asset) ?? { name: each.asset })}</span
          ><span>${t("oee.scrap", { count: each.sums.SQ, whole: each.sums.PQ })}</span
          ><span>${share(each.quality)}</span
          >${chartOf(where, each.asset, ["scrap-count", "good-count", "part-weight"], t("states.explore"))}
        </li>`,
    )}
  </ol>`;
}
