// How far a gateway and one of its servers are: what the platform says decides, so that anybody can go on from it.
import { get } from "../../core/api.js";
import { may, ofTenant } from "../../core/session.js";

/** The steps of connecting a plant, in their order. */
export const STEPS = ["box", "server", "trust", "browse", "choose", "load", "flow"];

export const word = (name, prefix) => (name ?? "").replace(prefix, "");
export const milliseconds = (duration) => (duration ? Math.round(Number.parseFloat(duration) * 1000) : null);
export const wasReached = (reached, step) => STEPS.indexOf(step) <= STEPS.indexOf(reached);

/**
 * @typedef {object} Situation
 * @property {object} gateway @property {object | null} server @property {object | null} snapshot of its last browse
 * @property {number} tags that are recorded of it
 */

/**
 * What is there now of a gateway and, if one is named, of a server.
 * @param {string} gateway its id @param {string} server its id, "" for none
 * @returns {Promise<Situation>}
 */
export async function look(gateway, server, signal) {
  const path = ofTenant(`gateways/${gateway}`);
  if (!server) return { gateway: await get(path, {}, signal), server: null, snapshot: null, tags: 0 };
  const name = `${path}/servers/${server}`;
  const [box, plc, { snapshots }, { totalSize }] = await Promise.all([
    get(path, {}, signal),
    get(name, {}, signal),
    get(`${name}/snapshots`, { pageSize: 5 }, signal),
    may("onboarding.tags.read") ? get(ofTenant("tags"), { server: name, pageSize: 1 }, signal) : { totalSize: 0 },
  ]);
  const snapshot = snapshots.find(({ current }) => current) ?? null;
  return { gateway: box, server: plc, snapshot, tags: Number(totalSize) };
}

/** The step that has to be done next. `load` is none of its own: it follows a person's choice. */
export function nextStep({ gateway, server, snapshot, tags }) {
  if (gateway.state !== "GATEWAY_STATE_ONLINE") return "box";
  if (!server) return "server";
  if (server.status?.state !== "CONNECTION_STATE_CONNECTED") return "trust";
  if (!snapshot) return "browse";
  return tags === 0 ? "choose" : "flow";
}

/** The furthest step that can be looked at. */
export function reachedStep(situation) {
  const next = nextStep(situation);
  return next === "choose" ? "load" : next;
}

const CHOICE = "dualspan-choice:";

/** What a person has chosen of a server and not started yet; kept in this browser, so that a reload loses nothing. */
export function keptChoice(server) {
  try {
    return { without: [], nodes: [], sampling: "", ...JSON.parse(localStorage.getItem(CHOICE + server) ?? "{}") };
  } catch {
    return { without: [], nodes: [], sampling: "" };
  }
}

/** Keeps a choice; null forgets it. */
export function keepChoice(server, choice) {
  try {
    if (choice) localStorage.setItem(CHOICE + server, JSON.stringify(choice));
    else localStorage.removeItem(CHOICE + server);
  } catch {
    // A browser that keeps nothing, or is full: the choice then lives as long as the page.
  }
}

/** An id out of what people call something: "Press shop 2" becomes "press-shop-2". */
export const idFrom = (name, fallback) =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "") || fallback;

/** The first of an id and its numbered sisters that is not taken. */
export function freeId(id, taken) {
  let free = id;
  for (let count = 2; taken.has(free); count += 1) free = `${id.slice(0, 36)}-${count}`;
  return free;
}

/** The safest way in that a server offers and that can be used. */
export const bestEndpoint = (server) =>
  [...(server?.endpoints ?? [])].filter(({ usable }) => usable).sort((a, b) => b.securityLevel - a.securityLevel)[0];
