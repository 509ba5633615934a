// Samples of a chart: asked from the platform, put into the units of the properties, and made into columns to draw.
import { ask } from "../../core/api.js";
import { ofTenant } from "../../core/session.js";

/** Of an OPC UA status code, Part 4, 7.39.1: its two highest bits. */
export const severity = (status) => status >>> 30;
const UNCERTAIN = 1;
const BAD = 2;

/** How much more than what is seen is asked, on both sides: moving a little shows what is there already. */
const MARGIN = 0.5;
/** More samples than these are not kept of one line while it grows. */
const MOST_POINTS = 40000;
/** So many live samples to a column of pixels are drawn; more are asked for anew, thinned. */
const LIVE_PER_COLUMN = 4;

/**
 * @typedef {object} Line what is drawn of one key
 * @property {number[]} time seconds since 1970, rising @property {(number | null)[]} value null where there is none
 * @property {number[]} status @property {any[]} raw as it came, for texts @property {[number, number][]} gaps in seconds
 * @property {number} asked so many rows are of the answer, the others came live
 * @property {boolean} thinned @property {boolean} flawed some of it is not Good
 */

/** @returns {Line} */
export const nothing = () => ({
  time: [],
  value: [],
  status: [],
  raw: [],
  gaps: [],
  asked: 0,
  thinned: false,
  flawed: false,
  stored: 0,
});

/**
 * Asks for what some series show in a span.
 * @param {{key: string, shift: number, tagId: string, factor: number, offset: number}[]} series
 * @param {{from: number, to: number, points: number}} span milliseconds since 1970, and how many columns of pixels there are
 * @param {AbortSignal} signal
 * @returns {Promise<{lines: Map<string, Line>, from: number, to: number}>} with the span that was asked, wider than what is seen
 */
export async function readLines(series, { from, to, points }, signal) {
  const margin = (to - from) * MARGIN;
  const [start, end] = [from - margin, to + margin];
  const lines = new Map();
  const shifts = new Set(series.map(({ shift }) => shift));
  await Promise.all(
    [...shifts].map(async (shift) => {
      const mine = series.filter((each) => each.shift === shift);
      const body = {
        tagIds: [...new Set(mine.map(({ tagId }) => tagId))],
        startTime: new Date(start - shift).toISOString(),
        endTime: new Date(end - shift).toISOString(),
        points: Math.min(4000, Math.round(points * (1 + 2 * MARGIN))),
      };
      const answer = await ask(ofTenant("samples:readChart"), body, signal);
      const byTag = new Map(answer.series.map((each) => [String(each.tagId), each]));
      for (const each of mine) lines.set(each.key, lineOf(byTag.get(each.tagId), each));
    }),
  );
  return { lines, from: start, to: end };
}

/** One series of the answer, in its unit and moved by its shift. */
export function lineOf(answer, { factor, offset, shift }) {
  if (!answer) return nothing();
  const line = nothing();
  line.thinned = answer.thinned;
  line.stored = Number(answer.storedSamples ?? 0);
  line.gaps = (answer.gaps ?? []).map(({ startTime, endTime }) => [
    (Date.parse(startTime) + shift) / 1000,
    (Date.parse(endTime) + shift) / 1000,
  ]);
  for (const part of [answer.before, answer.samples]) if (part) append(line, part, { factor, offset, shift });
  return breakInGaps(line);
}

/**
 * Adds samples that came after those that are there; earlier ones are left out.
 * @param {Line} line
 * @param {{time: number[], status: number[], value: any[]}} samples times in milliseconds
 */
export function append(line, { time, status, value }, { factor, offset, shift }) {
  const times = Array.isArray(time) ? time : [time];
  const states = Array.isArray(status) ? status : [status];
  const values = Array.isArray(value) ? value : [value];
  for (let row = 0; row < times.length; row += 1) {
    const moment = (times[row] + shift) / 1000;
    const last = line.time.length - 1;
    if (last >= 0 && moment <= line.time[last]) continue;
    line.time.push(moment);
    line.value.push(drawable(values[row], states[row], factor, offset));
    line.status.push(states[row]);
    line.raw.push(values[row]);
    if (severity(states[row]) >= UNCERTAIN) line.flawed = true;
  }
  if (line.time.length <= MOST_POINTS) return;
  for (const column of ["time", "value", "status", "raw"]) line[column] = line[column].slice(-MOST_POINTS / 2);
  line.asked = 0;
}

/** Takes over what came live while its line was asked for anew. */
export function carry(line, old) {
  const last = line.time.at(-1) ?? -Infinity;
  for (let row = firstAfter(old.time, last); row < old.time.length; row += 1) {
    for (const column of ["time", "value", "status", "raw"]) line[column].push(old[column][row]);
    if (severity(old.status[row]) >= UNCERTAIN) line.flawed = true;
  }
}

/** Whether so much came live, which is not thinned, that a line should be asked for anew. */
export const isGrown = (line, points) => line.time.length - line.asked > LIVE_PER_COLUMN * points;

/** The number that a chart draws; null where the sample is Bad or no number. */
function drawable(value, status, factor, offset) {
  if (value === null || severity(status) >= BAD) return null;
  const number = Number(value);
  return Number.isFinite(number) ? number * factor + offset : null;
}

/** No line is drawn across a gap: a null stands in its widest hole. Samples may lie within, for its ends are the outermost. */
export function breakInGaps(line) {
  const holes = new Set();
  for (const [start, end] of line.gaps) {
    let widest = 0;
    let row = 0;
    for (
      let next = Math.max(1, firstAfter(line.time, start));
      next < line.time.length && line.time[next - 1] < end;
      next += 1
    ) {
      const width = line.time[next] - line.time[next - 1];
      if (width > widest) [widest, row] = [width, next];
    }
    if (row > 0) holes.add(row);
  }
  if (holes.size === 0) return line;
  const found = { ...line, time: [], value: [], status: [], raw: [] };
  line.time.forEach((moment, row) => {
    if (holes.has(row)) {
      found.time.push((line.time[row - 1] + moment) / 2);
      found.value.push(null);
      found.status.push(0);
      found.raw.push(null);
    }
    for (const column of ["time", "value", "status", "raw"]) found[column].push(line[column][row]);
  });
  return found;
}

/** The first row that is later than a moment. */
export function firstAfter(times, moment) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] > moment) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The row in force at a moment; -1 before the first. */
export const rowAt = (line, moment) => firstAfter(line.time, moment) - 1;

/** The smallest, the largest and the last number in a span. */
export function extremes(line, from, to) {
  let [least, most, last] = [Infinity, -Infinity, null];
  for (let row = Math.max(0, rowAt(line, from)); row < line.time.length && line.time[row] <= to; row += 1) {
    const value = line.value[row];
    if (value === null) continue;
    if (value < least) least = value;
    if (value > most) most = value;
    last = value;
  }
  return least === Infinity ? { least: null, most: null, last: null } : { least, most, last };
}
