import { ask, chart, colour, follow, instant, label, node, number, word } from "/kit/kit.js";

const words = {
  title: { en: "Predictive maintenance", zh: "预测性维护" },
  machine: { en: "Machine", zh: "设备" },
  what: { en: "Unlike itself in", zh: "异常测量值" },
  since: { en: "Since", zh: "开始时间" },
  score: { en: "Usual deviations away", zh: "偏离（常规偏差）" },
  trend: { en: "More in an hour", zh: "每小时增加" },
  calm: { en: "as usual", zh: "正常" },
  last: { en: "as usual; last time", zh: "正常；上次异常" },
  unusual: { en: "machines unlike themselves", zh: "台设备异常" },
  watched: { en: "machines watched", zh: "台设备受监视" },
  point: { en: "Unusual", zh: "异常" },
};
const part = (id) => document.getElementById(id);
let picked = null;

function rows(machine) {
  const open = (property) => () => { picked = [machine.asset, property]; draw(); };
  if (machine.findings.length === 0) {
    const recent = machine.recent;
    const text = recent ? `${word(words.last)}: ${word(recent.name)}, ${instant(recent.at)}` : word(words.calm);
    return [node("tr", { class: `calm ${recent ? "pick" : ""}`, onclick: recent ? open(recent.property) : () => {} }, node("td", {}, machine.machine), node("td", { colspan: 4 }, text))];
  }
  return machine.findings.map((finding, place) => node("tr", { class: "pick", "data-finding": finding.property, onclick: open(finding.property) },
    node("td", {}, place === 0 ? machine.machine : ""), node("td", { class: "bad" }, word(finding.name)), node("td", {}, instant(finding.since)),
    node("td", { class: "number" }, number(finding.score)), node("td", { class: "number" }, number(finding.trend))));
}

async function draw() {
  if (picked === null) return;
  const data = await ask(`/api/chart?${new URLSearchParams({ asset: picked[0], property: picked[1] })}`);
  part("name").textContent = `${data.machine} · ${word(data.name)}${data.unit ? `, ${data.unit}` : ""}`;
  const unusual = new Set(data.unusual);
  chart(part("chart"), [data.time, data.value, data.value.map((value, row) => (unusual.has(row) ? value : null))], [
    { label: word(data.name), stroke: colour("blue") },
    { label: word(words.point), stroke: colour("bad"), width: 2.5, points: { show: true, size: 5, fill: colour("bad") } },
  ], { height: 300 });
}

label(words);
follow("/api/overview", 10, (data) => {
  const figure = (value, name, tone = "") => node("div", { class: "card figure" }, node("b", { class: tone }, value), node("span", {}, name));
  const unusual = data.machines.filter((machine) => machine.findings.length > 0).length;
  part("totals").replaceChildren(figure(number(unusual, 0), word(words.unusual), unusual ? "bad" : "good"), figure(number(data.machines.length, 0), word(words.watched)));
  part("machines").replaceChildren(...data.machines.flatMap(rows));
  const first = data.machines.find((machine) => machine.findings.length > 0 || machine.recent);
  if (picked === null && first) {
    picked = [first.asset, (first.findings[0] ?? first.recent).property];
    draw();
  }
});
