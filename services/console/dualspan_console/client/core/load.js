// What a component asks the platform for: the answer, what went wrong, and how long it has taken.
import { useCallback, useEffect, useRef, useState } from "./view.js";

// An answer that takes longer than this will not come: the network went away meanwhile.
const LOST_MS = 60_000;

/**
 * Asks when the component appears and whenever `needs` change; what is not wanted any more is given up.
 *
 * `data` is the newest answer, and `fits` whether it is one to what is asked now. `again` asks anew at once. `renew`
 * does unless an answer is on its way, and what went wrong the last time stays until then: it is for who asks every so often.
 * @template T
 * @param {(signal: AbortSignal, tell: (words: string) => void) => Promise<T> | T} question not a promise where nothing is asked
 * @param {unknown[]} needs
 * @returns {{data: T | undefined, fits: boolean, problem: Error | null, busy: boolean, told: string, again: () => void, renew: () => void, set: (data: T) => void}}
 */
export function useLoad(question, needs) {
  const [state, setState] = useState({ data: undefined, fits: false, problem: null, busy: true, told: "" });
  const [turn, setTurn] = useState({ number: 0, keeps: false });
  const latest = useRef(question);
  latest.current = question;
  const last = useRef(turn);
  const since = useRef(0);
  useEffect(() => {
    const abort = new AbortController();
    const isSame = last.current !== turn;
    last.current = turn;
    since.current = Date.now();
    setState((old) => ({
      ...old,
      fits: isSame && old.fits,
      busy: true,
      problem: isSame && turn.keeps ? old.problem : null,
      told: "",
    }));
    const ended = (change) => {
      if (abort.signal.aborted) return;
      since.current = 0;
      setState((old) => ({ ...old, ...change, busy: false, told: "" }));
    };
    const tell = (told) => {
      if (!abort.signal.aborted) setState((old) => ({ ...old, told }));
    };
    Promise.resolve(latest.current(abort.signal, tell)).then(
      (data) => ended({ data, fits: true, problem: null }),
      (problem) => ended({ problem }),
    );
    return () => abort.abort();
  }, [...needs, turn]);
  const again = useCallback(() => setTurn(({ number }) => ({ number: number + 1, keeps: false })), []);
  const renew = useCallback(() => {
    if (Date.now() - since.current > LOST_MS) setTurn(({ number }) => ({ number: number + 1, keeps: true }));
  }, []);
  const set = useCallback((data) => setState((old) => ({ ...old, data })), []);
  return { ...state, again, renew, set };
}

/** Calls something every so often while the page is seen. */
export function useEvery(milliseconds, action) {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) latest.current();
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}
