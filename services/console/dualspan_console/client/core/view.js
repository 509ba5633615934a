// What views are made of, from one place: elements, state of a component, signals.
import { h, render, Fragment, createContext, Component } from "../vendor/preact/preact.js";
import htm from "../vendor/htm/htm.js";

export { render, Fragment, createContext, Component };
export {
  useState,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useCallback,
  useContext,
  useId,
  useErrorBoundary,
} from "../vendor/preact/hooks.js";
export { signal, computed, effect, batch, untracked, useSignal, useComputed } from "../vendor/signals/signals.js";

/** Markup as a tagged template; whatever is put into it is text, never markup. */
export const html = htm.bind(h);

/** Class names that hold: `classes("row", isChosen && "chosen")`. */
export const classes = (...names) => names.filter(Boolean).join(" ");
