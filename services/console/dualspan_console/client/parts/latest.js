// The newest value of tags, as it changes: heard once for many, drawn one by one.
// Not over the stream of `core/live_samples.js`: a chart needs every sample, a list of a hundred values two of each a second.
import { follow } from "../core/live.js";
import { may, ofTenant } from "../core/session.js";
import { batch, html, signal, useEffect, useMemo } from "../core/view.js";
import { clock, number } from "../core/words.js";

const LONGEST = 28;
/** By the two highest bits of an OPC UA status code (Part 4, 7.39.1). */
const QUALITY = ["", "warn", "bad", "bad"];

/**
 * Follows the newest samples of tags.
 * @param {string[]} tagIds
 * @returns {Map<string, {value: {time: number, status: number, value: any} | null}>} a signal for each tag
 */
export function useLatest(tagIds) {
  const key = tagIds.join(",");
  const values = useMemo(() => new Map(tagIds.map((id) => [id, signal(null)])), [key]);
  useEffect(() => {
    if (!may("historian.samples.read") || tagIds.length === 0) return undefined;
    const receive = ({ frame }) =>
      batch(() => {
        for (const { tag, time, status, value } of frame) {
          tag.forEach((id, row) => {
            const kept = values.get(String(id));
            if (kept) kept.value = { time: time[row], status: status[row], value: value[row] };
          });
        }
      });
    return follow(ofTenant("samples:subscribe"), { tagIds, includeLatest: true, newestEvery: "0.5s" }, { receive });
  }, [values]);
  return values;
}

/** The value of a tag; `scale` puts numbers into the unit of a property. */
export function Value({ of, scale = (value) => value }) {
  const found = of.value;
  const value = found?.value ?? null;
  const shown = value === null ? "–" : typeof value === "number" ? number(scale(value)) : String(value);
  return html`<span
    class="value mono"
    data-quality=${found ? QUALITY[found.status >>> 30] : ""}
    title=${shown.length > LONGEST ? shown : undefined}
    >${shown.length > LONGEST ? `${shown.slice(0, LONGEST - 1)}…` : shown}</span
  >`;
}

export const When = ({ of }) =>
  html`<span class="dim mono small nowrap">${of.value ? clock(of.value.time) : ""}</span>`;
