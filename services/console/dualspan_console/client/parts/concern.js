// What a gateway asks a person to look at.
import { html } from "../core/view.js";
import { saidBy } from "../core/words.js";

/** @param {{of: {kind: string, text: string, details: Record<string, string>}}} props */
export const Concern = ({ of: { kind, text, details } }) =>
  html`<span title=${text}>${saidBy(`concern.${kind}`, details, text)}</span>`;
