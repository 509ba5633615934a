// Bars: standing, with a line of sums above them (Pareto), or lying in a table's cell.
import { html, useRef } from "../core/view.js";
import { numberTicks, useWidth } from "./axis.js";

const HEIGHT = 240;
const EDGE = { left: 52, right: 50, top: 10, bottom: 28 };
/** A second line below the bars, such as the day of a shift. */
const LINE = 18;
/** Bars that stand closer have no words, and what is below them only where it has room. */
const NARROW = 18;
const UNDER_WIDTH = 56;

/** Enter and space do what a click does. */
function onKey(event, action) {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  action();
}

/** Which bars have room for what is to stand below their words. */
function roomy(bars, middle) {
  const found = new Set();
  let free = -Infinity;
  for (const [index, { under }] of bars.entries()) {
    if (!under || middle(index) < free) continue;
    found.add(index);
    free = middle(index) + UNDER_WIDTH;
  }
  return found;
}

/**
 * Standing bars.
 * @param {object} props
 * @param {{id: string, words: string, value: number, line?: number, tone?: string,
 *   chosen?: boolean, under?: string}[]} props.bars
 *   `line` from 0 to 1 is drawn above them, on an axis of its own
 * @param {(value: number) => string} props.format of the axis
 * @param {number} [props.top] of the axis @param {string} props.label what is drawn, in words
 * @param {(id: string) => void} [props.open]
 */
export function Bars({ bars, format, top, label, open }) {
  const box = useRef(null);
  const width = useWidth(box);
  const highest = top ?? Math.max(...bars.map(({ value }) => value || 0), 0);
  const ticks = numberTicks(0, highest || 1, 4).filter((each) => !top || each <= top);
  const ceiling = ticks.at(-1);
  const hasLine = bars.some(({ line }) => line !== undefined);
  const inner = width - EDGE.left - (hasLine ? EDGE.right : 8);
  const bottom = EDGE.bottom + (bars.some(({ under }) => under) ? LINE : 0);
  const tall = HEIGHT - EDGE.top - bottom;
  const step = inner / Math.max(1, bars.length);
  const y = (value) => EDGE.top + tall * (1 - Math.min(1, value / ceiling));
  const middle = (index) => EDGE.left + step * (index + 0.5);
  const points = bars.map(({ line }, index) => `${middle(index)},${EDGE.top + tall * (1 - (line ?? 0))}`).join(" ");
  const letters = Math.floor(step / 7.2);
  const cut = (words) => {
    if (words.length <= letters) return words;
    return letters < 5 ? words.slice(0, letters) : `${words.slice(0, letters - 1)}…`;
  };
  const unders = roomy(bars, middle);
  return html`<div ref=${box} class="bars" role="group" aria-label=${label}>
    <svg width=${width} height=${HEIGHT}>
      ${ticks.map(
        (each) =>
          html`<line class="grid" x1=${EDGE.left} x2=${EDGE.left + inner} y1=${y(each)} y2=${y(each)} /><text
              x=${EDGE.left - 6}
              y=${y(each) + 4}
              text-anchor="end"
              >${format(each)}</text
            >`,
      )}
      ${bars.map(
        (bar, index) =>
          html`<g
            key=${bar.id}
            data-bar=${bar.id}
            class="bar ${bar.tone ?? ""} ${bar.chosen ? "chosen" : ""} ${open ? "opens" : ""}"
            role=${open ? "button" : undefined}
            tabindex=${open ? 0 : undefined}
            aria-label=${open ? `${bar.words}: ${Number.isFinite(bar.value) ? format(bar.value) : "–"}` : undefined}
            onClick=${open && (() => open(bar.id))}
            onKeyDown=${open && ((event) => onKey(event, () => open(bar.id)))}
          >
            <title>${bar.words}: ${Number.isFinite(bar.value) ? format(bar.value) : "–"}</title>
            <rect class="reach" x=${middle(index) - step / 2} y=${EDGE.top} width=${step} height=${tall + bottom} />
            ${
              Number.isFinite(bar.value)
                ? html`<rect
                    class="body"
                    x=${middle(index) - Math.min(36, step * 0.36)}
                    y=${y(bar.value)}
                    width=${Math.min(72, step * 0.72)}
                    height=${EDGE.top + tall - y(bar.value)}
                    rx="2"
                  />`
                : null
            }
          </g>`,
      )}
      <g class="words" aria-hidden="true">
        ${bars.map(
          (bar, index) =>
            html`<text
                class=${bar.chosen ? "strong" : ""}
                x=${middle(index)}
                y=${HEIGHT - bottom + 18}
                text-anchor="middle"
                >${step >= NARROW ? cut(bar.words) : ""}</text
              >
              ${unders.has(index) && html`<text x=${middle(index)} y=${HEIGHT - bottom + 34} text-anchor="middle">${bar.under}</text>`}
              ${!Number.isFinite(bar.value) && html`<text x=${middle(index)} y=${EDGE.top + tall - 6} text-anchor="middle">–</text>`}`,
        )}
      </g>
      ${
        hasLine &&
        html`<polyline class="sums" points=${points} />${bars.map(
            ({ line }, index) =>
              html`<circle class="sums-point" cx=${middle(index)} cy=${EDGE.top + tall * (1 - line)} r="3.5" />`,
          )}
          ${[0, 0.5, 0.8, 1].map((each) => html`<text x=${EDGE.left + inner + 6} y=${EDGE.top + tall * (1 - each) + 4}>${Math.round(each * 100)} %</text>`)}
          <line
            class="eighty"
            x1=${EDGE.left}
            x2=${EDGE.left + inner}
            y1=${EDGE.top + tall * 0.2}
            y2=${EDGE.top + tall * 0.2}
          />`
      }
    </svg>
  </div>`;
}

/** A lying bar for a share from 0 to 1, with its number beside it. */
export const ShareBar = ({ value, words, tone = "" }) =>
  html`<span class="share-bar ${tone}"
    ><svg width="72" height="8" aria-hidden="true">
      <rect class="rail" width="72" height="8" rx="3" />
      <rect class="fill" width=${72 * Math.max(0, Math.min(1, value || 0))} height="8" rx="3" /></svg
    ><span>${words}</span></span
  >`;
