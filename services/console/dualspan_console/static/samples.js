// Samples as they come from the server, and how they are written.

/** OPC UA status code, Part 4, 7.39.1: the two highest bits are the severity. */
export const severity = (status) => ["good", "uncertain", "bad", "bad"][status >>> 30];

const number = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 6 });

export function format(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number") return number.format(value);
  if (typeof value === "boolean") return value ? "1" : "0";
  return String(value);
}

/** The same for a place that has room for a word or two: the beginning of what is longer. */
export function brief(value) {
  const text = format(value);
  return text.length > 28 ? `${text.slice(0, 27)}…` : text;
}

export function clock(milliseconds) {
  const time = new Date(milliseconds);
  const two = (part) => String(part).padStart(2, "0");
  const tenths = Math.floor(time.getMilliseconds() / 100);
  const isToday = time.toDateString() === new Date().toDateString();
  const day = isToday ? "" : `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} `;
  return `${day}${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${tenths}`;
}

/**
 * Follows tags live. The browser reconnects by itself; a hidden page does not listen.
 * @param {number[]} tags
 * @param {{newest: boolean, badge: HTMLElement, receive: (blocks: object[]) => void}} options
 */
export function follow(tags, { newest, badge, receive }) {
  let source = null;
  const show = (live) => {
    badge.hidden = false;
    badge.textContent = live ? badge.dataset.live : badge.dataset.offline;
    badge.classList.toggle("stale", !live);
  };
  const open = () => {
    source = new EventSource(`/api/live?tags=${tags.join(",")}${newest ? "&newest=1" : ""}`);
    source.onopen = () => show(true);
    source.onerror = () => show(false);
    source.onmessage = (event) => receive(JSON.parse(event.data));
  };
  document.addEventListener("visibilitychange", () => {
    source?.close();
    if (!document.hidden) open();
  });
  if (!document.hidden) open();
}
