// Addresses: the browser's history is the only memory of where one is.
import { computed, signal } from "./view.js";

const read = () => ({ path: location.pathname, search: location.search });
/** Where we are. */
export const place = signal(read());
/** The query of the address. */
export const query = computed(() => new URLSearchParams(place.value.search));

/**
 * Goes to an address of this application.
 * @param {string} address path and query
 * @param {{replace?: boolean}} [options] `replace`: this step is none for the back button
 */
export function go(address, { replace = false } = {}) {
  const from = place.peek();
  const next = new URL(address, location.href);
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  place.value = read();
  if (next.pathname !== from.path) scrollTo(0, 0);
}

/** Writes into the query what is to be seen again from this address; null and "" take away. */
export function setQuery(changes, { replace = true } = {}) {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  go(`${location.pathname}${text ? `?${text}` : ""}`, { replace });
}

/**
 * The values of `{name}` in a pattern, if the path fits it; null if not.
 * @param {string} pattern such as "/apps/{app}"
 * @param {string} path
 */
export function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== given.length) return null;
  const found = {};
  for (const [place_, part] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (!name && part !== given[place_]) return null;
    if (name && !given[place_]) return null;
    if (name) {
      try {
        found[name] = decodeURIComponent(given[place_]);
      } catch {
        return null;
      }
    }
  }
  return found;
}

/** Links within the application need no other page. */
function onClick(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/v1/") || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

export function startRouter() {
  document.addEventListener("click", onClick);
  addEventListener("popstate", () => {
    place.value = read();
  });
}
