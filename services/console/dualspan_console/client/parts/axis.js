// Axes: where ticks stand and what they say; how wide a drawing is.
import { useEffect, useState } from "../core/view.js";
import { clocksOf } from "../core/words.js";

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10080, 20160, 43200].map(
  (each) => each * MINUTE,
);

/** Moments with their words, at round times of the day by some clocks, at most so many. */
export function timeTicks(from, to, most, clocks = clocksOf("")) {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? STEPS.at(-1);
  const start = clocks.midnight(from);
  const ticks = [];
  for (let at = start + Math.ceil((from - start) / step) * step; at <= to; at += step) {
    const isDay = step >= DAY || clocks.midnight(at) === at;
    ticks.push({ at, words: isDay ? clocks.shortDay(at) : clocks.minute(at) });
  }
  return ticks;
}

/**
 * Moments under points that stand side by side, whatever lies between them in time.
 * @param {{index: number, from: number}[]} rows @param {(index: number) => number} x
 * @param {ReturnType<typeof clocksOf>} clocks
 */
export function momentTicks(rows, x, clocks) {
  const ticks = [];
  for (const { index, from } of rows) {
    const last = ticks.at(-1);
    if (last && x(index) - last.at < 84) continue;
    const day = clocks.shortDay(from);
    const words = last?.day === day ? clocks.minute(from) : `${day} ${clocks.minute(from)}`;
    ticks.push({ at: x(index), day, words });
  }
  return ticks;
}

/** Round numbers that span what is drawn: at least `low` to `high`. */
export function numberTicks(low, high, most = 5) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  for (let at = Math.floor(low / step); at * step < high + step; at += 1)
    ticks.push(Number((at * step).toPrecision(12)));
  return ticks;
}

/** The width of an element in pixels, as it changes. */
export function useWidth(element, first = 640) {
  const [width, setWidth] = useState(first);
  useEffect(() => {
    // It may be gone by the time that its size is told.
    const measured = element.current;
    const look = () => setWidth(Math.max(120, Math.round(measured.clientWidth)));
    const watch = new ResizeObserver(look);
    watch.observe(measured);
    look();
    return () => watch.disconnect();
  }, []);
  return width;
}
