// What production pages ask in common: numbers as the contract writes them, time elements, reasons, an opened KPI.
import { all, get } from "./api.js";
import { catalogue, idOf } from "./catalogue.js";
import { ofTenant } from "./session.js";
import { local, percent, t, tOr } from "./words.js";

/** Time elements in the order of legends: running first, what nobody knows last. */
export const ELEMENTS = ["PRODUCTION", "SETUP", "DELAY", "DOWN", "PLANNED_DOWN", "UNSPECIFIED"];
export const elementOf = (name) => (name ?? "").replace("TIME_ELEMENT_", "") || "UNSPECIFIED";
export const elementWords = (element) => t(`production.element_${element}`);

/** A number of the contract, in which NaN and infinity are texts. */
export const real = (value) => (value === undefined || value === null ? Number.NaN : Number(value));
/** The share as a key to sort by, the worst first: 0 is a share, what has none comes last. */
export const ascending = (value) => (Number.isFinite(value) ? value : Number.MAX_VALUE);
/** A duration of the contract, "63.5s", in milliseconds. */
export const lasting = (text) => Number.parseFloat(text ?? "0") * 1000;
/** A share from 0 to 1 for people; a dash where there is none. */
export const share = (value) => (Number.isFinite(real(value)) ? percent(real(value)) : "–");
export const iso = (time) => new Date(time).toISOString();

/** Explore around an interval of a machine, with what says best why it stood. */
export function exploreAround(known, asset, from, to) {
  const margin = Math.max(60e3, (to - from) * 0.25);
  const wanted = ["state", "stop-reason", "speed-setpoint", "active-power", "good-count", "total-count", "cycle-time"];
  const keys = wanted.map((property) => `${asset}/${property}`).filter((key) => known.measured.has(key));
  const span = `from=${iso(from - margin)}&to=${iso(Math.min(Date.now(), to + margin))}`;
  return `/explore?asset=${encodeURIComponent(asset)}&s=${encodeURIComponent(keys.slice(0, 4).join(","))}&${span}`;
}

/** An asset of the catalogue by its id. */
export const assetOf = (known, id) => known.byName.get(ofTenant(`assets/${id}`));

/** The asset's own name and those above it, from the nearest. */
export function upward(known, id) {
  const found = [];
  for (let each = assetOf(known, id); each && found.length < 9; each = known.byName.get(each.parentAsset))
    found.push(idOf(each.name));
  return found;
}

/** What a state is called: by the machine's model, else its id. */
export function stateWords(known, asset, state) {
  const model = known.models.find(({ name }) => idOf(name) === assetOf(known, asset)?.model);
  const found = model?.states?.find(({ id }) => id === state);
  return local(found?.displayName) || tOr(`production.state_${state}`, state);
}

const interval = (each) => ({
  from: Date.parse(each.startTime),
  to: Date.parse(each.endTime),
  state: each.state,
  element: elementOf(each.element),
  reason: each.reason,
  reasonText: each.reasonText || each.reason,
  byHand: each.byHand,
});

const sumsOf = (sums) => Object.fromEntries(sums.map(({ sum, values }) => [sum, real(values[0])]));

/**
 * One KPI, opened: machine by machine with their spans.
 * @param {string} kpi @param {string} asset @param {number} from @param {number} to @param {AbortSignal} signal
 */
export async function opened(kpi, asset, from, to, signal) {
  const end = Math.max(from + 1000, Math.min(to, Date.now()));
  const query = { asset, startTime: iso(from), endTime: iso(end) };
  const answer = await get(ofTenant(`kpis/${kpi}`), query, signal);
  const alone = answer.machines.length === 0 && answer.intervals.length > 0 ? [answer] : answer.machines;
  return {
    value: real(answer.value),
    goodShare: real(answer.goodShare),
    reason: answer.reason,
    sums: sumsOf(answer.sums),
    skipped: answer.skippedAssets,
    end,
    machines: alone.map((each) => ({
      asset: each.asset,
      value: real(each.value),
      goodShare: real(each.goodShare),
      reason: each.reason,
      sums: sumsOf(each.sums),
      intervals: each.intervals.map(interval),
    })),
  };
}

/** OEE and what it is a product of, from sums; NaN where nothing was planned. */
export function ratios(sums, oee) {
  const availability = sums.PBT > 0 ? sums.APT / sums.PBT : Number.NaN;
  const quality = sums.PQ > 0 ? sums.GQ / sums.PQ : Number.NaN;
  return { oee, availability, quality, performance: oee / availability / quality };
}

/** Reasons that somebody may give for a stop of a machine: those of its profile. */
export async function reasonsOf(asset, signal) {
  const [known, profiles] = await Promise.all([
    catalogue(),
    all(ofTenant("machineProfiles"), "machineProfiles", { signal }),
  ]);
  const model = assetOf(known, asset)?.model;
  const mine =
    profiles.find(({ assets }) => assets.includes(asset)) ?? profiles.find(({ models }) => models.includes(model));
  return (mine?.reasons ?? []).map(({ code, displayName }) => ({ code, words: displayName || code }));
}
