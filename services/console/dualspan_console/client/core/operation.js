// Work that takes longer than a request: followed until it ends, whoever began it.
import { ask } from "./api.js";
import { useEffect, useState } from "./view.js";
import { saidBy } from "./words.js";

const NOTHING = { done: false, metadata: null, response: null, error: "" };

/**
 * Follows an operation.
 * @param {string} name `tenants/{tenant}/operations/{operation}`; "" for none
 * @returns {{done: boolean, metadata: any, response: any, error: string}}
 */
export function useOperation(name) {
  const [state, setState] = useState(NOTHING);
  useEffect(() => {
    setState(NOTHING);
    if (!name) return undefined;
    const abort = new AbortController();
    follow(name, abort.signal, setState).catch((problem) => {
      if (!abort.signal.aborted) setState({ ...NOTHING, done: true, error: problem.message });
    });
    return () => abort.abort();
  }, [name]);
  return state;
}

/** What went wrong: a `google.rpc.Status`, whose `ErrorInfo` has the reason. */
function wordsOf({ message, details = [] }) {
  const { reason = "", metadata = {} } = details.find((each) => each.reason) ?? {};
  return saidBy(`reason.${reason}`, metadata, message);
}

async function follow(name, signal, tell) {
  for (let wait = "0.3s"; ; wait = "1s") {
    const { done, metadata = null, response = null, error } = await ask(`${name}:wait`, { timeout: wait }, signal);
    if (signal.aborted) return;
    tell({ done, metadata, response, error: error ? wordsOf(error) : "" });
    if (done) return;
  }
}
