// Energy: how much, when, at which price, with how much carbon, and for how many pieces.
import { all, ask } from "../../core/api.js";
import { idOf, nameOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { assetOf, iso, real, share } from "../../core/production.js";
import { query, setQuery } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { told } from "../../core/told.js";
import { html } from "../../core/view.js";
import { money, number, t, tOr } from "../../core/words.js";
import { ShareBar } from "../../parts/bars.js";
import { Drawn } from "../../parts/drawn.js";
import { Figure, PageHead } from "../../parts/layout.js";
import { Patterns } from "../../parts/patterns.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { AtPlace, useWhere } from "../../parts/where.js";
import { Load } from "./load.js";
import { bandAt } from "./tariff.js";

const INTERVALS = 700;
const QUARTER_S = 900;
/** As many as a meter has, so that parts add up to their sum. */
const DIGITS = 6;

export default function Energy() {
  const where = useWhere();
  const set = useLoad(async (signal) => {
    const [tariffs, factors] = await Promise.all([
      all(ofTenant("tariffs"), "tariffs", { signal }),
      all(ofTenant("emissionFactors"), "emissionFactors", { signal }),
    ]);
    return { tariffs, regions: [...new Map(factors.map((each) => [each.region, each])).values()] };
  }, []);
  return html`<${PageHead} title=${t("energy.title")} says=${t("energy.says")} /><${Patterns} />
    <${AtPlace} of=${where}
      >${(found) => html`<${Loaded} of=${set}>${(choices) => html`<${Body} where=${found} ...${choices} />`}<//>`}<//
    >`;
}

const quietly = (figure) => (Number.isFinite(figure) ? figure : Number.NaN);
export const round = (value, digits = 4) => number(Number(quietly(real(value)).toPrecision(digits)));
const priced = (value, currency) => (currency && Number.isFinite(value) ? money(value * 1e6, currency) : "–");

function Body({ where, tariffs, regions }) {
  const tariff = tariffs.find(({ name }) => idOf(name) === query.value.get("tariff")) ?? tariffs[0];
  const region = regions.find((each) => each.region === query.value.get("region"))?.region ?? regions[0]?.region ?? "";
  const span = {
    startTime: iso(where.from),
    endTime: iso(Math.max(where.from + 900e3, Math.min(where.to, Date.now()))),
  };
  const needs = [where.at, where.from, where.to];
  const use = useLoad(
    (signal, tell) => {
      tell(t("energy.asking"));
      return ask(
        ofTenant("energy:queryUse"),
        { asset: where.at, ...span, tariff: tariff ? idOf(tariff.name) : "", region },
        signal,
      );
    },
    [...needs, tariff?.name, region],
  );
  const profile = useLoad((signal) => {
    const seconds = Math.ceil((Date.parse(span.endTime) - where.from) / 1000 / INTERVALS / QUARTER_S) * QUARTER_S;
    return ask(ofTenant("energy:queryLoadProfile"), { asset: where.at, ...span, interval: `${seconds}s` }, signal);
  }, needs);
  return html`<div class="row where">
      ${
        tariffs.length > 0 &&
        html`<select
          class="input place"
          name="tariff"
          aria-label=${t("energy.tariff")}
          onChange=${(event) => setQuery({ tariff: event.target.value })}
        >
          ${tariffs.map(({ name, displayName }) => html`<option value=${idOf(name)} selected=${name === tariff?.name}>${displayName || idOf(name)}</option>`)}
        </select>`
      }
      <select
        class="input place"
        name="region"
        aria-label=${t("energy.region")}
        onChange=${(event) => setQuery({ region: event.target.value })}
      >
        ${regions.map((each) => html`<option value=${each.region} selected=${each.region === region}>${each.displayName || each.region} (${each.region})</option>`)}
      </select>
    </div>
    ${
      tariffs.length === 0 &&
      html`<${Note}
        ><p>${t("energy.no_tariff")}</p>
        <p><code>dualspan analytics energy tariffs set industry tariff.yaml</code></p><//
      >`
    }
    <${Loaded} of=${use} lines=${6}
      >${(found) => html`<${Used} found=${found} profile=${profile.data} where=${where} />`}<//
    >
    <${Loaded} of=${profile} lines=${4}
      >${(found) => (found.assets.length === 0 ? null : html`<${Profile} found=${found} where=${where} tariff=${tariff} />`)}<//
    >
    ${use.data && use.data.uses.length > 0 && html`<${ByMachine} found=${use.data} where=${where} />`}`;
}

function Used({ found, profile }) {
  if (found.uses.length === 0)
    return html`<div class="card">
      <${Empty} icon="bolt" title=${t("energy.none")}><p>${t("energy.none_hint")}</p><//>
    </div>`;
  const { total, currency, emissionFactor: factor } = found;
  const cost = real(total.cost);
  const demand = real(found.demandCost);
  return html`<div class="figures">
      <${Figure} label=${t("energy.energy")} under=${t("energy.kwh")}>${round(total.energy, DIGITS)}<//>
      <${Figure}
        label=${t("energy.cost")}
        under=${demand > 0 ? t("energy.demand", { cost: priced(demand, currency) }) : ""}
        >${priced(cost, currency)}<//
      >
      <${Figure} label=${t("energy.carbon")} under=${factor ? `${factor.gas}, ${factor.region} ${factor.year}` : ""}
        >${round(total.carbon, DIGITS)} kg<//
      >
      ${profile && html`<${Figure} label=${t("energy.peak")} under=${t("energy.base", { power: round(profile.baseLoad) })}>${round(profile.peak)} kW<//>`}
    </div>
    ${currency && html`<${Rates} found=${found} />`}
    ${real(total.goodShare) < 0.95 && html`<${Note} tone="warn">${t("oee.doubtful", { share: share(total.goodShare) })}<//>`}
    ${found.notes.map((words) => html`<${Note}>${told(words)}<//>`)}`;
}

/** What a rate is called: the usual ones in the person's language, others as they were named. */
const rateWords = (name) => tOr(`energy.rate_${name.toLowerCase()}`, name);

/** The energy at each rate of the tariff. */
function Rates({ found }) {
  const whole = real(found.total.energy) || 1;
  return html`<ul class="rates">
    ${found.rateNames.map(
      (name, index) =>
        html`<li key=${name}>
          <svg class="element-swatch" width="18" height="14" aria-hidden="true">
            <rect class="band-${index % 4}" width="18" height="14" rx="3" /></svg
          ><span>${rateWords(name)}</span><strong>${round(found.total.rates[index], DIGITS)} kWh</strong
          ><span class="dim">${share(real(found.total.rates[index]) / whole)}</span>
        </li>`,
    )}
  </ul>`;
}

function Profile({ found, where, tariff }) {
  const { known, clocks } = where;
  const titleOf = (asset) => nameOf(assetOf(known, asset) ?? { name: asset });
  const rows = found.start.map((start, index) => ({
    at: Number(start) / 1000,
    power: real(found.power[index]),
    energy: real(found.energy[index]),
  }));
  const length = rows.length > 1 ? rows[1].at - rows[0].at : 900e3;
  const columns = [
    { id: "at", title: t("energy.from"), sort: ({ at }) => at, cell: ({ at }) => clocks.dateTime(at) },
    { id: "power", title: "kW", number: true, sort: ({ power }) => power, cell: ({ power }) => round(power) },
    { id: "energy", title: "kWh", number: true, sort: ({ energy }) => energy, cell: ({ energy }) => round(energy) },
    { id: "band", title: t("energy.rate"), cell: ({ at }) => (tariff ? rateWords(bandAt(tariff, at)) : "–") },
  ];
  return html`<${Drawn}
      title=${t("energy.profile")}
      says=${t("energy.profile_hint", { factor: share(found.loadFactor), base: share(found.baseShare) })}
      table=${html`<${Table} label=${t("energy.profile")} rows=${rows} rowKey=${({ at }) => String(at)} columns=${columns} />`}
      ><${Load} ...${{ rows, length, tariff, clocks }} peaks=${found.peaks} base=${real(found.baseLoad)}
    /><//>
    ${
      found.peaks.length > 0 &&
      html`<section class="card stack tight">
        <h2>${t("energy.peaks")}</h2>
        <ol class="stops">
          ${found.peaks.map(
            (peak) =>
              html`<li key=${peak.interval}>
                <strong>${round(peak.power)} kW</strong><span class="dim">${clocks.dateTime(rows[peak.interval].at)}</span
                ><span class="dim small"
                  >${peak.parts
                    .slice(0, 3)
                    .map(({ asset, power }) => `${titleOf(asset)} ${round(power, 3)} kW`)
                    .join(", ")}</span
                >
              </li>`,
          )}
        </ol>
      </section>`
    }`;
}

function ByMachine({ found, where }) {
  const { known } = where;
  const titleOf = ({ asset }) => nameOf(assetOf(known, asset) ?? { name: asset });
  const whole = real(found.total.energy) || 1;
  const rows = [...found.uses].sort((a, b) => real(b.energy) - real(a.energy));
  const figure = (id, title, digits = 4) => ({
    id,
    title,
    number: true,
    sort: (row) => real(row[id]) || 0,
    cell: (row) => round(row[id], digits),
  });
  const cost = {
    id: "cost",
    title: t("energy.cost"),
    number: true,
    sort: (row) => real(row.cost) || 0,
    cell: (row) => priced(real(row.cost), found.currency),
  };
  const columns = [
    {
      id: "machine",
      title: t("states.machine"),
      sort: titleOf,
      cell: (row) => html`<a class="leaf" href="/assets/${row.asset}">${titleOf(row)}</a>`,
    },
    {
      id: "share",
      title: t("losses.share"),
      sort: ({ energy }) => real(energy),
      cell: ({ energy }) => html`<${ShareBar} value=${real(energy) / whole} words=${share(real(energy) / whole)} />`,
    },
    figure("energy", "kWh", DIGITS),
    ...found.rateNames.map((name, index) => ({
      id: `rate ${name}`,
      title: rateWords(name),
      number: true,
      cell: ({ rates }) => round(rates[index], DIGITS),
    })),
    ...(found.currency ? [cost] : []),
    figure("carbon", `kg ${found.emissionFactor?.gas ?? "CO2"}`, DIGITS),
    figure("units", t("energy.pieces"), DIGITS),
    figure("energyPerUnit", t("energy.per_piece")),
  ];
  return html`<section class="card flush">
    <header><h2>${t("energy.by_machine")}</h2></header>
    <${Table} label=${t("energy.by_machine")} rows=${rows} rowKey=${({ asset }) => asset} columns=${columns} />
  </section>`;
}
