import { ask, chart, colour, follow, label, node, number, share, word } from "/kit/kit.js";

const words = {
  title: { en: "SPC studio", zh: "SPC 工作室" },
  machine: { en: "Machine", zh: "设备" },
  property: { en: "Property", zh: "属性" },
  centre: { en: "Mean", zh: "均值" },
  sigma: { en: "Sigma", zh: "标准差" },
  points: { en: "Points", zh: "点数" },
  broken: { en: "Points that break a rule", zh: "违反规则的点" },
  low: { en: "Lower limit", zh: "规格下限" },
  high: { en: "Upper limit", zh: "规格上限" },
  charts: { en: "charts", zh: "张控制图" },
  filter: { en: "Machine or property", zh: "设备或属性" },
  few: { en: "Too few points for limits.", zh: "点数不足，无法确定控制限。" },
  base: { en: "Limits are made of what is left of the dashed line.", zh: "控制限由虚线左侧的数据确定。" },
};
const rules = {
  "beyond 3 sigma": { en: "beyond 3 sigma", zh: "超出 3σ" },
  "9 on one side": { en: "9 on one side", zh: "连续 9 点同侧" },
  "6 rising or falling": { en: "6 rising or falling", zh: "连续 6 点升或降" },
  "2 of 3 beyond 2 sigma": { en: "2 of 3 beyond 2 sigma", zh: "3 点中 2 点超出 2σ" },
  "4 of 5 beyond 1 sigma": { en: "4 of 5 beyond 1 sigma", zh: "5 点中 4 点超出 1σ" },
};
const part = (id) => document.getElementById(id);
let shown = null;
let picked = null;

function digits(row) {
  return Math.max(0, Math.min(4, 1 - Math.floor(Math.log10(row.sigma || 1))));
}

function table() {
  const wanted = part("filter").value.toLowerCase();
  const rows = shown.charts.filter((row) => `${row.machine} ${row.asset} ${row.name.en} ${row.name.zh}`.toLowerCase().includes(wanted));
  part("charts").replaceChildren(...rows.map((row) => node("tr", { class: `pick ${picked === `${row.asset}/${row.property}` ? "picked" : ""}`, onclick: () => pick(row) },
    node("td", {}, row.machine), node("td", {}, word(row.name)), node("td", { class: "number" }, `${number(row.centre, digits(row))} ${row.unit}`),
    node("td", { class: "number" }, number(row.sigma, digits(row) + 1)), node("td", { class: "number" }, number(row.points, 0)),
    node("td", { class: `number ${row.broken > 0.2 ? "bad" : row.broken > 0.05 ? "warn" : ""}` }, share(row.broken)))));
}

function pick(row) {
  picked = `${row.asset}/${row.property}`;
  part("low").value = part("high").value = "";
  table();
  load(row);
}

async function load(row) {
  const query = new URLSearchParams({ asset: row.asset, property: row.property, low: part("low").value, high: part("high").value });
  try {
    draw(await ask(`/api/chart?${query}`));
    part("problem").textContent = "";
  } catch (error) {
    part("problem").textContent = error.message;
  }
}

function draw(data) {
  part("name").textContent = `${data.machine} · ${word(data.name)}${data.unit ? `, ${data.unit}` : ""}`;
  if (data.limits === null) {
    part("chart").textContent = word(words.few);
    return;
  }
  const flagged = new Set(data.broken.flat());
  const level = (value) => data.time.map(() => value);
  const out = data.value.map((value, row) => (flagged.has(row) ? value : null));
  const line = { width: 1, dash: [6, 4] };
  const beside = (plot) => {
    const left = plot.valToPos(data.time[Math.min(data.baseline, data.time.length - 1)], "x", true);
    plot.ctx.save();
    plot.ctx.strokeStyle = colour("dim");
    plot.ctx.setLineDash([3, 4]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(left, plot.bbox.top);
    plot.ctx.lineTo(left, plot.bbox.top + plot.bbox.height);
    plot.ctx.stroke();
    plot.ctx.restore();
  };
  chart(part("chart"), [data.time, data.value, out, level(data.limits.centre), level(data.limits.upper), level(data.limits.lower)], [
    { label: word(data.name), stroke: colour("blue"), width: 1.2 },
    { label: word(words.broken), stroke: colour("bad"), width: 0, points: { show: true, size: 6, fill: colour("bad") } },
    { label: word(words.centre), stroke: colour("good"), width: 1 },
    { label: "UCL", stroke: colour("warn"), ...line },
    { label: "LCL", stroke: colour("warn"), ...line },
  ], { height: 320, hooks: { draw: [beside] } });
  const figure = (value, name) => node("div", { class: "figure" }, node("b", {}, value), node("span", {}, name));
  const places = digits(data.limits);
  const known = data.value.filter((value) => value !== null).length;
  part("figures").replaceChildren(figure(number(data.limits.centre, places), word(words.centre)), figure(number(data.limits.sigma, places + 1), word(words.sigma)),
    figure(`${flagged.size} / ${known}`, word(words.broken)), ...["cp", "cpk", "ppk"].map((name) => figure(number(data.capability[name], 2), name.replace("c", "C").replace("pp", "Pp"))));
  part("rules").textContent = `${data.rules.map((rule, place) => `${word(rules[rule])}: ${data.broken[place].length}`).join(" · ")}. ${word(words.base)}`;
}

label(words);
part("filter").placeholder = word(words.filter);
part("filter").addEventListener("input", table);
for (const id of ["low", "high"]) part(id).addEventListener("change", () => { const [asset, property] = picked.split("/"); load({ asset, property }); });
follow("/api/overview", 30, (data) => {
  shown = data;
  part("when").textContent = `${data.charts.length} ${word(words.charts)}`;
  if (picked === null && data.charts.length) pick(data.charts[0]);
  else table();
});
