// Short words at the edge: what was done, and a way to undo it.
import { html, signal } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "./icons.js";

const STAY_MS = 8000;
const toasts = signal([]);
const timers = new Map();
let count = 0;
let isHeld = false;

const drop = (id) => {
  clearTimeout(timers.get(id));
  timers.delete(id);
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
};

function wait(id) {
  clearTimeout(timers.get(id));
  if (!isHeld) timers.set(id, setTimeout(() => drop(id), STAY_MS));
}

/** While somebody points at them, or has the focus in them, they stay. */
function hold(now) {
  isHeld = now;
  if (now) timers.forEach((timer) => clearTimeout(timer));
  else for (const { id } of toasts.value) wait(id);
}

/**
 * Says something.
 * @param {string} text
 * @param {{undo?: () => unknown, label?: string}} [options] `undo` takes back what was done
 */
export function toast(text, { undo, label } = {}) {
  count += 1;
  const id = count;
  toasts.value = [...toasts.value.slice(-2), { id, text, undo, label }];
  wait(id);
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
  const close = (id) => {
    drop(id);
    // What goes from under the pointer, or with the focus, does not say that it is left.
    hold(false);
  };
  const act = ({ id, undo }) => {
    close(id);
    attempt(undo, t("core.undone"));
  };
  return html`<div class="toasts" role="status" aria-live="polite"
    onmouseenter=${() => hold(true)} onmouseleave=${() => hold(false)} onfocusin=${() => hold(true)} onfocusout=${() => hold(false)}>
    ${toasts.value.map(
      (each) =>
        html`<div class="toast" key=${each.id}>
          <span class="grow">${each.text}</span>
          ${each.undo && html`<button onClick=${() => act(each)}>${each.label ?? t("core.undo")}</button>`}
          <button aria-label=${t("core.close")} onClick=${() => close(each.id)}><${Icon} name="close" /></button>
        </div>`,
    )}
  </div>`;
}
