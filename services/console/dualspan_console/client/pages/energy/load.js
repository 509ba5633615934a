// The load over time: a bar for each interval, in the pattern of the tariff's rate that held.
import { html, useMemo, useRef } from "../../core/view.js";
import { number, t } from "../../core/words.js";
import { numberTicks, timeTicks, useWidth } from "../../parts/axis.js";
import { bandAt } from "./tariff.js";

const HEIGHT = 250;
const LEFT = 48;
const BOTTOM = 24;

/**
 * @param {{rows: {at: number, power: number}[], length: number, tariff?: object, peaks: object[], base: number, clocks: object}} props
 *   `length` of an interval in milliseconds
 */
export function Load({ rows, length, tariff, peaks, base, clocks }) {
  const box = useRef(null);
  const width = useWidth(box);
  const from = rows[0].at;
  const to = rows.at(-1).at + length;
  const ticks = numberTicks(0, Math.max(...rows.map(({ power }) => power || 0), 1), 4);
  const x = (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT);
  const y = (power) => (HEIGHT - BOTTOM) * (1 - power / ticks.at(-1)) + 6;
  const names = tariff?.rates.map(({ displayName }) => displayName) ?? [];
  const bands = useMemo(
    () => rows.map(({ at }) => (tariff ? Math.max(0, names.indexOf(bandAt(tariff, at))) : 0)),
    [rows, tariff],
  );
  const wide = Math.max(0.6, x(from + length) - x(from) - 0.4);
  return html`<div ref=${box} class="bars" role="img" aria-label=${t("energy.profile")}>
    <svg width=${width} height=${HEIGHT + 6}>
      ${ticks.map(
        (each) =>
          html`<line class="grid" x1=${LEFT} x2=${width} y1=${y(each)} y2=${y(each)} /><text
              x=${LEFT - 6}
              y=${y(each) + 4}
              text-anchor="end"
              >${number(each)}</text
            >`,
      )}
      ${timeTicks(from, to, (width - LEFT) / 70, clocks).map(({ at, words }) => html`<text x=${x(at)} y=${HEIGHT + 2} text-anchor=${x(at) > width - 24 ? "end" : "middle"}>${words}</text>`)}
      ${rows.map(
        ({ at, power }, index) =>
          Number.isFinite(power) &&
          html`<rect
            class="band-${bands[index] % 4}"
            x=${x(at)}
            y=${y(power)}
            width=${wide}
            height=${Math.max(0, y(0) - y(power))}
          >
            <title>${clocks.dateTime(at)}: ${number(Number(power.toPrecision(4)))} kW ${names[bands[index]] ?? ""}</title>
          </rect>`,
      )}
      ${
        Number.isFinite(base) &&
        html`<line class="eighty" x1=${LEFT} x2=${width} y1=${y(base)} y2=${y(base)} />
          <text class="halo" x=${LEFT + 4} y=${y(base) - 4}>${t("energy.base_load")}</text>`
      }
      ${peaks.slice(0, 3).map(({ interval, power }, index) => html`<text class="peak" x=${x(rows[interval].at)} y=${y(Number(power)) - 4} text-anchor="middle">${index + 1}</text>`)}
    </svg>
  </div>`;
}
