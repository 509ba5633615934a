// How far back a panel looks.
import { html } from "../../core/view.js";
import { duration, t } from "../../core/words.js";
import { SPANS } from "../../parts/range_picker.js";

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** What the contract allows for each kind of panel. */
const ALLOWED = { chart: [10e3, 400 * DAY], state: [MINUTE, 31 * DAY], oee: [HOUR, 400 * DAY] };

/** How a span is called. */
export function spanWords(span) {
  const known = SPANS.find(([, length]) => length === span);
  return known ? t(known[0]) : t("range.last", { span: duration(span) });
}

/** A choice of the spans that a kind of panel can have, that which it has among them. */
export function SpanChoice({ kind, span, choose, ...bound }) {
  const [least, most] = ALLOWED[kind];
  const lengths = new Set([...SPANS.map(([, length]) => length).filter((each) => each >= least && each <= most), span]);
  return html`<select class="input" name="span" ...${bound} onChange=${(event) => choose(Number(event.target.value))}>
    ${[...lengths].sort((a, b) => a - b).map((each) => html`<option value=${each} selected=${each === span}>${spanWords(each)}</option>`)}
  </select>`;
}
