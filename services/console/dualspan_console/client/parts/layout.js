// What pages have in common: head, crumbs, tabs, figures, badges.
import { moveFocus } from "../core/keys.js";
import { html, useEffect } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "./icons.js";

/** The head of a page; its title is the document's, too. */
export function PageHead({ title, says, actions, crumbs }) {
  useEffect(() => {
    document.title = `${title} · DualSpan`;
  }, [title]);
  return html`${crumbs && html`<${Crumbs} of=${crumbs} />`}
    <header class="page-head">
      <div class="grow">
        <h1>${title}</h1>
        ${says && html`<p class="says">${says}</p>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>`;
}

/** Where a page is: `[[words, address], …, [words]]`. */
export function Crumbs({ of }) {
  return html`<nav class="crumbs" aria-label=${t("core.where")}>
    <ol>
      ${of.map(([words, address]) => html`<li>${address ? html`<a href=${address}>${words}</a>`
        : html`<span aria-current="page">${words}</span>`}</li>`)}
    </ol>
  </nav>`;
}

/**
 * Tabs within a page.
 * @param {{of: [string, string][], chosen: string, choose: (id: string) => void, label: string}} props `of`: id and words
 */
export function Tabs({ of, chosen, choose, label }) {
  return html`<div
    class="tabs"
    role="tablist"
    aria-label=${label}
    onKeyDown=${(event) => moveFocus(event, "[role=tab]", { vertical: false })}
  >
    ${of.map(
      ([id, words]) =>
        html`<button
          type="button"
          role="tab"
          aria-selected=${id === chosen}
          tabindex=${id === chosen ? 0 : -1}
          onClick=${() => choose(id)}
          onFocus=${() => id !== chosen && choose(id)}
        >
          ${words}
        </button>`,
    )}
  </div>`;
}

/** One of a few: a row of buttons. */
export function Segments({ of, chosen, choose, label }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${of.map(([id, words]) => html`<button type="button" data-choice=${id} aria-pressed=${id === chosen}
      onClick=${() => choose(id)}>${words}</button>`)}
  </div>`;
}

export const Badge = ({ tone = "", plain, title, children }) =>
  html`<span class="badge ${tone} ${plain ? "plain" : ""}" title=${title}>${children}</span>`;

/** A number that a page wants to be seen first. */
export const Figure = ({ label, under, children }) =>
  html`<div class="card figure">
    <span class="label">${label}</span><strong>${children}</strong><span class="under">${under}</span>
  </div>`;

/** A field to search in. */
export function Search({ value, search, label, placeholder }) {
  return html`<div class="search" role="search">
    <${Icon} name="search" />
    <input
      class="input"
      type="search"
      aria-label=${label}
      placeholder=${placeholder ?? label}
      value=${value}
      onInput=${(event) => search(event.target.value)}
    />
  </div>`;
}

/** Draws the eye nowhere: words for those who hear the page only. */
export const Unseen = ({ children }) => html`<span class="unseen">${children}</span>`;
