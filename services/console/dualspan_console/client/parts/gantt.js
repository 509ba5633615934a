// What machines did, side by side over time. Each row is walked by arrow keys, interval by interval.
import { html, useMemo, useRef } from "../core/view.js";
import { timeTicks, useWidth } from "./axis.js";

const HEIGHT = 26;
/** What is seen first where several share a pixel. */
const RANK = { DOWN: 5, DELAY: 4, SETUP: 3, PLANNED_DOWN: 2, UNSPECIFIED: 1, PRODUCTION: 0 };

/** Rectangles of a row: intervals as they are, or by pixel where there are more than can be told apart. */
function rectangles(intervals, from, to, width) {
  const scale = width / (to - from);
  const found = [];
  for (const each of intervals) {
    const left = Math.max(0, (each.from - from) * scale);
    const right = Math.min(width, (each.to - from) * scale);
    const last = found.at(-1);
    if (right - left < 1 && last && left < last.left + 1) {
      if (RANK[each.element] > RANK[last.element]) last.element = each.element;
      last.right = Math.max(last.right, right);
    } else found.push({ left, right: Math.max(right, left + 1), element: each.element });
  }
  return found;
}

/**
 * @param {object} props
 * @param {{id: string, title: any, under?: any, label: string, intervals: object[]}[]} props.rows
 * @param {number} props.from @param {number} props.to
 * @param {{row: string, from: number} | null} props.chosen
 * @param {(row: string, interval: object) => void} props.choose
 * @param {(row: string, interval: object) => string} props.words of an interval
 * @param {object} [props.clocks] that times are written by, `clocksOf`; the person's own if there are none
 */
export function Gantt({ rows, from, to, chosen, choose, words, clocks }) {
  const box = useRef(null);
  const width = useWidth(box);
  const ticks = useMemo(() => timeTicks(from, to, width / 70, clocks), [from, to, width, clocks]);
  const place = (at) => ((at - from) / (to - from)) * width;
  return html`<div class="gantt">
    <div class="gantt-head" aria-hidden="true">
      <span></span>
      <div class="track" ref=${box}>
        <svg width=${width} height="20">
          ${ticks.map(({ at, words: text }) => {
            const x = place(at);
            const anchor = x < 20 ? "start" : x > width - 24 ? "end" : "middle";
            return html`<text x=${x} y="14" text-anchor=${anchor}>${text}</text>`;
          })}
        </svg>
      </div>
    </div>
    ${rows.map(
      (row) =>
        html`<${Row}
          key=${row.id}
          ...${{ row, from, to, width, ticks, place, choose, words }}
          chosen=${chosen?.row === row.id ? chosen.from : undefined}
        />`,
    )}
  </div>`;
}

function Row({ row, from, to, width, ticks, place, chosen, choose, words }) {
  const shapes = useMemo(() => rectangles(row.intervals, from, to, width), [row.intervals, from, to, width]);
  const at = row.intervals.findIndex((each) => each.from === chosen);
  const mine = row.intervals[at];
  const begin = mine ? Math.max(1, place(mine.from)) : 0;
  const take = (index) => {
    const found = row.intervals[Math.max(0, Math.min(row.intervals.length - 1, index))];
    if (found) choose(row.id, found);
  };
  const onKey = (event) => {
    const next = {
      ArrowRight: at + 1,
      ArrowLeft: at < 0 ? row.intervals.length - 1 : at - 1,
      Home: 0,
      End: row.intervals.length - 1,
    };
    if (!(event.key in next)) return;
    event.preventDefault();
    take(next[event.key]);
  };
  const onClick = (event) => {
    const moment = from + (event.offsetX / width) * (to - from);
    const index = row.intervals.findIndex((each) => each.to > moment);
    take(index < 0 ? row.intervals.length - 1 : index);
  };
  return html`<div class="gantt-row" data-machine=${row.id}>
    <div class="gantt-name">${row.title}${row.under && html`<span class="dim small">${row.under}</span>`}</div>
    <div
      class="track"
      role="slider"
      tabindex="0"
      aria-label=${row.label}
      aria-valuemin="0"
      aria-valuemax=${Math.max(0, row.intervals.length - 1)}
      aria-valuenow=${Math.max(0, at)}
      aria-valuetext=${mine ? words(row.id, mine) : row.label}
      onKeyDown=${onKey}
    >
      <svg width=${width} height=${HEIGHT} onClick=${onClick} aria-hidden="true">
        ${ticks.map(({ at: tick }) => html`<line class="grid" x1=${place(tick)} x2=${place(tick)} y1="0" y2=${HEIGHT} />`)}
        ${shapes.map(({ left, right, element }) => html`<rect class="area-${element}" x=${left} y="2" width=${right - left} height=${HEIGHT - 4} />`)}
        ${mine && html`<rect class="chosen" x=${begin} y="1" width=${Math.max(3, place(Math.min(mine.to, to)) - begin)} height=${HEIGHT - 2} />`}
      </svg>
    </div>
  </div>`;
}
