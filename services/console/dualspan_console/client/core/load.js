// What a component asks the platform for: the answer, what went wrong, and how long it has taken.
import { useCallback, useEffect, useRef, useState } from "./view.js";

/**
 * Asks when the component appears and whenever `needs` change; what is not wanted any more is given up.
 * @template T
 * @param {(signal: AbortSignal, tell: (words: string) => void) => Promise<T>} question
 * @param {unknown[]} needs
 * @returns {{data: T | undefined, problem: Error | null, busy: boolean, told: string, again: () => void, set: (data: T) => void}}
 */
export function useLoad(question, needs) {
  const [state, setState] = useState({ data: undefined, problem: null, busy: true, told: "" });
  const [turn, setTurn] = useState(0);
  const latest = useRef(question);
  latest.current = question;
  useEffect(() => {
    const abort = new AbortController();
    setState((old) => ({ ...old, busy: true, problem: null, told: "" }));
    latest
      .current(abort.signal, (told) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, told }));
      })
      .then(
        (data) => {
          if (!abort.signal.aborted) setState({ data, problem: null, busy: false, told: "" });
        },
        (problem) => {
          if (!abort.signal.aborted) setState((old) => ({ ...old, problem, busy: false, told: "" }));
        },
      );
    return () => abort.abort();
  }, [...needs, turn]);
  const again = useCallback(() => setTurn((old) => old + 1), []);
  const set = useCallback((data) => setState((old) => ({ ...old, data })), []);
  return { ...state, again, set };
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
