// Where panels are on the grid: none over another, none floating. Rules without a page.

export const COLUMNS = 12;
const LEAST_WIDTH = 2;
const TALLEST = 24;

/** @typedef {{column: number, row: number, width: number, height: number}} Place */

const overlap = (a, b) =>
  a.column < b.column + b.width &&
  b.column < a.column + a.width &&
  a.row < b.row + b.height &&
  b.row < a.row + a.height;

const isFree = (place, others) => !others.some((other) => overlap(place, other.place));
const at = (place, row) => ({ ...place, row });
const bounded = (value, least, most) => Math.max(least, Math.min(most, value));
const inOrder = (a, b) => a.place.row - b.place.row || a.place.column - b.place.column;

/** A place that lies on the grid. */
export function onGrid({ column, row, width, height }) {
  const wide = bounded(width, LEAST_WIDTH, COLUMNS);
  return {
    column: bounded(column, 0, COLUMNS - wide),
    row: bounded(row, 0, 999),
    width: wide,
    height: bounded(height, 1, TALLEST),
  };
}

/** How far down a place goes until it is free. */
function lowered(place, others) {
  let { row } = place;
  while (!isFree(at(place, row), others)) row += 1;
  return at(place, row);
}

function raised(place, others) {
  let { row } = place;
  while (row > 0 && isFree(at(place, row - 1), others)) row -= 1;
  return at(place, row);
}

/**
 * Panels one of which has a new place: what is in its way goes down, then all rise as far as they can.
 * @param {{id: string, place: Place}[]} panels @param {string} id @param {Place} place
 */
export function arranged(panels, id, place) {
  const moved = panels.map((each) => (each.id === id ? { ...each, place: onGrid(place) } : each));
  const first = moved.filter((each) => each.id === id);
  const others = moved.filter((each) => each.id !== id).sort(inOrder);
  const apart = [...first];
  for (const each of others) apart.push({ ...each, place: lowered(each.place, apart) });
  return risen(apart);
}

/** Panels without holes above them, in the order in which they are read. */
export function risen(panels) {
  const found = [];
  for (const each of [...panels].sort(inOrder)) found.push({ ...each, place: raised(each.place, found) });
  return found.sort(inOrder);
}

/** The first place, from the top, for a panel of a size. */
export function freePlace(panels, { width, height }) {
  for (let row = 0; ; row += 1) {
    for (let column = 0; column + width <= COLUMNS; column += 1) {
      const place = { column, row, width, height };
      if (isFree(place, panels)) return place;
    }
  }
}

/** How many rows panels take. */
export const rowsOf = (panels) => Math.max(1, ...panels.map(({ place }) => place.row + place.height));
