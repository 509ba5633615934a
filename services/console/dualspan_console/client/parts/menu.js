// A button that opens a few choices, or a small panel.
import { moveFocus } from "../core/keys.js";
import { html, useEffect, useRef, useState } from "../core/view.js";

/**
 * @param {{label: any, name?: string, class?: string, left?: boolean, children: any}} props `name` for buttons without words;
 *   a child that is a function gets what closes the menu
 */
export function Menu({ label, name, class: style = "button", left, children }) {
  const [open, setOpen] = useState(false);
  const element = useRef(null);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => {
      if (!element.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    element.current.querySelector(".items :is(button, a, input, select)")?.focus();
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const onKey = (event) => {
    if (event.key !== "Escape") return;
    setOpen(false);
    element.current.querySelector("button").focus();
  };
  const close = () => setOpen(false);
  const inner = typeof children === "function" ? children(close) : children;
  const onItem = (event) => {
    if (typeof children !== "function" && event.target.closest("button, a")) close();
  };
  return html`<div class="menu ${left ? "left" : ""}" ref=${element} onKeyDown=${onKey}>
    <button
      type="button"
      class=${style}
      aria-expanded=${open}
      aria-label=${name}
      title=${name}
      onClick=${() => setOpen(!open)}
    >
      ${label}
    </button>
    ${open && html`<div class="items" onKeyDown=${(event) => moveFocus(event, ":scope > button, :scope > a")} onClick=${onItem}>${inner}</div>`}
  </div>`;
}
