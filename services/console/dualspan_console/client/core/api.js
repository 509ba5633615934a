// The platform's HTTP/JSON: calls, what went wrong in words for a person, pages of lists, files.
import { saidBy, t } from "./words.js";

/** How often a question that failed for a moment is asked, and how long is waited before. */
const PAUSES_MS = [300, 1200];
const PASSING = new Set([429, 502, 503, 504]);

let csrf = "";
/** Called when the platform says that nobody is signed in any more. */
let onSignedOut = () => {};

/** Keeps what proves that a change comes from one of our pages. */
export const setCsrf = (token) => {
  csrf = token;
};
export const whenSignedOut = (handler) => {
  onSignedOut = handler;
};

/** What went wrong, as RFC 9457 tells it. */
export class Problem extends Error {
  /** @param {{status?: number, reason?: string, detail?: string, fields?: object[], metadata?: object, retryAfter?: number}} facts */
  constructor(facts) {
    super(saidBy(`reason.${facts.reason}`, facts.metadata, facts.detail) || t("core.failed"));
    this.status = facts.status ?? 0;
    this.reason = facts.reason ?? "";
    /** What the platform itself says, in English. */
    this.own = facts.detail ?? "";
    /** `[{field, description}]`: what is wrong in a form. */
    this.fields = facts.fields ?? [];
    this.metadata = facts.metadata ?? {};
    this.retryAfter = facts.retryAfter ?? 0;
    /** What the platform's log has it under. */
    this.id = (facts.instance ?? "").split(":").pop();
  }
}

/** An address with its query: arrays are repeated, what is undefined or "" is left out. */
export function address(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") search.append(name, String(each));
    }
  }
  const text = search.toString();
  return `/v1/${path}${text ? `?${text}` : ""}`;
}

async function problemOf(answer) {
  const isProblem = answer.headers.get("content-type")?.includes("json");
  const facts = isProblem ? await answer.json().catch(() => ({})) : {};
  const fallback = answer.status >= 500 ? t("core.platform_down") : t("core.failed");
  return new Problem({ detail: fallback, ...facts, status: answer.status });
}

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });

async function attempt(method, url, body, signal) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(url, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ detail: t("core.offline"), reason: "OFFLINE", status: 503 });
  }
}

async function once(method, url, body, signal) {
  const answer = await attempt(method, url, body, signal);
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (problem.status === 401 && !url.startsWith("/v1/session")) onSignedOut();
  throw problem;
}

/**
 * One call. What only reads (`safe`) is tried again when it fails for a moment.
 * @param {string} method
 * @param {string} url
 * @param {{body?: unknown, signal?: AbortSignal, safe?: boolean}} [options]
 */
async function call(method, url, { body, signal, safe = method === "GET" } = {}) {
  for (const [number, wait] of [...PAUSES_MS, -1].entries()) {
    try {
      return await once(method, url, body, signal);
    } catch (error) {
      const again = safe && wait >= 0 && error instanceof Problem && PASSING.has(error.status);
      if (!again) throw error;
      await pause(Math.max(wait, number === 0 ? error.retryAfter * 1000 : 0), signal);
    }
  }
  throw new Error("unreachable");
}

async function asJson(answer) {
  return answer.status === 204 ? null : answer.json();
}

/** Reads. */
export const get = async (path, query, signal) => asJson(await call("GET", address(path, query), { signal }));
/** A question that needs a body: reads, and may be asked again. */
export const ask = async (path, body, signal) =>
  asJson(await call("POST", address(path), { body, signal, safe: true }));
/** Changes something. */
export const post = async (path, body = {}, query) => asJson(await call("POST", address(path, query), { body }));
export const put = async (path, body) => asJson(await call("PUT", address(path), { body }));
export const patch = async (path, body, query) => asJson(await call("PATCH", address(path, query), { body }));
export const remove = async (path, query) => asJson(await call("DELETE", address(path, query)));
/** A file: its bytes. */
export const file = async (path, body) => (await call("POST", address(path), { body, safe: true })).blob();

/**
 * Every row of a list, page by page.
 * @param {string} path such as "tenants/x/assets"
 * @param {string} field that holds the rows, such as "assets"
 * @param {{query?: object, most?: number, signal?: AbortSignal, onPage?: (rows: object[]) => void}} [options]
 */
export async function all(path, field, { query = {}, most = 100000, signal, onPage } = {}) {
  const rows = [];
  let pageToken = "";
  do {
    const page = await get(path, { pageSize: Math.min(1000, most), ...query, pageToken }, signal);
    rows.push(...page[field]);
    onPage?.(rows);
    pageToken = page.nextPageToken;
  } while (pageToken && rows.length < most);
  return rows;
}

/** Gives a file to the person. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
