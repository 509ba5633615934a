// Units as people write them, from UCUM codes.
const NAMES = {
  Cel: "°C",
  "[degF]": "°F",
  Ohm: "Ω",
  "kW.h": "kWh",
  "W.h": "Wh",
  "MW.h": "MWh",
  "m3/h": "m³/h",
  "%": "%",
  1: "",
  "/min": "1/min",
  "{piece}": "pcs",
  deg: "°",
  "mm[Hg]": "mmHg",
  umol: "µmol",
  um: "µm",
  us: "µs",
};
const RAISED = { 2: "²", 3: "³", "-1": "⁻¹", "-2": "⁻²" };

/** @param {string} code of UCUM @returns {string} what stands behind a number; "" for none */
export function unitText(code) {
  if (!code) return "";
  if (code in NAMES) return NAMES[code];
  return code
    .split("/")
    .map((part) =>
      part
        .split(".")
        .map(
          (each) =>
            NAMES[each] ??
            each
              .replace(/\{(\w+)\}/g, "$1")
              .replace(/([a-z])(-?[0-9])$/i, (_, letter, power) => letter + (RAISED[power] ?? power)),
        )
        .join("·"),
    )
    .join("/");
}
