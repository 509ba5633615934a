// What services say in sentences of their own, without a code: found again by its English, and said in the person's
// language. Much of it was said long ago and is stored as it was, by gateways and workers of other releases, too.
import { wordsUnder } from "./words.js";

const PLACE = /\{(\w+)\}/;
/** What is in quotes is somebody's, whatever it looks like. */
const QUOTED = /(?<!\w)'[^']*'(?!\w)/g;
const HIDDEN = /\uE000(\d+)\uE001/g;
const SENTENCES = /(?<=[.!?]) (?=[A-Z\uE000])/;
/** Between what is said one after the other, in English and as Chinese writes it. */
const BY_TURNS = ["; ", "；"];
const AMONG_OTHERS = [", ", "，"];
const ABOUT = [": ", "："];
/** What a place takes where nothing else fits: anything; else what is no list and has no part of another sentence. */
const ANYTHING = "([^]*?)";
const ONE_FACT = "((?:(?![;,:] )[^])*?)";
/** No sentence has more commas or semicolons in its own words. */
const MOST_TOGETHER = 4;
const MOST_KEPT = 5000;

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function shapeOf([english, text]) {
  const parts = english.split(PLACE);
  const literals = parts.filter((_, place) => place % 2 === 0);
  const names = parts.filter((_, place) => place % 2 === 1);
  const pattern = (fact) => new RegExp(`^${literals.map(escaped).join(fact)}$`);
  return { text, names, strict: pattern(ONE_FACT), loose: pattern(ANYTHING), said: literals.join("").length };
}

/** Those that say the most go first: in the places of the others anything may be. */
const shapes = wordsUnder("told.")
  .map(shapeOf)
  .sort((a, b) => b.said - a.said);
const kept = new Map();

function shaped(text, kind) {
  for (const shape of shapes) {
    const found = shape[kind].exec(text);
    if (!found) continue;
    const facts = Object.fromEntries(shape.names.map((name, place) => [name, inWords(found[place + 1])]));
    return shape.text.replace(/\{(\w+)\}/g, (_, name) => facts[name]);
  }
  return undefined;
}

const isKnown = (text) => shaped(text, "strict") !== undefined;

/** Parts of a text, where those that are one sentence together are one part. */
function taken(parts, separator) {
  const found = [];
  for (let first = 0; first < parts.length; ) {
    let end = Math.min(parts.length, first + MOST_TOGETHER);
    while (end > first + 1 && !isKnown(parts.slice(first, end).join(separator))) end -= 1;
    found.push(parts.slice(first, end).join(separator));
    first = end;
  }
  return found;
}

/** What is said one after the other, each for itself; nothing if too little of it is known. */
function inTurn(text, separators, enough) {
  for (const [separator, ours] of separators) {
    const parts = taken(text.split(separator), separator);
    if (parts.length > 1 && enough(parts)) return parts.map((each) => inWords(each)).join(ours);
  }
  return undefined;
}

const parted = (text) =>
  shaped(text, "strict") ??
  inTurn(text, [BY_TURNS, AMONG_OTHERS], (parts) => parts.every(isKnown)) ??
  inTurn(text, [ABOUT, BY_TURNS], (parts) => parts.some(isKnown));

function inWords(text, otherwise = () => undefined) {
  const said = text.split(SENTENCES).map((each) => parted(each) ?? otherwise(each) ?? each);
  return said.reduce((before, next) => before + (/[。！？]$/.test(before) ? "" : " ") + next);
}

/**
 * A service's sentences in the person's language, as far as there are words for them.
 * @param {string} own what the service says, in English
 */
export function told(own) {
  if (!own || shapes.length === 0) return own;
  if (kept.size > MOST_KEPT) kept.clear();
  if (!kept.has(own)) {
    const quotes = [];
    const masked = own.replace(QUOTED, (quote) => `\uE000${quotes.push(quote) - 1}\uE001`);
    const said = inWords(masked, (each) => shaped(each, "loose"));
    kept.set(own, said.replace(HIDDEN, (_, place) => quotes[Number(place)]));
  }
  return kept.get(own);
}
