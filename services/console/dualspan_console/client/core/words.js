// The words of the person's language, and numbers, dates and sizes as that language writes them.
import { asDate, clocksIn } from "./clocks.js";

const tongue = document.documentElement.lang;

/** `en` or `zh`. */
export const language = tongue.startsWith("zh") ? "zh" : "en";

const { default: words } = await import(`../words/${language}.js`);

/**
 * A text by its key, with `{name}` replaced. Where `count` is 1 and there is a key with `_one`, that one.
 * @param {string} key such as "home.title"
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values) {
  const text = (values?.count === 1 && words[`${key}_one`]) || words[key];
  if (text === undefined) throw new Error(`There are no words for ${key}.`);
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : String(value);
  });
}

/** Facts as people call them: a role is told by its id. */
const called = (facts) =>
  facts?.role
    ? { ...facts, role: tOr(`role.${facts.role.replace(/^ROLE_/, "").toLowerCase()}`, facts.role) }
    : facts;

/**
 * What a service says: in the person's language where there are words for its code, else its own. A fact that those words
 * name and that is not known goes, with the brackets around it.
 * @param {string} key such as "reason.ETAG_MISMATCH"
 * @param {Record<string, string>} facts
 * @param {string} own
 */
export const saidBy = (key, facts, own) =>
  words[key] ? t(key, called(facts)).replace(/（[^（）]*\{\w+\}[^（）]*）|\{\w+\}/g, "") : own;

/** The words whose keys begin with something: what follows in the key, and the words. */
export const wordsUnder = (prefix) =>
  Object.entries(words).flatMap(([key, text]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), text]] : []));

/** The words of a key that is made of data; the fallback if there are no such words. */
export const tOr = (key, fallback) => words[key] ?? fallback;

/** Of a text in both languages, `{en, zh}`, the person's; the other one rather than nothing. */
export const local = (pair) => (language === "zh" ? pair?.zh || pair?.en : pair?.en || pair?.zh) ?? "";

const whole = new Intl.NumberFormat(tongue, { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat(tongue, { maximumSignificantDigits: 6 });
const percents = new Intl.NumberFormat(tongue, { style: "percent", maximumFractionDigits: 1 });

/** A number with at most six significant digits; `–` for none. */
export function number(value) {
  if (value === null || value === undefined || value === "" || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return whole.format(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e15)) return value.toExponential(3);
  return precise.format(value);
}

/** A share from 0 to 1 as percent. */
export const percent = (share) => (share === null || share === undefined ? "–" : percents.format(share));

/** A price: an amount in millionths of the currency's unit. */
export const money = (micros, currency) =>
  new Intl.NumberFormat(tongue, { style: "currency", currency }).format(Number(micros) / 1e6);

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** A size in bytes with its unit. */
export function bytes(size) {
  const step = Math.min(BYTES.length - 1, size > 0 ? Math.floor(Math.log2(size) / 10) : 0);
  return `${number(Number((size / 2 ** (10 * step)).toPrecision(3)))} ${BYTES[step]}`;
}

const ages = new Intl.RelativeTimeFormat(tongue, { numeric: "auto", style: "long" });

const zones = new Map();

/** The clocks of a time zone in the person's language; without one those of the person. */
export function clocksOf(zone) {
  if (!zones.has(zone)) zones.set(zone, clocksIn(tongue, zone || undefined));
  return zones.get(zone);
}

/** The person's own: date and time of day; date alone; time of day, with its date if that is not today. */
const { dateTime, day, clock } = clocksOf("");
export { clock, dateTime, day };

const UNITS = [
  ["year", 31557600],
  ["month", 2629800],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago or how far ahead: "3 minutes ago". */
export function ago(time, now = Date.now()) {
  const seconds = (asDate(time).getTime() - now) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return ages.format(Math.round(seconds / size), unit);
}

/** A length of time: "2 h 5 min", "350 ms". */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${number(Math.round(milliseconds))} ms`;
  const parts = [];
  let left = Math.round(milliseconds / 1000);
  for (const [unit, size] of [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ]) {
    const count = Math.floor(left / size);
    if (count > 0 && parts.length < 2) parts.push(`${number(count)} ${unit}`);
    left -= count * size;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 s";
}
