import { bars, chart, colour, follow, instant, label, node, number, share, word } from "/kit/kit.js";

const words = {
  title: { en: "Energy and carbon", zh: "能源与碳" },
  machine: { en: "Machine", zh: "设备" },
  site: { en: "Site", zh: "工厂" },
  energy: { en: "kWh, 7 days", zh: "7 天用电 kWh" },
  carbon: { en: "kg CO₂", zh: "kg CO₂" },
  cost: { en: "Cost", zh: "电费" },
  today: { en: "kWh, 24 h", zh: "24 小时 kWh" },
  piece: { en: "Wh per piece", zh: "单件 Wh" },
  idle: { en: "Used while nothing was made", zh: "未生产时用电" },
  used: { en: "Electricity of 7 days, kWh", zh: "7 天用电量，kWh" },
  emitted: { en: "Carbon of 7 days, kg CO₂", zh: "7 天碳排放，kg CO₂" },
  nothing: { en: "kWh in 24 h while nothing was made", zh: "24 小时未生产用电，kWh" },
  known: { en: "of the hours are known", zh: "的小时有数据" },
};
const units = {
  energy: { en: "kWh by hour", zh: "逐小时 kWh", scale: () => 1 },
  cost: { en: "Cost by hour", zh: "逐小时电费", scale: (data, hour) => data.price[hour] },
  carbon: { en: "kg CO₂ by hour", zh: "逐小时 kg CO₂", scale: (data) => data.factor },
};
const tones = ["accent", "blue", "warn", "bad", "idle"];
const part = (id) => document.getElementById(id);
let unit = "energy";
let shown = null;

function drawChart(data) {
  part("chart-title").textContent = word(units[unit]) + (unit === "cost" ? `, ${data.currency}` : "");
  const names = Object.keys(data.sites);
  // Stacked: each site's bar stands on those before it, the tallest is drawn first.
  const sums = names.map((_, place) =>
    data.hours.map((_, hour) => names.slice(0, place + 1).reduce((sum, name) => sum + data.sites[name][hour] * units[unit].scale(data, hour), 0)),
  );
  const paths = bars({ size: [0.8, 40] });
  const series = names.map((name, place) => ({ label: name, stroke: colour(tones[place % tones.length]), fill: colour(tones[place % tones.length]), width: 0, paths,
    value: (_, value, index, row) => number(row === null ? null : data.sites[name][row] * units[unit].scale(data, row), 1) }));
  chart(part("chart"), [data.hours, ...sums.toReversed()], series.toReversed(), { height: 300, scales: { y: { range: (_, low, high) => [0, high * 1.05] } } });
}

function row(machine) {
  const cell = (text) => node("td", { class: "number" }, text);
  return node("tr", { "data-machine": machine.id },
    node("td", {}, machine.name), node("td", { class: "dim" }, machine.site),
    cell(number(machine.energy, 0)), cell(number(machine.cost, 0)), cell(number(machine.carbon, 0)), cell(number(machine.today, 1)),
    cell(machine.perPiece === null ? "–" : number(1000 * machine.perPiece, 1)), cell(share(machine.idle)));
}

function draw(data) {
  shown = data;
  const figure = (value, name) => node("div", { class: "card figure" }, node("b", {}, value), node("span", {}, name));
  part("totals").replaceChildren(
    figure(number(data.totals.energy, 0), word(words.used)), figure(`${number(data.totals.cost, 0)} ${data.currency}`, word(words.cost)),
    figure(number(data.totals.carbon, 0), word(words.emitted)), figure(number(data.totals.idle, 1), word(words.nothing)));
  part("cost").textContent = `${word(words.cost)}, ${data.currency}`;
  part("when").textContent = data.hours.length ? `${instant(data.hours[0] * 1e6)} – ${instant((data.hours.at(-1) + 3600) * 1e6)} · ${share(data.totals.known)} ${word(words.known)}` : "";
  part("machines").replaceChildren(...data.machines.toSorted((a, b) => b.energy - a.energy).map(row));
  drawChart(data);
}

function choose() {
  part("units").replaceChildren(...Object.entries(units).map(([name, pair]) => node("button", { type: "button", "aria-pressed": String(name === unit), onclick: () => { unit = name; choose(); if (shown) drawChart(shown); } }, word(pair))));
}

label(words);
choose();
follow("/api/accounts", 15, draw);
