// Dialogs: the browser's own element keeps the focus inside and closes by Escape.
import { html, useEffect, useId, useRef } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "./icons.js";

/**
 * A dialog that is open while it is there.
 * @param {{title: string, close: () => void, wide?: boolean, actions?: any, children: any}} props
 */
export function Dialog({ title, close, wide, actions, children }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.focus?.();
  }, []);
  const onCancel = (event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${element} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${onCancel}>
    <header>
      <h2 id=${id}>${title}</h2>
      <button class="button quiet icon" type="button" aria-label=${t("core.close")} onClick=${close}>
        <${Icon} name="close" />
      </button>
    </header>
    <div class="body">${children}</div>
    ${actions && html`<footer>${actions}</footer>`}
  </dialog>`;
}
