// Server-sent events: opened while the page is seen, opened again after a break, waiting longer each time.
import { address } from "./api.js";

const LONGEST_PAUSE_MS = 30000;

/**
 * Follows a stream.
 * @param {string} path such as "tenants/x/samples:subscribe"
 * @param {object} query
 * @param {{receive: (message: any) => void, state?: (isLive: boolean) => void}} handlers
 * @returns {() => void} ends it
 */
export function follow(path, query, { receive, state = () => {} }) {
  let source = null;
  let timer = 0;
  let failures = 0;

  const open = () => {
    source = new EventSource(address(path, query));
    source.onopen = () => {
      failures = 0;
      state(true);
    };
    source.onmessage = (event) => receive(JSON.parse(event.data));
    source.onerror = () => {
      state(false);
      close();
      failures += 1;
      if (!document.hidden) timer = setTimeout(open, Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures));
    };
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const seen = () => {
    close();
    if (!document.hidden) open();
  };
  document.addEventListener("visibilitychange", seen);
  if (!document.hidden) open();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    close();
  };
}
