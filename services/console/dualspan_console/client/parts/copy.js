// Something to take along: a text with a button that copies it.
import { html, useEffect, useRef, useState } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "./icons.js";

const SAID_MS = 2500;

/** Plants' networks seldom have HTTPS, and browsers let pages reach the clipboard over HTTPS only: then by hand. */
async function copy(text, element) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed: as below.
    }
  }
  const range = document.createRange();
  range.selectNodeContents(element);
  const chosen = getSelection();
  chosen.removeAllRanges();
  chosen.addRange(range);
  return document.execCommand("copy");
}

/** @param {{text: string, label: string}} props `label`: what is copied, for those who hear the page */
export function Copy({ text, label }) {
  const [said, setSaid] = useState("");
  const code = useRef(null);
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const act = async () => setSaid(t((await copy(text, code.current)) ? "core.copied" : "core.copy_by_hand"));
  return html`<div class="copy">
    <code ref=${code} tabindex="0" role="region" aria-label=${label}>${text}</code>
    <button type="button" class="button" aria-label=${`${said || t("core.copy")}: ${label}`} onClick=${act}>
      <${Icon} name=${said ? "check" : "copy"} />${said || t("core.copy")}
    </button>
    <span class="unseen" role="status">${said}</span>
  </div>`;
}
