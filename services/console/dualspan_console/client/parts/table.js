// Tables: sorted by a click on a head, walked by arrow keys; of long ones only the rows in sight exist.
import { moveFocus } from "../core/keys.js";
import { html, useEffect, useMemo, useRef, useState } from "../core/view.js";
import { t } from "../core/words.js";

const MANY_ROWS = 200;
const SPARE_ROWS = 10;

const compare = (a, b) =>
  typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? ""));

/** The rows in the order that the person chose. */
function sorted(rows, columns, order) {
  const column = columns.find(({ id }) => id === order?.id);
  if (!column?.sort) return rows;
  const keyed = rows.map((row) => [column.sort(row), row]).sort(([a], [b]) => compare(a, b) * (order.down ? -1 : 1));
  return keyed.map(([, row]) => row);
}

function Head({ column, order, setOrder }) {
  if (!column.sort) return html`<th scope="col" class=${column.number ? "number" : ""}>${column.title}</th>`;
  const mine = order?.id === column.id;
  const direction = mine ? (order.down ? "descending" : "ascending") : "none";
  return html`<th scope="col" class=${column.number ? "number" : ""} aria-sort=${direction}>
    <button type="button" onClick=${() => setOrder({ id: column.id, down: mine && !order.down })}>
      ${column.title} <span aria-hidden="true">${mine ? (order.down ? "↓" : "↑") : ""}</span>
    </button>
  </th>`;
}

/** Which rows of `count` are in sight of a box that scrolls. */
function useWindow(box, count, rowHeight) {
  const [range, setRange] = useState([0, MANY_ROWS]);
  useEffect(() => {
    if (count <= MANY_ROWS) return undefined;
    const look = () => {
      const first = Math.max(0, Math.floor(box.current.scrollTop / rowHeight) - SPARE_ROWS);
      const shown = Math.ceil(box.current.clientHeight / rowHeight) + 2 * SPARE_ROWS;
      setRange((old) => (old[0] === first && old[1] === first + shown ? old : [first, first + shown]));
    };
    look();
    const element = box.current;
    element.addEventListener("scroll", look, { passive: true });
    return () => element.removeEventListener("scroll", look);
  }, [count, rowHeight]);
  return count <= MANY_ROWS ? [0, count] : [range[0], Math.min(count, range[1])];
}

/** Whether a box has more than it shows: then keys must be able to scroll it. */
function useScrolls(box, isLong) {
  const [scrolls, setScrolls] = useState(isLong);
  useEffect(() => {
    // The table may be gone by the time that its size is told.
    const element = box.current;
    const look = () => setScrolls(isLong || element.scrollWidth > element.clientWidth);
    const watch = new ResizeObserver(look);
    watch.observe(element);
    look();
    return () => watch.disconnect();
  }, [isLong]);
  return scrolls;
}

/**
 * A table.
 * @param {object} props
 * @param {{id: string, title: string, cell: (row: any) => any, sort?: (row: any) => any, number?: boolean}[]} props.columns
 * @param {any[]} props.rows
 * @param {(row: any) => string} props.rowKey
 * @param {string} props.label what the table is of
 * @param {(row: any) => void} [props.open] opens a row: by click, by Enter
 * @param {number} [props.rowHeight] in pixels, for long tables
 */
export function Table({ columns, rows, rowKey, label, open, rowHeight = 44 }) {
  const [order, setOrder] = useState(null);
  const box = useRef(null);
  const ordered = useMemo(() => sorted(rows, columns, order), [rows, columns, order]);
  const scrolls = useScrolls(box, ordered.length > MANY_ROWS);
  const [first, last] = useWindow(box, ordered.length, rowHeight);
  const onRowKey = (event, row) => {
    if (event.key === "Enter" && event.target === event.currentTarget) open(row);
  };
  const onRowClick = (event, row) => {
    if (!event.target.closest("a, button, input, select")) open(row);
  };
  const pad = (count) =>
    count > 0 &&
    html`<tr class="pad" aria-hidden="true">
      <td colspan=${columns.length} style=${{ height: `${count * rowHeight}px` }}></td>
    </tr>`;
  return html`<div
    class="table"
    ref=${box}
    style=${ordered.length > MANY_ROWS ? { maxHeight: "70vh" } : {}}
    tabindex=${scrolls ? 0 : undefined}
    role=${scrolls ? "region" : undefined}
    aria-label=${scrolls ? label : undefined}
  >
    <table aria-rowcount=${ordered.length}>
      <caption class="unseen">
        ${label}, ${t("core.rows", { count: ordered.length })}
      </caption>
      <thead>
        <tr>
          ${columns.map((column) => html`<${Head} column=${column} order=${order} setOrder=${setOrder} />`)}
        </tr>
      </thead>
      <tbody onKeyDown=${(event) => moveFocus(event, "tr[tabindex]")}>
        ${pad(first)}
        ${ordered.slice(first, last).map(
          (row) =>
            html`<tr
              key=${rowKey(row)}
              data-row=${rowKey(row)}
              tabindex=${open ? 0 : undefined}
              onClick=${open && ((event) => onRowClick(event, row))}
              onKeyDown=${open && ((event) => onRowKey(event, row))}
            >
              ${columns.map((column) => html`<td class=${column.number ? "number" : ""}>${column.cell(row)}</td>`)}
            </tr>`,
        )}
        ${pad(ordered.length - last)}
      </tbody>
    </table>
  </div>`;
}
