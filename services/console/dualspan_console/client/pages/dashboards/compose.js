// Panels while they are composed: dragged, sized, by keys too, changed, copied, taken away.
import { html, useRef, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { toast } from "../../parts/toasts.js";
import { copyOf, ICONS, KINDS, newPanel, titleOf } from "./kinds.js";
import { Panel } from "./panel.js";
import { PanelDialog } from "./panel_dialog.js";
import { arranged, onGrid, risen } from "./place.js";

/** More panels than this a dashboard cannot have. */
const MOST = 40;
const STEPS = {
  ArrowLeft: { column: -1 },
  ArrowRight: { column: 1 },
  ArrowUp: { row: -1 },
  ArrowDown: { row: 1 },
};
const SIZES = {
  ArrowLeft: { width: -1 },
  ArrowRight: { width: 1 },
  ArrowUp: { height: -1 },
  ArrowDown: { height: 1 },
};
const changed = (place, change) =>
  Object.fromEntries(Object.entries(place).map(([name, value]) => [name, value + (change[name] ?? 0)]));

/** What a menu offers to those who do not drag. */
const MOVES = [
  ["left", STEPS.ArrowLeft],
  ["right", STEPS.ArrowRight],
  ["up", STEPS.ArrowUp],
  ["down", STEPS.ArrowDown],
  ["narrower", SIZES.ArrowLeft],
  ["wider", SIZES.ArrowRight],
  ["lower", SIZES.ArrowUp],
  ["higher", SIZES.ArrowDown],
];

/** The size of a cell with the space beside it, in pixels. */
function cellOf(board) {
  const style = getComputedStyle(board);
  const gap = Number.parseFloat(style.columnGap);
  return {
    width: (board.clientWidth + gap) / style.gridTemplateColumns.split(" ").length,
    height: Number.parseFloat(style.gridAutoRows) + gap,
  };
}

/** Follows a pointer from where it went down: tells by how many cells it is away. */
function useDrag(board, panels, setPanels) {
  return (panel, isSize) => (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    const held = event.currentTarget;
    const start = { x: event.clientX, y: event.clientY, cell: cellOf(board.current), panels };
    let last = "";
    const move = ({ clientX, clientY }) => {
      const across = Math.round((clientX - start.x) / start.cell.width);
      const down = Math.round((clientY - start.y) / start.cell.height);
      if (`${across} ${down}` === last) return;
      last = `${across} ${down}`;
      const change = isSize ? { width: across, height: down } : { column: across, row: down };
      setPanels(arranged(start.panels, panel.id, onGrid(changed(panel.place, change))));
    };
    const end = () => {
      held.removeEventListener("pointermove", move);
      held.removeEventListener("lostpointercapture", end);
    };
    held.setPointerCapture(event.pointerId);
    held.addEventListener("pointermove", move);
    held.addEventListener("lostpointercapture", end);
  };
}

/**
 * @param {{panels: object[], setPanels: (panels: object[]) => void, known: object}} props
 */
export function Compose({ panels, setPanels, known }) {
  const board = useRef(null);
  const [open, setOpen] = useState(null);
  const drag = useDrag(board, panels, setPanels);
  const step = (panel, change) => setPanels(arranged(panels, panel.id, onGrid(changed(panel.place, change))));
  const drop = (panel) => {
    setPanels(risen(panels.filter(({ id }) => id !== panel.id)));
    toast(t("dashboards.dropped"), { undo: () => setPanels(panels) });
  };
  const keep = (panel) => {
    const isNew = !panels.some(({ id }) => id === panel.id);
    setPanels(isNew ? [...panels, panel] : panels.map((each) => (each.id === panel.id ? panel : each)));
    setOpen(null);
  };
  const tools = (panel) =>
    html`<${Tools} ...${{ panel, known, drag, step, drop }} change=${() => setOpen(panel)}
      copy=${panels.length < MOST && (() => setPanels([...panels, copyOf(panel, panels)]))} />`;
  return html`<div class="row adding" role="group" aria-label=${t("dashboards.add")}>
      <span class="dim">${t("dashboards.add")}</span>
      ${KINDS.map(
        (kind) =>
          html`<button class="button" type="button" data-add=${kind} disabled=${panels.length >= MOST} onClick=${() => setOpen(newPanel(kind, panels))}>
            <${Icon} name=${ICONS[kind]} />${t(`dashboards.kind_${kind}`)}
          </button>`,
      )}
    </div>
    <div class="board composing" ref=${board}>
      ${panels.map((panel) => html`<${Panel} key=${panel.id} panel=${panel} known=${known} tools=${tools(panel)} />`)}
    </div>
    ${open && html`<${PanelDialog} key=${open.id} panel=${open} known=${known} keep=${keep} close=${() => setOpen(null)} />`}`;
}

function Tools({ panel, known, drag, step, drop, change, copy }) {
  const name = titleOf(panel, known);
  const onKey = (event) => {
    const move = (event.shiftKey ? SIZES : STEPS)[event.key];
    if (!move) return;
    event.preventDefault();
    step(panel, move);
  };
  return html`<span class="row tools">
    <button
      class="button quiet icon handle"
      type="button"
      aria-label=${t("dashboards.move", { name })}
      title=${t("dashboards.move_hint")}
      onPointerDown=${drag(panel, false)}
      onKeyDown=${onKey}
    >
      <${Icon} name="move" />
    </button>
    <button class="button quiet icon" type="button" data-do="change" aria-label=${t("dashboards.change", { name })} title=${t("dashboards.change", { name })} onClick=${change}>
      <${Icon} name="pencil" />
    </button>
    <${Menu} class="button quiet icon" name=${t("dashboards.more", { name })} label=${html`<${Icon} name="more" />`}>
      ${copy && html`<button type="button" onClick=${copy}>${t("dashboards.copy")}</button>`}
      <button type="button" data-do="drop" onClick=${() => drop(panel)}>${t("dashboards.drop")}</button>
      <hr />
      ${MOVES.map(([id, move]) => html`<button type="button" data-do=${id} onClick=${() => step(panel, move)}>${t(`dashboards.step_${id}`)}</button>`)}
    <//>
    <span class="corner" aria-hidden="true" onPointerDown=${drag(panel, true)}></span>
  </span>`;
}
