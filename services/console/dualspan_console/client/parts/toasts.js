// Short words at the edge: what was done, and a way to undo it.
import { html, signal } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "./icons.js";

const STAY_MS = 8000;
const toasts = signal([]);
let count = 0;

const drop = (id) => {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
};

/**
 * Says something.
 * @param {string} text
 * @param {{undo?: () => unknown, label?: string}} [options] `undo` takes back what was done
 */
export function toast(text, { undo, label } = {}) {
  count += 1;
  const id = count;
  toasts.value = [...toasts.value.slice(-2), { id, text, undo, label }];
  setTimeout(() => drop(id), STAY_MS);
}

/** Does something, and says so, or says what went wrong. */
export async function attempt(action, said, options) {
  try {
    const result = await action();
    if (said) toast(said, options);
    return result;
  } catch (problem) {
    toast(problem.message);
    return undefined;
  }
}

export function Toasts() {
  const act = ({ id, undo }) => {
    drop(id);
    attempt(undo, t("core.undone"));
  };
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      (each) =>
        html`<div class="toast" key=${each.id}>
          <span class="grow">${each.text}</span>
          ${each.undo && html`<button onClick=${() => act(each)}>${each.label ?? t("core.undo")}</button>`}
          <button aria-label=${t("core.close")} onClick=${() => drop(each.id)}><${Icon} name="close" /></button>
        </div>`,
    )}
  </div>`;
}
