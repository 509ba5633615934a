// The first of many machines, and a button for more of them.
import { html, useState } from "../../../core/view.js";
import { t } from "../../../core/words.js";

const AT_ONCE = 50;

/**
 * @template T
 * @param {T[]} machines
 * @returns {{some: T[], more: any}} those that are shown, and the button below them if there are more
 */
export function useSome(machines) {
  const [shown, setShown] = useState(AT_ONCE);
  const more =
    machines.length > shown &&
    html`<button type="button" class="button" onClick=${() => setShown(shown + AT_ONCE)}>
      ${t("connect.more_machines", { count: machines.length - shown })}
    </button>`;
  return { some: machines.slice(0, shown), more };
}
