// One plot of a control chart: the statistic, its centre and limits, and every point at which a rule was broken.
import { html, useMemo, useRef } from "../../core/view.js";
import { number, t } from "../../core/words.js";
import { momentTicks, numberTicks, useWidth } from "../../parts/axis.js";
import { markOf, rounded, ruleWords } from "./rules.js";

const HEIGHT = 240;
const EDGE = { left: 62, right: 16, top: 24, bottom: 30 };
/** With more points than these only marked ones have a dot. */
const MOST_DOTS = 160;
/** Marks that would stand closer are not written. */
const MARK_WIDTH = 20;

/** A line through values; it is broken where there is none. */
function through(rows, x, y, of) {
  let [text, pen] = ["", "M"];
  for (const row of rows) {
    const value = of(row);
    if (Number.isFinite(value)) text += `${pen}${x(row.index).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = Number.isFinite(value) ? "L" : "M";
  }
  return text;
}

/** Limits hold for the whole width of a point. */
function stepped(rows, x, y, of) {
  const half = (x(1) - x(0)) / 2;
  let [text, pen] = ["", "M"];
  for (const row of rows) {
    const value = of(row);
    const height = Number.isFinite(value) ? y(value).toFixed(1) : "";
    if (height) text += `${pen}${(x(row.index) - half).toFixed(1)} ${height}H${(x(row.index) + half).toFixed(1)}`;
    pen = height ? "L" : "M";
  }
  return text;
}

/** Points at which something is broken, with the marks that have room. */
function markedOf(rows, panel, x) {
  let free = -Infinity;
  return rows
    .filter(({ panels }) => panels[panel].broken.length > 0)
    .map((row) => {
      const words = row.panels[panel].broken.map(markOf).join(" ");
      const hasRoom = x(row.index) >= free;
      if (hasRoom) free = x(row.index) + MARK_WIDTH * Math.max(1, words.length / 2.5);
      return { row, words: hasRoom ? words : "" };
    });
}

function shapesOf(rows, panel, inner, clocks) {
  const of = (name) => (row) => row.panels[panel][name];
  const all = rows.flatMap((row) => ["value", "lower", "upper"].map((name) => of(name)(row))).filter(Number.isFinite);
  const [low, high] = all.reduce(([a, b], each) => [Math.min(a, each), Math.max(b, each)], [all[0] ?? 0, all[0] ?? 1]);
  const ticks = numberTicks(low, high, 6);
  const [bottom, top] = [ticks[0], ticks.at(-1)];
  const tall = HEIGHT - EDGE.top - EDGE.bottom;
  const x = (index) => EDGE.left + ((index + 0.5) / Math.max(1, rows.length)) * inner;
  const y = (value) => EDGE.top + tall * (1 - (value - bottom) / (top - bottom || 1));
  return {
    x,
    y,
    ticks,
    value: through(rows, x, y, of("value")),
    centre: stepped(rows, x, y, of("centre")),
    limits: stepped(rows, x, y, of("upper")) + stepped(rows, x, y, of("lower")),
    moments: momentTicks(rows, x, clocks),
    marked: markedOf(rows, panel, x),
  };
}

/**
 * @param {object} props
 * @param {ReturnType<typeof import("./rules.js").points>} props.rows
 * @param {number} props.panel which of the chart's panels
 * @param {string} props.label
 * @param {number} props.chosen index of a point, -1 for none
 * @param {(index: number) => void} props.choose
 * @param {object} props.clocks that times are written by, `clocksOf`
 */
export function Panel({ rows, panel, label, chosen, choose, clocks }) {
  const box = useRef(null);
  const width = useWidth(box);
  const inner = width - EDGE.left - EDGE.right;
  const shapes = useMemo(() => shapesOf(rows, panel, inner, clocks), [rows, panel, inner, clocks]);
  const last = rows.length - 1;
  const take = (index) => choose(Math.max(0, Math.min(last, index)));
  const onKey = (event) => {
    const next = { ArrowRight: chosen + 1, ArrowLeft: chosen < 0 ? last : chosen - 1, Home: 0, End: last };
    if (!(event.key in next)) return;
    event.preventDefault();
    take(next[event.key]);
  };
  const onClick = ({ offsetX }) => take(Math.floor(((offsetX - EDGE.left) / inner) * rows.length));
  return html`<div
    ref=${box}
    class="bars control-chart"
    role="slider"
    tabindex="0"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax=${Math.max(0, last)}
    aria-valuenow=${Math.max(0, chosen)}
    aria-valuetext=${chosen < 0 ? label : pointWords(rows[chosen], panel)}
    onKeyDown=${onKey}
  >
    <svg width=${width} height=${HEIGHT} onClick=${onClick} aria-hidden="true">
      <${Shapes} ...${{ rows, panel, shapes, chosen }} right=${EDGE.left + inner} />
    </svg>
  </div>`;
}

/** A point as it is said. */
function pointWords({ index, panels }, panel) {
  const { value, broken } = panels[panel];
  return [t("spc.point", { number: index + 1 }), rounded(value), ...broken.map(ruleWords)].join(", ");
}

function Shapes({ rows, panel, shapes, chosen, right }) {
  const { x, y, ticks, marked, moments } = shapes;
  const dots = rows.length <= MOST_DOTS ? rows : rows.filter(({ panels }) => panels[panel].concerned);
  const shown = dots.filter(({ panels }) => Number.isFinite(panels[panel].value));
  const heightOf = ({ panels }) => y(panels[panel].value);
  return html`${ticks.map(
      (each) =>
        html`<line class="grid" x1=${EDGE.left} x2=${right} y1=${y(each)} y2=${y(each)} /><text
            x=${EDGE.left - 6}
            y=${y(each) + 4}
            text-anchor="end"
            >${number(each)}</text
          >`,
    )}
    ${moments.map(({ at, words }) => html`<text x=${at} y=${HEIGHT - 8} text-anchor="middle">${words}</text>`)}
    ${chosen >= 0 && chosen < rows.length && html`<line class="control-chosen" x1=${x(chosen)} x2=${x(chosen)} y1=${EDGE.top} y2=${HEIGHT - EDGE.bottom} />`}
    <path class="control-limit" d=${shapes.limits} /><path class="control-centre" d=${shapes.centre} />
    <path class="control-line" d=${shapes.value} />
    ${shown.map(
      (row) =>
        html`<circle
          class="control-dot ${row.panels[panel].concerned ? "concerned" : ""} ${row.excluded ? "excluded" : ""}"
          cx=${x(row.index)}
          cy=${heightOf(row)}
          r=${row.panels[panel].concerned ? 3.2 : 2.2}
        />`,
    )}
    ${marked.map(({ row, words }) => {
      const [at, height] = [x(row.index), heightOf(row)];
      return html`<g class="control-mark" data-point=${row.index}>
        <path d="M${at - 5.5} ${height - 4}h11l-5.5 9z" />
        ${words && html`<text x=${at} y=${height - 9} text-anchor="middle">${words}</text>`}
      </g>`;
    })}`;
}
