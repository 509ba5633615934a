// Live samples for all that is on a page, over one stream: browsers keep few connections to a host.
import { follow } from "./live.js";
import { ofTenant } from "./session.js";

/** Parts of a page come and go together: the stream is opened anew once, after this. */
const SETTLE_MS = 30;

/** @typedef {{tags: string[], receive: (frame: object[]) => void, state: (isLive: boolean) => void}} Wanting */
/** @type {Set<Wanting>} */
const wanting = new Set();
/** The newest sample of each tag, as a block: who comes later need not wait for the next. */
const newest = new Map();
let followed = "";
let stop = () => {};
let isLive = false;
let timer = 0;

function receive({ frame }) {
  for (const { kind, tag, time, status, value } of frame) {
    tag.forEach((id, row) =>
      newest.set(String(id), { kind, tag: [id], time: [time[row]], status: [status[row]], value: [value[row]] }),
    );
  }
  for (const each of wanting) each.receive(frame);
}

function renew() {
  const tags = [...new Set([...wanting].flatMap((each) => each.tags))].sort();
  const wanted = tags.length > 0 ? `${ofTenant("")}${tags.join()}` : "";
  if (wanted === followed) return;
  followed = wanted;
  stop();
  stop = () => {};
  isLive = false;
  newest.clear();
  if (!wanted) return;
  stop = follow(
    ofTenant("samples:subscribe"),
    { tagIds: tags, includeLatest: true },
    {
      receive,
      state: (now) => {
        isLive = now;
        for (const each of wanting) each.state(now);
      },
    },
  );
}

const renewSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(renew, SETTLE_MS);
};

/**
 * Follows tags, the newest sample of each first. Frames have samples of others' tags, too.
 * @param {string[]} tags ids
 * @param {{receive: (frame: object[]) => void, state?: (isLive: boolean) => void}} handlers
 * @returns {() => void} ends it
 */
export function followSamples(tags, { receive: take, state = () => {} }) {
  const mine = { tags, receive: take, state };
  wanting.add(mine);
  const known = tags.map((id) => newest.get(id)).filter(Boolean);
  if (known.length > 0) take(known);
  if (isLive && known.length === tags.length) state(true);
  renewSoon();
  return () => {
    wanting.delete(mine);
    renewSoon();
  };
}
