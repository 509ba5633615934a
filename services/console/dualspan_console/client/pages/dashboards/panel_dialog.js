// What a panel shows, chosen: values from the plant's tree, places, spans, limits, words.
import { iconOf, idOf, nameOf } from "../../core/catalogue.js";
import { html, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/schema_form.js";
import { Tree } from "../../parts/tree.js";
import { Picker } from "../explore/picker.js";
import { MOST_SERIES } from "../explore/state.js";
import { keyOf, kindOf, measurementOf, spanOf } from "./kinds.js";
import { SpanChoice } from "./spans.js";

const MOST_ASSETS = 50;
const MOST_LETTERS = 4000;

/** Whether a panel of this content can be kept. */
function isWhole(kind, content) {
  if (kind === "chart") return content.lines.length > 0;
  if (kind === "value") return Boolean(content.measurement);
  return kind !== "text" || content.markdown.trim() !== "";
}

/** @param {{panel: object, known: object, keep: (panel: object) => void, close: () => void}} props */
export function PanelDialog({ panel, known, keep, close }) {
  const kind = kindOf(panel);
  const [title, setTitle] = useState(panel.title);
  const [content, setContent] = useState(panel[kind]);
  const set = (changes) => setContent((old) => ({ ...old, ...changes }));
  const Fields = FIELDS[kind];
  const actions = html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
    <button
      class="button primary"
      type="button"
      data-do="take"
      disabled=${!isWhole(kind, content)}
      onClick=${() => keep({ ...panel, title: title.trim(), [kind]: content })}
    >
      ${t("dashboards.take")}
    </button>`;
  return html`<${Dialog} title=${t(`dashboards.kind_${kind}`)} close=${close} actions=${actions} wide
    ><div class="stack">
      <${Fields} content=${content} set=${set} known=${known} />
      ${content.span !== undefined && html`<${Field} label=${t("dashboards.span")}
        >${(bound) => html`<${SpanChoice} ...${bound} kind=${kind} span=${spanOf(content)} choose=${(span) => set({ span: `${span / 1000}s` })} />`}<//
      >`}
      <${Field} label=${t("dashboards.title")} hint=${t("dashboards.title_hint")}
        >${(bound) => html`<input class="input" name="title" maxlength="120" ...${bound} value=${title} onInput=${(event) => setTitle(event.target.value)} />`}<//
      >
    </div><//
  >`;
}

const Values = ({ known, chosen, toggle }) =>
  html`<div class="picker in-dialog"><${Picker} catalogue=${known} chosen=${chosen} toggle=${toggle} asset="" /></div>`;

function ChartFields({ content, set, known }) {
  const chosen = new Set(content.lines.map(keyOf));
  const toggle = (key) => {
    if (chosen.has(key)) set({ lines: content.lines.filter((each) => keyOf(each) !== key) });
    else if (content.lines.length < MOST_SERIES) set({ lines: [...content.lines, measurementOf(key)] });
  };
  return html`<${Values} known=${known} chosen=${chosen} toggle=${toggle} />
    <p class="dim small" role="status">${t("dashboards.lines", { count: content.lines.length, most: MOST_SERIES })}</p>`;
}

function ValueFields({ content, set, known }) {
  const chosen = new Set(content.measurement ? [keyOf(content.measurement)] : []);
  const limit = (name) => html`<${Field} label=${t(`dashboards.limit_${name}`)}
    >${(bound) =>
      html`<input
        class="input"
        type="number"
        step="any"
        name=${name}
        ...${bound}
        value=${content[name] ?? ""}
        onInput=${(event) => set({ [name]: Number.isNaN(event.target.valueAsNumber) ? undefined : event.target.valueAsNumber })}
      />`}<//
  >`;
  return html`<${Values} known=${known} chosen=${chosen} toggle=${(key) => set({ measurement: measurementOf(key) })} />
    <div class="row halves">${limit("low")}${limit("high")}</div>`;
}

/** Sites, areas, lines, machines: none chosen is all. */
function AssetFields({ content, set, known }) {
  const [open, setOpen] = useState(() => new Set((known.below.get("") ?? []).map(({ name }) => idOf(name))));
  const nodeOf = (asset) => ({
    id: idOf(asset.name),
    text: nameOf(asset),
    icon: iconOf(asset),
    canPick: true,
    children: (known.below.get(asset.name) ?? []).map(nodeOf),
  });
  const picked = new Set(content.assets);
  const pick = ({ id }) => {
    if (picked.has(id)) set({ assets: content.assets.filter((each) => each !== id) });
    else if (picked.size < MOST_ASSETS) set({ assets: [...content.assets, id] });
  };
  return html`<div class="picker in-dialog">
      <${Tree} roots=${(known.below.get("") ?? []).map(nodeOf)} ...${{ open, setOpen, picked, pick }} label=${t("dashboards.places")} />
    </div>
    <p class="dim small" role="status">${picked.size > 0 ? t("dashboards.places_of", { count: picked.size }) : t("dashboards.everywhere")}</p>`;
}

const TextFields = ({ content, set }) =>
  html`<${Field} label=${t("dashboards.kind_text")} hint=${t("dashboards.text_hint")}
    >${(bound) =>
      html`<textarea
        class="input tall"
        name="markdown"
        maxlength=${MOST_LETTERS}
        ...${bound}
        value=${content.markdown}
        onInput=${(event) => set({ markdown: event.target.value })}
      />`}<//
  >`;

const FIELDS = {
  chart: ChartFields,
  value: ValueFields,
  state: AssetFields,
  oee: AssetFields,
  alarms: AssetFields,
  text: TextFields,
};
