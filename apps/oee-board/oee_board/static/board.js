import { colour, follow, instant, label, language, node, number, share, word } from "/kit/kit.js";

const words = {
  title: { en: "OEE board", zh: "OEE 看板" },
  machine: { en: "Machine", zh: "设备" },
  state: { en: "State", zh: "状态" },
  availability: { en: "Availability", zh: "可用率" },
  effectiveness: { en: "Effectiveness", zh: "有效率" },
  quality: { en: "Quality", zh: "质量率" },
  good: { en: "Good", zh: "合格品" },
  scrap: { en: "Scrap", zh: "废品" },
  time: { en: "Time", zh: "时间" },
  losses: { en: "What cost most time", zh: "停机损失排行" },
  down: { en: "Lost hours", zh: "损失工时" },
  all: { en: "All sites", zh: "全部工厂" },
  none: { en: "Nothing stood still.", zh: "没有停机。" },
  unsaid: { en: "no reason given", zh: "未给出原因" },
};
const spans = { shift: { en: "This shift", zh: "本班" }, previous: { en: "Last shift", zh: "上一班" }, day: { en: "24 hours", zh: "24 小时" } };
// In the order of the elements of time that the app answers with.
const elements = [
  { en: "No data", zh: "无数据", colour: "soft" },
  { en: "Production", zh: "生产", colour: "good" },
  { en: "Setup", zh: "换型", colour: "blue" },
  { en: "Waiting", zh: "等待", colour: "warn" },
  { en: "Down", zh: "故障停机", colour: "bad" },
  { en: "Planned", zh: "计划停机", colour: "idle" },
];
const part = (id) => document.getElementById(id);
let span = "shift";
let site = "";

function strip(machine, start, end) {
  const canvas = node("canvas", { class: "strip", width: 900, height: 18, role: "img", "aria-label": machine.name });
  const context = canvas.getContext("2d");
  const [starts, kinds] = machine.strip;
  const at = (time) => ((time - start) / (end - start)) * canvas.width;
  starts.forEach((from, place) => {
    const left = at(from);
    context.fillStyle = colour(elements[kinds[place]].colour);
    context.fillRect(left, 0, Math.max(1, at(starts[place + 1] ?? end) - left), canvas.height);
  });
  return canvas;
}

const tone = (value) => (value === null ? "" : value >= 0.85 ? "good" : value >= 0.6 ? "warn" : "bad");

function row(machine, data) {
  const cell = (text, kind = "") => node("td", { class: `number ${kind}` }, text);
  return node(
    "tr",
    { "data-machine": machine.id },
    node("td", {}, machine.name, node("div", { class: "dim" }, machine.id)),
    node("td", {}, node("span", { class: "pill" }, machine.state ? word(machine.state) : "–")),
    cell(share(machine.oee), `oee ${tone(machine.oee)}`),
    cell(share(machine.availability)),
    cell(share(machine.effectiveness)),
    cell(share(machine.quality)),
    cell(number(machine.good, 0)),
    cell(number(machine.scrap, 0)),
    node("td", { class: "strip-cell" }, strip(machine, data.start, data.end)),
  );
}

function machines(data) {
  const rows = [];
  let last = "";
  for (const machine of [...data.machines].sort((a, b) => a.site.localeCompare(b.site) || a.id.localeCompare(b.id))) {
    if (site && machine.site !== site) continue;
    if (machine.site !== last) rows.push(node("tr", { class: "site" }, node("td", { colspan: 9 }, machine.site)));
    last = machine.site;
    rows.push(row(machine, data));
  }
  part("machines").replaceChildren(...rows);
}

function stops(data) {
  const most = data.stops[0]?.seconds ?? 1;
  const rows = data.stops.map((stop) =>
    node(
      "tr",
      {},
      node("td", {}, stop.reason || word(words.unsaid)),
      node("td", {}, node("div", { class: "bar" }, node("i", { style: `width:${(100 * stop.seconds) / most}%` }))),
      node("td", { class: "number" }, `${number(stop.seconds / 3600, 2)} h`),
      node("td", { class: "number dim" }, `${stop.count} ×`),
    ),
  );
  part("stops").replaceChildren(...(rows.length ? rows : [node("tr", {}, node("td", {}, word(words.none)))]));
}

function draw(data) {
  const totals = data.sites[site] ?? data.totals;
  part("when").textContent = `${instant(data.start)} – ${instant(data.end)}`;
  const figure = (name, text) => node("div", { class: "card figure" }, node("b", { class: name === "OEE" ? tone(totals.oee) : "" }, text), node("span", {}, name));
  const ratios = ["availability", "effectiveness", "quality"].map((name) => figure(word(words[name]), share(totals[name])));
  part("totals").replaceChildren(figure("OEE", share(totals.oee)), ...ratios, figure(word(words.down), number(totals.down / 3600)));
  const names = [...new Set(data.machines.map((machine) => machine.site))].sort();
  part("sites").replaceChildren(...(names.length > 1 ? ["", ...names] : []).map((name) => choice(name || word(words.all), site === name, () => { site = name; draw(data); })));
  machines(data);
  stops(data);
}

const choice = (text, pressed, onclick) => node("button", { type: "button", "aria-pressed": String(pressed), onclick }, text);

function chooseSpan() {
  const pick = (name) => () => {
    span = name;
    chooseSpan();
    again();
  };
  part("spans").replaceChildren(...Object.entries(spans).map(([name, pair]) => choice(word(pair), span === name, pick(name))));
}

label(words);
document.documentElement.dataset.language = language;
part("legend").replaceChildren(...elements.map((each) => node("span", {}, node("i", { style: `background:var(--${each.colour})` }), word(each))));
const again = follow(() => `/api/board?span=${span}`, 5, draw);
chooseSpan();
