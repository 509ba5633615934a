// Time elements as areas: each has a colour and a pattern, so that nobody needs to tell colours apart.
import { ELEMENTS, elementWords, share } from "../core/production.js";
import { html } from "../core/view.js";

const LINES = {
  PRODUCTION: "",
  SETUP: "M-2 10L10 -2M4 16L16 4M-8 4L4 -8",
  DELAY: "M3 3h2v2h-2zM9 9h2v2h-2z",
  DOWN: "M-2 10L10 -2M4 16L16 4M-2 2L10 14M4 -4L16 8",
  PLANNED_DOWN: "M2 0v12M8 0v12",
  UNSPECIFIED: "M0 6h3M6 6h3",
};
/** The same for other things that lie side by side: rates of a tariff, parts of the planned time. */
const OTHERS = {
  "band-0": "",
  "band-1": "M2 0v12M8 0v12",
  "band-2": "M3 3h2v2h-2zM9 9h2v2h-2z",
  "band-3": "M0 3h12M0 9h12",
};

/** Has to be on a page once before areas are drawn with `area-{element}`. */
export const Patterns = () =>
  html`<svg class="patterns" width="0" height="0" aria-hidden="true">
    <defs>
      ${ELEMENTS.map(
        (id) =>
          html`<pattern id="pattern-${id}" width="12" height="12" patternUnits="userSpaceOnUse">
            <rect class="ground-${id}" width="12" height="12" />
            ${LINES[id] && html`<path class="lines-${id}" d=${LINES[id]} fill=${id === "DELAY" ? "currentColor" : "none"} />`}
          </pattern>`,
      )}
      ${Object.entries(OTHERS).map(
        ([id, lines]) =>
          html`<pattern id="pattern-${id}" width="12" height="12" patternUnits="userSpaceOnUse">
            <rect class="ground-${id}" width="12" height="12" />${lines && html`<path class="lines-band" d=${lines} />`}
          </pattern>`,
      )}
    </defs>
  </svg>`;

export const Swatch = ({ element }) =>
  html`<svg class="element-swatch" width="18" height="14" aria-hidden="true">
    <rect class="area-${element}" width="18" height="14" rx="3" />
  </svg>`;

/** What the patterns mean, with the share of each where it is known. */
export const ElementLegend = ({ shares }) =>
  html`<ul class="element-legend">
    ${ELEMENTS.filter((id) => !shares || shares[id] > 0).map(
      (id) =>
        html`<li key=${id}>
          <${Swatch} element=${id} /><span>${elementWords(id)}</span
          >${shares && html`<span class="dim">${share(shares[id])}</span>`}
        </li>`,
    )}
  </ul>`;
