// A tree of many thousands: only what is in sight exists; walked by the keys that ARIA's tree pattern names.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "./icons.js";

const SPARE_ROWS = 8;

/** Whether all words are somewhere in a text, whatever their case. */
export const fits = (text, words) => words.every((word) => text.includes(word));
export const searchWords = (search) => search.toLowerCase().split(/\s+/).filter(Boolean);

/**
 * The nodes in sight, in order: children of what is open, or all that fits a search with what is above it.
 * @param {TreeNode[]} roots @param {Set<string>} open @param {string[]} words
 * @typedef {{id: string, text: string, icon?: string, children?: TreeNode[], detail?: string, search?: string,
 *   aside?: string, canPick?: boolean}} TreeNode `canPick`: has a tick of its own, branch or not
 */
export function visible(roots, open, words) {
  const rows = [];
  const walk = (nodes, depth) => {
    let found = false;
    for (const node of nodes) {
      const place = rows.length;
      const children = node.children ?? [];
      const mine = words.length === 0 || fits((node.search ?? node.text).toLowerCase(), words);
      rows.push({ node, depth, open: false });
      const below = words.length > 0 || open.has(node.id) ? walk(children, depth + 1) : false;
      rows[place].open = rows.length > place + 1;
      if (mine || below) found = true;
      else rows.length = place;
    }
    return found;
  };
  walk(roots, 0);
  return rows;
}

/**
 * @param {object} props
 * @param {TreeNode[]} props.roots
 * @param {Set<string>} props.open ids of open nodes
 * @param {(open: Set<string>) => void} props.setOpen
 * @param {(node: TreeNode) => void} props.pick
 * @param {Set<string>} props.picked ids
 * @param {string} props.label
 * @param {string} [props.search] of what is shown only what has these words
 * @param {string} [props.marks] words to mark where `search` is not for the tree to do
 * @param {number} [props.height] of a row, in pixels
 */
export function Tree({ roots, open, setOpen, pick, picked, label, search = "", marks = "", height = 36 }) {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [shown, setShown] = useState(40);
  const [at, setAt] = useState(null);
  const wantsFocus = useRef(false);
  const words = useMemo(() => searchWords(search), [search]);
  const marked = useMemo(() => (marks ? searchWords(marks) : words), [marks, words]);
  const rows = useMemo(() => visible(roots, open, words), [roots, open, words]);
  const current = Math.max(
    0,
    rows.findIndex(({ node }) => node.id === at),
  );
  useLayoutEffect(() => {
    const look = () => setShown(Math.ceil(box.current.clientHeight / height));
    const watch = new ResizeObserver(look);
    watch.observe(box.current);
    look();
    return () => watch.disconnect();
  }, [height]);
  useEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    box.current.querySelector("[tabindex='0']")?.focus();
  }, [at, rows]);
  const toggle = (id, want) => {
    const next = new Set(open);
    if (want) next.add(id);
    else next.delete(id);
    setOpen(next);
  };
  const move = (index) => {
    const place = Math.max(0, Math.min(rows.length - 1, index));
    const { scrollTop, clientHeight } = box.current;
    if (place * height < scrollTop) box.current.scrollTop = place * height;
    if ((place + 1) * height > scrollTop + clientHeight) box.current.scrollTop = (place + 1) * height - clientHeight;
    wantsFocus.current = true;
    setAt(rows[place].node.id);
  };
  const parentOf = (index) => {
    for (let above = index - 1; above >= 0; above -= 1) if (rows[above].depth < rows[index].depth) return above;
    return index;
  };
  const onKey = (event) => {
    if (rows.length === 0) return;
    const row = rows[current];
    const hasChildren = (row.node.children ?? []).length > 0;
    const actions = {
      ArrowDown: () => move(current + 1),
      ArrowUp: () => move(current - 1),
      Home: () => move(0),
      End: () => move(rows.length - 1),
      ArrowRight: () => (hasChildren && !row.open ? toggle(row.node.id, true) : move(current + 1)),
      ArrowLeft: () => (row.open && hasChildren ? toggle(row.node.id, false) : move(parentOf(current))),
      Enter: () => choose(row),
      " ": () => (row.node.canPick ? pick(row.node) : choose(row)),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  };
  const choose = (row, isTick) => {
    setAt(row.node.id);
    if (isTick) pick(row.node);
    else if ((row.node.children ?? []).length > 0) toggle(row.node.id, !row.open);
    else pick(row.node);
  };
  const first = Math.max(0, Math.floor(top / height) - SPARE_ROWS);
  const inSight = rows.slice(first, first + shown + 2 * SPARE_ROWS);
  return html`<div
    class="tree"
    role="tree"
    aria-label=${label}
    ref=${box}
    onKeyDown=${onKey}
    onScroll=${() => setTop(box.current.scrollTop)}
  >
    <div class="whole" role="presentation" style=${{ height: `${rows.length * height}px` }}>
      ${inSight.map(
        (row, index) =>
          html`<${Row}
            key=${row.node.id}
            row=${row}
            place=${first + index}
            height=${height}
            words=${marked}
            isCurrent=${first + index === current}
            isPicked=${picked.has(row.node.id)}
            choose=${choose}
          />`,
      )}
    </div>
    ${rows.length === 0 && html`<p class="dim small">${t("core.nothing_found")}</p>`}
  </div>`;
}

function Row({ row, place, height, words, isCurrent, isPicked, choose }) {
  const { node, depth, open } = row;
  const hasChildren = (node.children ?? []).length > 0;
  const style = { top: `${place * height}px`, height: `${height}px`, paddingLeft: `${depth * 16 + 6}px` };
  return html`<div
    class="node"
    role="treeitem"
    data-node=${node.id}
    style=${style}
    tabindex=${isCurrent ? 0 : -1}
    aria-level=${depth + 1}
    aria-expanded=${hasChildren ? open : undefined}
    aria-selected=${isPicked}
    title=${node.detail ?? node.text}
    onClick=${(event) => choose(row, Boolean(event.target.closest(".tick-box")))}
  >
    ${hasChildren ? html`<span class="turn"><${Icon} name="turn" /></span>` : html`<span class="turn-none"></span>`}
    ${node.canPick && html`<span class="tick-box ${isPicked ? "on" : ""}" aria-hidden="true">${isPicked && html`<${Icon} name="check" />`}</span>`}
    ${node.icon && html`<${Icon} name=${isPicked && !node.canPick ? "check" : node.icon} />`}
    <span class="ellipsis grow"><${Marked} text=${node.text} words=${words} /></span>
    ${node.aside && html`<span class="dim small nowrap">${node.aside}</span>`}
  </div>`;
}

/** A text with the first place of a searched word marked. */
function Marked({ text, words }) {
  const lower = text.toLowerCase();
  const word = words.find((each) => lower.includes(each));
  if (!word) return text;
  const at = lower.indexOf(word);
  return html`${text.slice(0, at)}<mark>${text.slice(at, at + word.length)}</mark>${text.slice(at + word.length)}`;
}
