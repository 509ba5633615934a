// What to do about a failure: in the person's language where its kind is known, else as the gateway itself says it.
import { told } from "../../core/told.js";
import { html } from "../../core/view.js";
import { t, tOr } from "../../core/words.js";

const UNREACHABLE = /cannot be reached|does not answer/;
const TRUST = new Set([
  "BadSecurityChecksFailed",
  "BadCertificateUntrusted",
  "BadCertificateInvalid",
  "BadNoValidCertificates",
]);

/** The status code (Part 4, 7.38) that a gateway's words name; "" if they name none. */
const codeIn = (words) => /\bBad[A-Z]\w+/.exec(words)?.[0] ?? "";

/** Whether it is the server that does not trust the gateway. */
export const isAboutTrust = (words) => TRUST.has(codeIn(words));

/**
 * What to do, and below it the gateway's own words.
 * @param {{words: string, kind?: string}} props `kind`: what failed, where the words do not say more
 */
export function Advice({ words, kind = "" }) {
  const known = codeIn(words) || (UNREACHABLE.test(words) ? "UNREACHABLE" : "");
  const advice = tOr(`advice.${known}`, "") || tOr(`advice.${kind}`, "");
  if (!advice) return html`<p>${told(words)}</p>`;
  return html`<p>${advice}</p>
    ${words && html`<p class="small own-words">${t("advice.own_words", { words: told(words) })}</p>`}`;
}
