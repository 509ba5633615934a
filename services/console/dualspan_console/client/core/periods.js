// Shifts, days and weeks as the plant counts them: a day begins with its first shift.
import { all, get } from "./api.js";
import { upward } from "./production.js";
import { may, ofTenant } from "./session.js";

const DAY = 86400e3;
export const KINDS = ["shift", "day", "week"];

/** The calendar that holds for an asset: its own or the nearest above it; undefined without one. */
export function calendarOf(calendars, known, asset) {
  for (const id of upward(known, asset)) {
    const found = calendars.find(({ assets }) => assets.includes(id));
    if (found) return found;
  }
  return undefined;
}

export const calendars = (signal) =>
  may("analytics.calendars.read") ? all(ofTenant("calendars"), "calendars", { signal }) : [];

/** Shifts as they occur around a moment, in order of time. */
export async function shiftsAround(calendar, moment, signal) {
  if (!calendar) return [];
  const query = {
    startTime: new Date(moment - 16 * DAY).toISOString(),
    // To the end of this week, whatever day it is; what is further ahead nobody looks at.
    endTime: new Date(Math.min(moment + 16 * DAY, Date.now() + 9 * DAY)).toISOString(),
  };
  const { occurrences } = await get(`${calendar.name}:listShifts`, query, signal);
  return occurrences.map(({ displayName, startTime, endTime, date }) => ({
    name: displayName,
    from: Date.parse(startTime),
    to: Date.parse(endTime),
    date,
  }));
}

const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
const later = (start, days) => {
  const date = new Date(start);
  return date.setDate(date.getDate() + days);
};

/** The Monday of a local date, "2026-11-23". */
function monday(date) {
  const day = new Date(`${date}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  return day.toISOString().slice(0, 10);
}

const KEYS = { shift: ({ from }) => String(from), day: ({ date }) => date, week: ({ date }) => monday(date) };

function plain(kind, moment) {
  const start = midnight(moment);
  if (kind !== "week") return { from: start, to: later(start, 1) };
  const first = later(start, -((new Date(start).getDay() + 6) % 7));
  return { from: first, to: later(first, 7) };
}

/**
 * The shift, day or week that a moment is in, or the last one before it.
 * @returns {{from: number, to: number, name?: string}}
 */
export function periodAt(kind, moment, shifts) {
  const latest = shifts.filter(({ from }) => from <= moment).at(-1);
  if (!latest) return plain(kind, moment);
  const keyOf = KEYS[kind];
  const mine = shifts.filter((each) => keyOf(each) === keyOf(latest));
  return { from: mine[0].from, to: mine.at(-1).to, name: kind === "shift" ? latest.name : undefined };
}

/** The one before or behind a period. */
export function neighbour(kind, period, direction, shifts) {
  if (direction < 0) return periodAt(kind, period.from - 1, shifts);
  const next = shifts.find(({ from }) => from >= period.to);
  return periodAt(kind, next ? next.from : period.to, shifts);
}
