// What is explored, as the address says it: everything that is seen can be sent to somebody else.
import { SHORTEST_MS } from "../../parts/range_picker.js";

const HOUR = 3600e3;
const KEY = /^[\w.-]+\/[\w.-]+(:\d{1,5})?(~\d{1,10})?$/;
/** More lines than this nobody can tell apart. */
export const MOST_SERIES = 20;

/**
 * @typedef {{series: string[], last: number, from: number, to: number, isLive: boolean}} Explored
 *   `last`: the span ends now and has this length; 0 where it is from `from` to `to`, milliseconds since 1970
 */

/** @param {URLSearchParams} query @param {number} now @returns {Explored} */
export function read(query, now) {
  const series = (query.get("s") ?? "")
    .split(",")
    .filter((key) => KEY.test(key))
    .slice(0, MOST_SERIES);
  const [from, to] = [Date.parse(query.get("from") ?? ""), Date.parse(query.get("to") ?? "")];
  if (to - from >= SHORTEST_MS) return { series, last: 0, from, to, isLive: false };
  const last = Number(query.get("last")) || HOUR;
  return { series, last, from: now - last, to: now, isLive: true };
}

/** The same for the address: what `setQuery` takes. */
export function write({ series, last, from, to }) {
  const span = last
    ? { last: String(last), from: null, to: null }
    : { last: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  return { s: series.join(","), ...span };
}

/** A key and how far its samples are moved: `["filler-1/bowl-pressure", 604800000]`. */
export function parted(key) {
  const [base, shift] = key.split("~");
  return [base, Number(shift ?? 0) * 1000];
}

/** The key of the same, moved by so many milliseconds. */
export const moved = (key, shift) => `${parted(key)[0]}${shift ? `~${Math.round(shift / 1000)}` : ""}`;
