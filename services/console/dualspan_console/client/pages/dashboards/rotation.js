// Which dashboards a screen at the line shows in turn, as its address says it. Rules without a page.
const SLUG = /^[a-z0-9-]{1,40}$/;
const MOST = 20;
const [SHORTEST, LONGEST, USUAL] = [5, 3600, 30];

/** The address of a screen: the first dashboard, those after it, and seconds for each. */
export function kioskAddress(first, others, seconds) {
  const turn = others.length > 0 ? `?then=${others.join(",")}&every=${seconds}` : "";
  return `/dashboards/${first}/kiosk${turn}`;
}

/** @param {string} first @param {URLSearchParams} query @returns {{ids: string[], milliseconds: number}} */
export function readRotation(first, query) {
  const others = (query.get("then") ?? "").split(",").filter((id) => SLUG.test(id));
  const seconds = Number(query.get("every")) || USUAL;
  return {
    ids: [...new Set([first, ...others])].slice(0, MOST),
    milliseconds: Math.max(SHORTEST, Math.min(LONGEST, seconds)) * 1000,
  };
}
