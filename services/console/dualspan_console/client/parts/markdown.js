// The part of Markdown that descriptions of apps are written in: headings, paragraphs, lists, emphasis, code. Never markup.
import { html } from "../core/view.js";

const INLINE = /\*\*([^*]+)\*\*|`([^`]+)`/g;

/** A line with what stands out in it. */
function inline(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(
      text.slice(at, found.index),
      found[1] ? html`<strong>${found[1]}</strong>` : html`<code>${found[2]}</code>`,
    );
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

/** @param {{text: string}} props */
export function Markdown({ text }) {
  const blocks = text
    .replace(/\r/g, "")
    .split(/\n{2,}/)
    .filter((block) => block.trim());
  return html`<div class="markdown stack tight">
    ${blocks.map((block) => {
      const lines = block.split("\n").map((line) => line.trim());
      if (lines.every((line) => /^[-*] /.test(line)))
        return html`<ul>
          ${lines.map((line) => html`<li>${inline(line.slice(2))}</li>`)}
        </ul>`;
      if (lines.every((line) => /^\d+\. /.test(line)))
        return html`<ol>
          ${lines.map((line) => html`<li>${inline(line.replace(/^\d+\. /, ""))}</li>`)}
        </ol>`;
      const heading = lines.length === 1 && /^#{1,4} (.*)/.exec(lines[0]);
      return heading ? html`<h3>${inline(heading[1])}</h3>` : html`<p>${inline(lines.join(" "))}</p>`;
    })}
  </div>`;
}
