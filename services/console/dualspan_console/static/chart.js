import { clock, follow, format, severity } from "./samples.js";

const card = document.getElementById("chart-card");
const { default: UPlot } = await import(card.dataset.uplot);
const part = (id) => document.getElementById(id);
const tag = Number(card.dataset.tag);
const isText = card.dataset.kind === "TEXT" || card.dataset.kind === "BYTES";
const isStepped = card.dataset.kind !== "FLOAT64";
const MOST_POINTS = 20000;

let seconds = 600;
let form = "raw";
let plot = null;
// Columns: time in seconds, value (average), minimum, maximum.
let columns = [[], [], [], []];
// The last sample before the span, [seconds, value], or null: it was in force when the span began.
let before = null;
// Spans in seconds during which samples are known to be missing.
let gaps = [];
let lastDraw = 0;
let events = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options() {
  const axis = {
    stroke: colour("--dim"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const hours = [
    [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
    [3600, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, null, null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, null, null, null, null, 1],
  ];
  const line = {
    label: form === "raw" ? card.dataset.name : card.dataset.average,
    stroke: colour("--accent"),
    width: 2,
    fill: form === "raw" ? colour("--area") : undefined,
    points: { show: false },
    paths: isStepped && form === "raw" ? UPlot.paths.stepped({ align: 1 }) : undefined,
    value: (_, value) => (value === null ? "–" : `${format(value)} ${card.dataset.unit}`),
  };
  const edge = (label) => ({ ...line, label, width: 0, stroke: "transparent" });
  const edges = form === "raw" ? [] : [edge(card.dataset.minimum), edge(card.dataset.maximum)];
  return {
    width: part("chart").clientWidth,
    height: 380,
    series: [{ label: card.dataset.time, value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, line, ...edges],
    bands: edges.length > 0 ? [{ series: [3, 2], fill: colour("--band") }] : [],
    axes: [{ ...axis, space: 90, values: hours }, { ...axis, size: 64, values: (_, values) => values.map(format) }],
    scales: { x: { time: true, range: () => range() }, y: { range: (_, low, high) => padded(low, high) } },
    cursor: { points: { size: 7 } },
    hooks: { drawClear: [shadeGaps], draw: [drawHeld] },
    legend: { show: true, live: true },
  };
}

function shadeGaps(chart) {
  chart.ctx.fillStyle = colour("--gap");
  for (const [start, end] of gaps) {
    const left = Math.max(chart.bbox.left, chart.valToPos(start, "x", true));
    const right = Math.min(chart.bbox.left + chart.bbox.width, chart.valToPos(end, "x", true));
    if (right > left) chart.ctx.fillRect(left, chart.bbox.top, Math.max(2, right - left), chart.bbox.height);
  }
}

/** The last value goes on, dashed, until now: nothing else was heard of it. */
function drawHeld(chart) {
  const [times, values] = chart.data;
  const last = times.length - 1;
  if (form !== "raw" || last < 0 || values[last] === null) return;
  const height = chart.valToPos(values[last], "y", true);
  const start = Math.max(chart.bbox.left, chart.valToPos(times[last], "x", true));
  chart.ctx.save();
  chart.ctx.strokeStyle = colour("--accent");
  chart.ctx.lineWidth = 2 * devicePixelRatio;
  chart.ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  chart.ctx.beginPath();
  chart.ctx.moveTo(start, height);
  chart.ctx.lineTo(chart.bbox.left + chart.bbox.width, height);
  chart.ctx.stroke();
  chart.ctx.restore();
}

/** The samples of the span, behind what was in force when it began: a tag that changes rarely is seen all the same. */
function framed() {
  const [from] = range();
  const [times, values] = columns;
  const found = times.findIndex((time) => time >= from);
  const first = found < 0 ? times.length : found;
  const [moment, value] = first > 0 ? [times[first - 1], values[first - 1]] : (before ?? [0, null]);
  if (value === null) return [times.slice(first), values.slice(first)];
  const next = values[first] ?? null;
  const slope = isStepped || next === null ? 0 : (next - value) / (times[first] - moment);
  return [[from, ...times.slice(first)], [value + slope * (from - moment), ...values.slice(first)]];
}

/** Breaks the line in each gap, by a null in its widest hole: samples may lie within, for its ends are the outermost. */
function broken(whole) {
  const holes = new Set();
  for (const [start, end] of gaps) {
    let widest = 0;
    let row = 0;
    for (let next = 1; next < whole[0].length; next += 1) {
      const [before, after] = [whole[0][next - 1], whole[0][next]];
      if (after > start && before < end && after - before > widest) [widest, row] = [after - before, next];
    }
    if (row > 0) holes.add(row);
  }
  const found = whole.map(() => []);
  whole[0].forEach((moment, row) => {
    if (holes.has(row)) {
      found[0].push((whole[0][row - 1] + moment) / 2);
      found.slice(1).forEach((column) => column.push(null));
    }
    found.forEach((column, index) => column.push(whole[index][row]));
  });
  return found;
}

function range() {
  const end = Date.now() / 1000;
  return [end - seconds, end];
}

function padded(low, high) {
  if (low === null || high === null) return [0, 1];
  const margin = high > low ? (high - low) * 0.08 : Math.max(1, Math.abs(high)) * 0.05;
  return [low - margin, high + margin];
}

function draw() {
  lastDraw = performance.now();
  if (isText) return drawEvents();
  const drawn = form === "raw" ? framed() : columns;
  part("empty").hidden = drawn[0].length > 0;
  if (plot) plot.setData(drawn);
  else plot = new UPlot(options(), drawn, part("chart"));
  summarise();
}

function drawEvents() {
  part("chart").hidden = true;
  part("events").hidden = false;
  part("empty").hidden = events.length > 0;
  part("events").replaceChildren(
    ...events.slice(-200).reverse().map(([time, value]) => {
      const row = document.createElement("li");
      const when = document.createElement("span");
      when.className = "dim";
      when.textContent = clock(time);
      row.append(when, ` ${format(value)}`);
      return row;
    }),
  );
  const [from] = range();
  part("samples").textContent = format(events.filter(([time]) => time >= from * 1000).length);
}

function summarise() {
  const [from] = range();
  const first = columns[0].findIndex((time) => time >= from);
  const seen = (index) => (first < 0 ? [] : columns[index].slice(first).filter((value) => value !== null));
  const values = seen(1);
  const lows = form === "raw" ? values : seen(2);
  const highs = form === "raw" ? values : seen(3);
  const least = lows.reduce((a, b) => Math.min(a, b), Infinity);
  const most = highs.reduce((a, b) => Math.max(a, b), -Infinity);
  part("minimum").textContent = format(lows.length ? least : null);
  part("maximum").textContent = format(highs.length ? most : null);
  part("average").textContent = format(values.length ? values.reduce((a, b) => a + b, 0) / values.length : null);
  part("samples").textContent = format(values.length);
}

function show(time, value, status) {
  const quality = severity(status);
  part("value").textContent = format(value);
  part("value").parentElement.classList.toggle("long", part("value").textContent.length > 16);
  part("when").textContent = clock(time);
  part("quality").hidden = quality === "good";
  part("quality").textContent = card.dataset[quality];
  part("quality").className = `badge ${quality}`;
}

/** What a chart can draw: numbers where the sample is not bad, gaps elsewhere. */
function drawable(value, status) {
  if (value === null || severity(status) === "bad") return null;
  return Number(value);
}

function append(time, value, status) {
  const moment = time / 1000;
  const last = columns[0].length - 1;
  if (last >= 0 && columns[0][last] >= moment) return;
  columns[0].push(moment);
  columns[1].push(drawable(value, status));
  columns[2].push(null);
  columns[3].push(null);
  if (columns[0].length > MOST_POINTS) columns = columns.map((column) => column.slice(-MOST_POINTS / 2));
}

function receive(blocks) {
  for (const { time, status, value } of blocks) {
    time.forEach((moment, index) => {
      if (isText) {
        if (events.length === 0 || events[events.length - 1][0] < moment) events.push([moment, value[index]]);
      } else if (form === "raw") append(moment, value[index], status[index]);
    });
    const newest = time.length - 1;
    show(time[newest], value[newest], status[newest]);
  }
  if (performance.now() - lastDraw > 200) draw();
}

async function load() {
  const end = Date.now();
  const answer = await fetch(`/api/history?tag=${tag}&from=${end - seconds * 1000}&to=${end}`);
  if (!answer.ok) {
    part("empty").hidden = false;
    const words = await answer.json().catch(() => ({ error: { message: `HTTP ${answer.status}` } }));
    part("empty").textContent = words.error.message;
    return;
  }
  const { form: found, time, value, status, minimum, maximum, before: earlier, gaps: missing } = await answer.json();
  form = found;
  before = earlier && !isText ? [earlier[0] / 1000, drawable(earlier[1], earlier[2])] : null;
  gaps = missing.map(([first, last]) => [first / 1000, last / 1000]);
  if (isText) events = [...(earlier ? [earlier] : []), ...time.map((moment, index) => [moment, value[index]])];
  const nothing = () => time.map(() => null);
  columns = broken([
    time.map((moment) => moment / 1000),
    value.map((one, index) => (isText ? null : drawable(one, status[index]))),
    minimum ?? nothing(),
    maximum ?? nothing(),
  ]);
  plot?.destroy();
  plot = null;
  draw();
}

for (const button of card.querySelectorAll("[data-seconds]")) {
  button.addEventListener("click", () => {
    card.querySelectorAll("[data-seconds]").forEach((other) => other.setAttribute("aria-pressed", other === button));
    seconds = Number(button.dataset.seconds);
    load();
  });
}
document.addEventListener("themechange", () => {
  plot?.destroy();
  plot = null;
  draw();
});
new ResizeObserver(() => plot?.setSize({ width: part("chart").clientWidth, height: 380 })).observe(part("chart"));
// Time moves on even when nothing comes; what was averaged is averaged again.
setInterval(() => (form === "raw" ? draw() : null), 1000);
setInterval(() => (form !== "raw" && !document.hidden ? load() : null), 15000);

await load();
follow([tag], { newest: false, badge: part("live"), receive });
