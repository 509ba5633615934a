// What the pages of apps share: words in two languages, polling with errors shown, numbers, charts.
import UPlot from "/kit/vendor/uplot/uPlot.esm.js";

export const language = (localStorage.getItem("language") ?? navigator.language).startsWith("zh") ? "zh" : "en";

/** The word of a pair {en, zh}, or of a table of such pairs. */
export const word = (pair) => pair[language] || pair.en;

/** Makes an element: node("td", { class: "number" }, "12"). Text is never read as HTML. */
export function node(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Puts words into all elements that have data-word. */
export function label(words) {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(words[element.dataset.word]);
  document.title = word(words.title);
  const switcher = document.getElementById("language");
  switcher.textContent = language === "zh" ? "English" : "中文";
  switcher.onclick = () => {
    localStorage.setItem("language", language === "zh" ? "en" : "zh");
    location.reload();
  };
}

export const number = (value, digits = 1) =>
  value === null || value === undefined ? "–" : value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const share = (value) => (value === null || value === undefined ? "–" : `${number(100 * value)} %`);
export const instant = (us) => new Date(us / 1000).toLocaleString(language, { dateStyle: "short", timeStyle: "short" });

/** What a path answers; an error in words otherwise. */
export async function ask(path) {
  const response = await fetch(path);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error?.message ?? `${response.status} ${response.statusText}`);
  return body;
}

/** Asks again and again and draws what comes; what goes wrong is shown until it is right again. */
export function follow(path, seconds, draw) {
  const problem = document.getElementById("problem");
  let timer = 0;
  const once = async () => {
    clearTimeout(timer);
    try {
      draw(await ask(typeof path === "function" ? path() : path));
      problem.textContent = "";
    } catch (error) {
      problem.textContent = error.message;
    }
    timer = setTimeout(once, seconds * 1000);
  };
  once();
  return once;
}

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const hours = [
  [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, null, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, null, null, null, null, 1],
];
export const { bars, stepped } = UPlot.paths;

/**
 * Draws columns over time (seconds) or over numbers.
 * @param series [{ label, stroke, ... }] as uPlot takes them, one for each column after the first.
 * @param more Other options of uPlot.
 */
export function chart(element, columns, series, more = {}) {
  const axis = { stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const isTime = more.scales?.x?.time !== false;
  const shown = (_, value) => number(value, 2);
  const options = {
    width: Math.max(280, element.clientWidth),
    height: more.height ?? 260,
    axes: [{ ...axis, ...(isTime ? { values: hours, space: 90 } : {}) }, { ...axis, size: 62 }],
    legend: { live: true },
    ...more,
    series: [isTime ? { value: "{YYYY}-{MM}-{DD} {HH}:{mm}" } : {}, ...series.map((each) => ({ width: 1.6, points: { show: false }, value: shown, ...each }))],
  };
  element.replaceChildren();
  const plot = new UPlot(options, columns, element);
  const resize = new ResizeObserver(() => plot.setSize({ width: Math.max(280, element.clientWidth), height: options.height }));
  resize.observe(element);
  return plot;
}
