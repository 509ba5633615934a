// Small pictures, drawn with one line on a field of 24 by 24. They say nothing to a screen reader: words stand beside.
import { html } from "../core/view.js";

const PATHS = {
  home: "M4 11l8-7 8 7M6 9.5V20h12V9.5M10 20v-6h4v6",
  chart: "M4 4v16h16M7.5 15l3.5-5 3 3 5-7",
  plant: "M3 20V10l6 3.5V10l6 3.5V4h5v16zM7 16.5h2M12 16.5h2M17 16.5h1",
  apps: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
  shop: "M4 9l1.5-5h13L20 9M4 9v11h16V9M4 9c0 3 4 3 4 0 0 3 4 3 4 0 0 3 4 3 4 0 0 3 4 3 4 0M10 20v-5h4v5",
  tag: "M4 4h8l8 8-8 8-8-8zM8.5 8.5h.01",
  search: "M11 4a7 7 0 100 14 7 7 0 000-14zM20 20l-4-4",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  check: "M5 12.5l4.5 4.5L19 7.5",
  turn: "M9 6l6 6-6 6",
  down: "M6 9l6 6 6-6",
  back: "M15 6l-6 6 6 6",
  info: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v5.5M12 7.6h.01",
  warning: "M12 4l9 16H3zM12 10v4.5M12 17.2h.01",
  bell: "M6 16V11a6 6 0 0112 0v5l2 2H4zM10 20.5h4",
  key: "M14.5 4a5.5 5.5 0 11-4.3 8.9L4 19v1h4v-2.5h2.5V15M16 8.5h.01",
  gap: "M3 12h5M16 12h5M9.5 8v8M14.5 8v8",
  live: "M12 10a2 2 0 100 4 2 2 0 000-4M8 8a5.6 5.6 0 000 8M16 8a5.6 5.6 0 010 8M5 5a10 10 0 000 14M19 5a10 10 0 010 14",
  clock: "M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5.5l3.5 2",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  link: "M10 14a4 4 0 005.7 0l3-3A4 4 0 0013 5.3l-1 1M14 10a4 4 0 00-5.7 0l-3 3A4 4 0 0011 18.7l1-1",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15 9h.01",
  compare: "M4 17c3-8 5-8 8-4s5 2 8-6M4 20h16",
  text: "M5 6h14M5 11h14M5 16h9",
  more: "M5 11.3a.7.7 0 100 1.4.7.7 0 000-1.4M12 11.3a.7.7 0 100 1.4.7.7 0 000-1.4M19 11.3a.7.7 0 100 1.4.7.7 0 000-1.4",
  site: "M12 21s-7-6-7-11a7 7 0 0114 0c0 5-7 11-7 11zM12 8a2.2 2.2 0 100 4.4A2.2 2.2 0 0012 8z",
  area: "M4 4h16v16H4zM4 12h16M12 4v16",
  line: "M3 9h4v6H3zM10 9h4v6h-4zM17 9h4v6h-4zM7 12h3M14 12h3",
  machine:
    "M12 8.5a3.5 3.5 0 100 7 3.5 3.5 0 000-7zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M5.6 18.4l2.2-2.2M16.2 7.8l2.2-2.2",
  open: "M9 5H5v14h14v-4M13 5h6v6M19 5l-9 9",
  person: "M12 4a4 4 0 100 8 4 4 0 000-8zM4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  theme: "M12 3a9 9 0 100 18zM12 3a9 9 0 010 18",
  language: "M3 12h18M12 3a9 9 0 100 18 9 9 0 000-18zM12 3c-5 5-5 13 0 18M12 3c5 5 5 13 0 18",
  leave: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  again: "M19 12a7 7 0 11-2-5l2 2M19 4v5h-5",
  coins:
    "M9 5c3 0 5 1 5 2.5S12 10 9 10 4 9 4 7.5 6 5 9 5zM4 7.5v5C4 14 6 15 9 15M14 7.5V10M15 11c3 0 5 1 5 2.5S18 16 15 16s-5-1-5-2.5 2-2.5 5-2.5zM10 13.5v4c0 1.5 2 2.5 5 2.5s5-1 5-2.5v-4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  box: "M3 8l9-5 9 5v8l-9 5-9-5zM3 8l9 5 9-5M12 13v8",
  server: "M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01",
  folder: "M3 6h6l2 2.5h10V19H3z",
  states: "M4 6h7M13 6h7M4 12h3M9 12h11M4 18h10M16 18h4",
  gauge: "M4 17a8.5 8.5 0 1116 0M12 16l4-6M12 16h.01",
  bolt: "M13 3L5 14h6l-1 7 8-11h-6z",
  pareto: "M5 20V8M10 20v-7M15 20v-4M20 20v-2M4 5c6 0 10 0 16-1",
  control: "M4 6h16M4 18h16M4 13l4-3 4 4 4-5 4 3",
  stop: "M7 5v14M17 5v14",
  play: "M7 5l12 7-12 7z",
  bin: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z",
  desk: "M4 20V10h16v10M4 14h16M8 10V4h8v6M10 7h4",
  grid: "M4 4h9v7H4zM16 4h4v7h-4zM4 14h4v6H4zM11 14h9v6h-9z",
  move: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  expand: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5M8.5 8.5h7M8.5 12h4",
  shield: "M12 3l7 3v6c0 5-3.5 7.5-7 9-3.5-1.5-7-4-7-9V6z",
};

/** @param {{name: keyof typeof PATHS}} props */
export function Icon({ name }) {
  return html`<svg
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.7"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <path d=${PATHS[name]} />
  </svg>`;
}
