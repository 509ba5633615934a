// A form that is sent: whether it is on its way, and what went wrong.
import { useState } from "./view.js";

/**
 * @param {() => Promise<unknown>} send
 * @returns {{problem: Error | null, busy: boolean, submit: (event: Event) => Promise<void>}}
 */
export function useSending(send) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await send();
    } catch (found) {
      setProblem(found);
    }
    setBusy(false);
  };
  return { problem, busy, submit };
}
