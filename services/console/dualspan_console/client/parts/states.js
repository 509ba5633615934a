// What stands in a place while there is nothing, not yet, or not any more something to see.
import { Problem } from "../core/api.js";
import { Component, html, useEffect, useState } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "./icons.js";

/** Nothing there yet: says what would be, and how it gets there. */
export function Empty({ icon = "info", title, children, action }) {
  return html`<div class="empty">
    <${Icon} name=${icon} />
    <h2>${title}</h2>
    <div class="stack tight">${children}</div>
    ${action}
  </div>`;
}

/** A remark: `tone` is "info", "good", "warn" or "bad". */
export function Note({ tone = "info", children, role }) {
  const icon = { info: "info", good: "check", warn: "warning", bad: "warning" }[tone];
  return html`<div class="note ${tone}" role=${role}>
    <${Icon} name=${icon} />
    <div class="grow">${children}</div>
  </div>`;
}

/**
 * Waiting: nothing for a moment, then the shape of what comes, after a second also words of what is done.
 * @param {{told?: string, done?: number, lines?: number}} props `done` from 0 to 1 if it is known
 */
export function Waiting({ told, done, lines = 3 }) {
  const [stage, setStage] = useState(0);
  useEffect(() => {
    const timers = [setTimeout(() => setStage(1), 180), setTimeout(() => setStage(2), 1000)];
    return () => timers.forEach(clearTimeout);
  }, []);
  if (stage === 0) return html`<div class="waiting" aria-busy="true"></div>`;
  return html`<div class="waiting" aria-busy="true" role="status">
    ${Array.from({ length: lines }, () => html`<div class="bone"></div>`)}
    ${stage === 2 && html`<p class="dim small">${told || t("core.asking")}</p>`}
    ${stage === 2 && done !== undefined && html`<progress max="1" value=${done} aria-label=${told || t("core.asking")} />`}
  </div>`;
}

/** A service's own words below those of the person's language, which say less of the case. */
export const Own = ({ words, beside }) =>
  words && words !== beside && html`<p class="small own-words wrap-any" lang="en">${t("core.own_words", { words })}</p>`;

/** What went wrong, and a way on. */
export function Failure({ problem, again }) {
  const { id, own, message } = problem instanceof Problem ? problem : { id: "", own: "", message: t("core.broken") };
  return html`<${Note} tone="bad" role="alert">
    <p>${message}</p>
    <${Own} words=${own} beside=${message} />
    ${id && html`<p class="dim small">${t("core.request", { id })}</p>`}
    ${again && html`<p><button class="button" onClick=${again}>${t("core.try_again")}</button></p>`}
  <//>`;
}

function Outdated({ problem, again }) {
  return html`<${Note} tone="warn" role="status">
    <p>${t("core.outdated", { why: problem instanceof Problem ? problem.message : t("core.broken") })}</p>
    <p><button class="button" onClick=${again}>${t("core.try_again")}</button></p>
  <//>`;
}

/**
 * The view of what was asked with `useLoad`: keeps what is there while it is asked again, and when that fails.
 * @param {{of: ReturnType<typeof import("../core/load.js").useLoad>, children: (data: any) => any, lines?: number}} props
 */
export function Loaded({ of, children, lines }) {
  if (of.problem && !of.fits) return html`<${Failure} problem=${of.problem} again=${of.again} />`;
  if (of.data === undefined) return html`<${Waiting} told=${of.told} lines=${lines} />`;
  // The same place with and without the note: what somebody types below it stays.
  return [of.problem && html`<${Outdated} problem=${of.problem} again=${of.again} />`, children(of.data)];
}

/** Keeps a part that breaks from taking the rest with it. */
export class Boundary extends Component {
  state = { problem: null };

  static getDerivedStateFromError(problem) {
    return { problem };
  }

  componentDidCatch(problem) {
    console.error(problem);
  }

  render() {
    if (!this.state.problem) return this.props.children;
    return html`<${Failure} problem=${this.state.problem} again=${() => this.setState({ problem: null })} />`;
  }
}
