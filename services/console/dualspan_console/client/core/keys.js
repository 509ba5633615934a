// Keys that hold everywhere, and what must not catch them.
const bindings = new Map();

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]") !== null;

/**
 * Binds a key while something is there.
 * @param {string} key such as "ctrl+k" or "/"
 * @param {() => void} action
 * @returns {() => void} unbinds it
 */
export function bindKey(key, action) {
  bindings.set(key, action);
  return () => {
    if (bindings.get(key) === action) bindings.delete(key);
  };
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey ? "ctrl+" : "";
    if (event.altKey || (!held && isTyping(event.target))) return;
    const action = bindings.get(held + event.key.toLowerCase());
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** Moves the focus among like things by arrow keys: for lists, tabs, trees. */
export function moveFocus(event, selector, { vertical = true } = {}) {
  const [back, forth] = vertical ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  const items = [...event.currentTarget.querySelectorAll(selector)];
  const at = items.indexOf(document.activeElement);
  const next = { [back]: at - 1, [forth]: at + 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined || items.length === 0) return;
  event.preventDefault();
  items[Math.max(0, Math.min(items.length - 1, next))].focus();
}
