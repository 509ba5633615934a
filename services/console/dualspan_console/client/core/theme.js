// Dark or light: as the system says, until the person chooses.
import { signal } from "./view.js";

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

/** Changes when the theme does: what is drawn on a canvas is drawn again. */
export const dark = signal(isDark());

system.addEventListener("change", () => {
  dark.value = isDark();
});

export function switchTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  dark.value = isDark();
}

/** The value of one of the design's colours, such as "--accent". */
export const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
