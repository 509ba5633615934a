// Which span of time: the last minutes to years, or from one moment to another.
import { html, useState } from "../core/view.js";
import { clock, dateTime, duration, t } from "../core/words.js";
import { Field } from "./schema_form.js";
import { Icon } from "./icons.js";
import { Menu } from "./menu.js";

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** What one click chooses: the key of its words and its length. */
export const SPANS = [
  ["range.10s", 10e3],
  ["range.1m", MINUTE],
  ["range.10m", 10 * MINUTE],
  ["range.1h", HOUR],
  ["range.8h", 8 * HOUR],
  ["range.24h", DAY],
  ["range.7d", 7 * DAY],
  ["range.30d", 30 * DAY],
  ["range.1y", 365 * DAY],
];
/** What a chart can show at the least and at the most. */
export const SHORTEST_MS = 100;
export const LONGEST_MS = 20 * 366 * DAY;

/** For an input of date and time: local, without a zone. */
export function forInput(time) {
  const date = new Date(time - new Date(time).getTimezoneOffset() * MINUTE);
  return date.toISOString().slice(0, 23);
}

/** How a span is called on the button. */
function spanWords({ from, to, last }) {
  const known = SPANS.find(([, length]) => length === last);
  if (known) return t(known[0]);
  if (last) return t("range.last", { span: duration(last) });
  return `${to - from < DAY ? clock(from) : dateTime(from)} – ${to - from < DAY ? clock(to) : dateTime(to)}`;
}

/**
 * @param {{range: {from: number, to: number, last?: number}, choose: (range: {from?: number, to?: number, last?: number}) => void}} props
 *   times in milliseconds since 1970; `last` is a span that ends now
 */
export function RangePicker({ range, choose }) {
  return html`<${Menu}
    left
    label=${html`<${Icon} name="clock" /><span>${spanWords(range)}</span><${Icon} name="down" />`}
  >
    ${(close) =>
      html`${SPANS.map(
          ([words, last]) =>
            html`<button
              type="button"
              aria-pressed=${range.last === last}
              data-span=${last}
              onClick=${() => {
                choose({ last });
                close();
              }}
            >
              ${t(words)}
            </button>`,
        )}
        <${Between}
          range=${range}
          choose=${(next) => {
            choose(next);
            close();
          }}
        />`}<//
  >`;
}

function Between({ range, choose }) {
  const [from, setFrom] = useState(forInput(range.from));
  const [to, setTo] = useState(forInput(range.to));
  const [wrong, setWrong] = useState("");
  const take = (event) => {
    event.preventDefault();
    const [start, end] = [Date.parse(from), Date.parse(to)];
    if (!(end - start >= SHORTEST_MS)) return setWrong(t("range.empty"));
    if (end - start > LONGEST_MS) return setWrong(t("range.long"));
    return choose({ from: start, to: end });
  };
  const field = (label, value, set, fault) =>
    html`<${Field} label=${label} wrong=${fault}>
      ${(bound) => html`<input class="input" type="datetime-local" step="0.001" ...${bound} value=${value} onInput=${(event) => set(event.target.value)} />`}<//
    >`;
  return html`<form class="panel" onSubmit=${take}>
    ${field(t("range.from"), from, setFrom)}${field(t("range.to"), to, setTo, wrong)}
    <button class="button primary">${t("range.apply")}</button>
  </form>`;
}
