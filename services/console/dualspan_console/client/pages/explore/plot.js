// The drawing: uPlot with an axis for each unit, gaps and doubtful samples drawn as such, moved and zoomed by hand.
import UPlot from "../../vendor/uplot/uPlot.esm.js";
import { colour } from "../../core/theme.js";
import { language, number } from "../../core/words.js";
import { severity } from "./samples.js";

const FONT = "12px system-ui, sans-serif";
const LANE = 4;
const SHORT_DAYS = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { month: "short", day: "numeric" });
const YEARS = new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { year: "numeric", month: "short" });

/** Colours of lines by their place. */
export const seriesColour = (place) => `--series-${(place % 10) + 1}`;
const scaleOf = (unit) => `u:${unit}`;

const two = (part, width = 2) => String(part).padStart(width, "0");

/** Words of the time axis: as much of date and time as the distance of its marks asks for. */
function timeWords(_, moments, _axis, _space, step) {
  let lastDay = "";
  return moments.map((moment) => {
    const date = new Date(moment * 1000);
    if (step >= 28 * 86400) return YEARS.format(date);
    if (step >= 86400) return SHORT_DAYS.format(date);
    const today = SHORT_DAYS.format(date);
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}${step < 60 ? `:${two(date.getSeconds())}` : ""}${step < 1 ? `.${two(date.getMilliseconds(), 3)}` : ""}`;
    const words = today === lastDay ? clock : `${clock}\n${today}`;
    lastDay = today;
    return words;
  });
}

/** Spans that overlap as one: a gap of several lines is shaded once. */
export function joined(spans) {
  const found = [];
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else found.push([start, end]);
  }
  return found;
}

function padded(low, high) {
  if (low === null || high === null) return [0, 1];
  const margin = high > low ? (high - low) * 0.08 : Math.max(1, Math.abs(high)) * 0.05;
  return [low - margin, high + margin];
}

/**
 * A chart in an element.
 * @param {HTMLElement} element
 * @param {{zoom: (from: number, to: number) => void, cursor: (moment: number | null) => void}} handlers times in seconds
 */
export class Plot {
  #element;
  #handlers;
  #uplot = null;
  #shape = "";
  #shown = [];
  #range = [0, 1];
  #held = false;
  #notes = [];

  constructor(element, handlers) {
    this.#element = element;
    this.#handlers = handlers;
    this.#resize = new ResizeObserver(() => this.#fit());
    this.#resize.observe(element);
    this.#listen();
  }

  #resize;

  /** Takes all away. */
  end() {
    this.#resize.disconnect();
    this.#uplot?.destroy();
  }

  /** The picture as it is now, to be put into an image. */
  get canvas() {
    return this.#uplot?.ctx.canvas ?? null;
  }

  /** Where the lines are: from the element's left, in pixels. */
  get area() {
    if (!this.#uplot) return null;
    const { left, width } = this.#uplot.bbox;
    return { left: left / devicePixelRatio, width: width / devicePixelRatio };
  }

  /** Marks times: a line at a moment, a shade over a span. */
  mark(notes) {
    this.#notes = notes;
    this.#uplot?.redraw(false);
  }

  /**
   * Draws lines; those with the same unit have one axis.
   * @param {{key: string, unit: string, unitText: string, stepped: boolean, dashed: boolean, colour: string, hidden: boolean, line: object}[]} shown
   * @param {[number, number]} range in seconds
   * @param {boolean} held the span ends now: the last value goes on, dashed
   */
  draw(shown, range, held) {
    this.#shown = shown;
    this.#range = range;
    this.#held = held;
    const shape = JSON.stringify([
      shown.map(({ key, unit, stepped, dashed, colour: name, hidden }) => [key, unit, stepped, dashed, name, hidden]),
      colour("--ink"),
    ]);
    const data = this.#columns();
    if (shape !== this.#shape || !this.#uplot) {
      this.#shape = shape;
      this.#uplot?.destroy();
      this.#uplot = new UPlot(this.#options(), data, this.#element);
    } else {
      this.#uplot.setData(data, false);
      this.#uplot.setScale("x", { min: range[0], max: range[1] });
    }
  }

  /** Moves to another span; what is there already is drawn at once. */
  show(range) {
    this.#range = range;
    this.#uplot?.setScale("x", { min: range[0], max: range[1] });
  }

  #columns() {
    const tables = this.#shown.map(({ line }) => [line.time, line.value]);
    if (tables.length === 0) return [[]];
    return tables.length === 1
      ? tables[0]
      : UPlot.join(
          tables,
          tables.map(() => [0, 2]),
        );
  }

  #options() {
    const units = [...new Set(this.#shown.filter(({ hidden }) => !hidden).map(({ unit }) => unit))];
    const scales = Object.fromEntries(
      units.map((unit) => [scaleOf(unit), { range: (_, low, high) => padded(low, high) }]),
    );
    return {
      width: this.#element.clientWidth,
      height: this.#element.clientHeight,
      scales: { x: { time: true, range: () => this.#range }, ...scales },
      series: [{}, ...this.#shown.map((each) => this.#series(each))],
      axes: [this.#axis({ space: 90, values: timeWords }), ...units.map((unit, place) => this.#valueAxis(unit, place))],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      legend: { show: false },
      padding: [12, units.length < 2 ? 14 : 0, 0, 0],
      hooks: {
        drawClear: [() => this.#drawGaps()],
        draw: [
          () => {
            this.#drawFlaws();
            this.#drawHeld();
            this.#drawNotes();
          },
        ],
        setSelect: [(plot) => this.#selected(plot)],
        setCursor: [
          (plot) => this.#handlers.cursor(plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null),
        ],
      },
    };
  }

  #series({ unit, stepped, dashed, colour: name, hidden }) {
    return {
      scale: scaleOf(unit),
      show: !hidden,
      stroke: colour(name),
      width: 1.6,
      dash: dashed ? [6, 4] : undefined,
      points: { show: (plot, place, first, last) => last - first < 60 && !dashed, size: 4, fill: colour(name) },
      paths: stepped ? UPlot.paths.stepped({ align: 1 }) : UPlot.paths.linear(),
    };
  }

  #axis(more) {
    const line = { stroke: colour("--line"), width: 1 };
    return { stroke: colour("--dim"), grid: line, ticks: line, font: FONT, ...more };
  }

  #valueAxis(unit, place) {
    const of = this.#shown.filter((each) => each.unit === unit);
    const own = of.length === 1 ? colour(of[0].colour) : colour("--dim");
    return this.#axis({
      scale: scaleOf(unit),
      side: place % 2 === 0 ? 3 : 1,
      size: 62,
      stroke: own,
      grid: { show: place === 0, stroke: colour("--line"), width: 1 },
      label: of[0].unitText || undefined,
      labelSize: of[0].unitText ? 20 : 0,
      labelFont: FONT,
      values: (_, values) => values.map(number),
    });
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#element;
    if (this.#uplot && width > 0 && (width !== this.#uplot.width || height !== this.#uplot.height))
      this.#uplot.setSize({ width, height });
  }

  #selected(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.#handlers.zoom(from, to);
  }

  /** A span in pixels of the canvas, kept inside of the drawing; null if it is not to be seen. */
  #span(start, end) {
    const plot = this.#uplot;
    const left = Math.max(plot.bbox.left, plot.valToPos(start, "x", true));
    const right = Math.min(plot.bbox.left + plot.bbox.width, plot.valToPos(end, "x", true));
    return right > left ? [left, Math.max(2, right - left)] : null;
  }

  #drawGaps() {
    const { ctx, bbox } = this.#uplot;
    ctx.fillStyle = colour("--gap");
    const gaps = this.#shown.flatMap(({ line, hidden }) => (hidden ? [] : line.gaps));
    for (const [start, end] of joined(gaps)) {
      const span = this.#span(start, end);
      if (span) ctx.fillRect(span[0], bbox.top, span[1], bbox.height);
    }
  }

  /** A lane at the bottom: where a line is Uncertain or Bad. */
  #drawFlaws() {
    const { ctx, bbox } = this.#uplot;
    const height = LANE * devicePixelRatio;
    const colours = [null, colour("--warn"), colour("--bad"), colour("--bad")];
    this.#shown
      .filter(({ line, hidden }) => line.flawed && !hidden)
      .forEach(({ line }, place) => {
        const top = bbox.top + bbox.height - (place + 1) * (height + 1);
        for (let row = 0; row < line.time.length; row += 1) {
          const fill = colours[severity(line.status[row])];
          const span = fill && this.#span(line.time[row], line.time[row + 1] ?? this.#range[1]);
          if (!span) continue;
          ctx.fillStyle = fill;
          ctx.fillRect(span[0], top, span[1], height);
        }
      });
  }

  /** The last value goes on, dashed, until now: nothing else was heard of it. */
  #drawHeld() {
    if (!this.#held) return;
    const plot = this.#uplot;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = 1.6 * devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const { line, unit, colour: name, hidden, dashed } of this.#shown) {
      const last = line.time.length - 1;
      if (hidden || dashed || last < 0 || line.value[last] === null) continue;
      const span = this.#span(line.time[last], Math.min(this.#range[1], Date.now() / 1000));
      const height = plot.valToPos(line.value[last], scaleOf(unit), true);
      if (!span || height < bbox.top || height > bbox.top + bbox.height) continue;
      ctx.strokeStyle = colour(name);
      ctx.beginPath();
      ctx.moveTo(span[0], height);
      ctx.lineTo(span[0] + span[1], height);
      ctx.stroke();
    }
    ctx.restore();
  }

  #drawNotes() {
    const { ctx, bbox } = this.#uplot;
    ctx.save();
    for (const { from, to } of this.#notes) {
      const span = this.#span(from, Math.max(to, from + 1e-3));
      if (!span) continue;
      ctx.fillStyle = colour("--note");
      if (to > from) ctx.fillRect(span[0], bbox.top, span[1], bbox.height);
      ctx.strokeStyle = colour("--info");
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([5 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      for (const edge of to > from ? [span[0], span[0] + span[1]] : [span[0]]) {
        ctx.moveTo(edge, bbox.top);
        ctx.lineTo(edge, bbox.top + bbox.height);
      }
      ctx.stroke();
    }
    ctx.restore();
  }

  /** The wheel zooms about the pointer; with Shift, or sideways, it moves; fingers move and pinch. */
  #listen() {
    const at = (clientX) => {
      const box = this.#uplot.over.getBoundingClientRect();
      return (clientX - box.left) / box.width;
    };
    this.#element.addEventListener(
      "wheel",
      (event) => {
        if (!this.#uplot) return;
        event.preventDefault();
        const sideways = event.shiftKey ? event.deltaY : event.deltaX;
        if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) this.#move(sideways / 800);
        else this.#scale(1.0015 ** event.deltaY, at(event.clientX));
      },
      { passive: false },
    );
    this.#element.addEventListener("dblclick", () => this.#scale(2, 0.5));
    this.#touch(at);
  }

  #touch(at) {
    let before = [];
    const places = (event) => [...event.touches].map((touch) => at(touch.clientX)).sort((a, b) => a - b);
    this.#element.addEventListener(
      "touchstart",
      (event) => {
        before = this.#uplot ? places(event) : [];
      },
      { passive: true },
    );
    this.#element.addEventListener(
      "touchmove",
      (event) => {
        const now = places(event);
        if (!this.#uplot || now.length !== before.length) return;
        if (now.length === 2) {
          event.preventDefault();
          this.#scale((before[1] - before[0]) / Math.max(0.02, now[1] - now[0]), (now[0] + now[1]) / 2);
        } else if (Math.abs(now[0] - before[0]) > 0.004) this.#move(before[0] - now[0]);
        before = now;
      },
      { passive: false },
    );
  }

  #move(share) {
    const [from, to] = this.#range;
    const step = (to - from) * share;
    this.#handlers.zoom(from + step, to + step);
  }

  #scale(factor, place) {
    const [from, to] = this.#range;
    const middle = from + (to - from) * place;
    this.#handlers.zoom(middle - (middle - from) * factor, middle + (to - middle) * factor);
  }
}
