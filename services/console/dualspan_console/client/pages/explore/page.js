// Explore: whatever is measured, over whatever span.
import { catalogue, idOf, nameOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { query, setQuery } from "../../core/router.js";
import { bindKey } from "../../core/keys.js";
import { may } from "../../core/session.js";
import { html, useEffect, useMemo, useRef, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { RangePicker } from "../../parts/range_picker.js";
import { Empty, Loaded } from "../../parts/states.js";
import { toast } from "../../parts/toasts.js";
import { Chart } from "./chart.js";
import { Out } from "./export.js";
import { Legend, Signs, Texts } from "./legend.js";
import { NoteDialog } from "./note_dialog.js";
import { MANAGE, Notes, useNotes } from "./notes.js";
import { Picker } from "./picker.js";
import { resolve } from "./series.js";
import { MOST_SERIES, moved, read, write } from "./state.js";

/** The address follows a hand that moves after this. */
const SETTLE_MS = 250;

export default function Explore() {
  const loaded = useLoad((signal, tell) => {
    tell(t("explore.reading_plant"));
    return catalogue();
  }, []);
  return html`<${PageHead} title=${t("explore.title")} /><${Loaded} of=${loaded}
      >${(found) => html`<${Body} catalogue=${found} />`}<//
    >`;
}

function Body({ catalogue: known }) {
  const search = query.value.toString();
  const explored = useMemo(() => read(new URLSearchParams(search), Date.now()), [search]);
  const [hidden, setHidden] = useState(new Set());
  const [other, setOther] = useState(null);
  const [picking, setPicking] = useState(explored.series.length === 0);
  const [seen, setSeen] = useState({
    lines: new Map(),
    moment: null,
    range: [explored.from / 1000, explored.to / 1000],
  });
  const plotOf = useRef(null);
  const timer = useRef(0);
  const resolved = useLoad((signal) => resolve(explored.series, known, signal), [explored.series.join(",")]);
  const series = useMemo(
    () => (resolved.data ?? []).map((each) => ({ ...each, hidden: hidden.has(each.key) })),
    [resolved.data, hidden],
  );

  const put = (changes) => setQuery(write({ ...read(query.peek(), Date.now()), ...changes }));
  const setSeries = (keys) => put({ series: [...new Set(keys)] });
  const toggle = (key) => {
    const keys = explored.series;
    if (keys.includes(key)) setSeries(keys.filter((each) => each !== key));
    else if (keys.length >= MOST_SERIES) toast(t("explore.too_many", { count: MOST_SERIES }));
    else setSeries([...keys, key]);
  };
  const drop = (key) => {
    const before = explored.series;
    setSeries(before.filter((each) => each !== key));
    toast(t("explore.dropped"), { undo: () => setSeries(before) });
  };
  const hide = (key) =>
    setHidden((old) => new Set(old.has(key) ? [...old].filter((each) => each !== key) : [...old, key]));
  const byHand = ({ from, to }) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => put({ last: 0, from, to }), SETTLE_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const chosen = useMemo(() => new Set(explored.series), [explored.series.join(",")]);
  const { notes, again } = useNotes(series, seen.range, known);
  const [note, setNote] = useState(null);
  const writeNote = () => {
    const [from, to] = seen.range;
    const moment = seen.moment ?? (explored.last ? to : (from + to) / 2);
    setNote({ from: moment, to: moment, text: "" });
  };
  const mayNote = may(MANAGE) && series.length > 0;
  useEffect(() => (mayNote ? bindKey("n", writeNote) : undefined));

  return html`<div class="explore ${picking ? "picking" : ""}">
    <aside class="card picker" aria-label=${t("explore.sources")}>
      <${Picker} catalogue=${known} chosen=${chosen} toggle=${toggle} asset=${query.value.get("asset") ?? ""} />
      <button class="button primary phone-only" onClick=${() => setPicking(false)}>${t("explore.done")}</button>
    </aside>
    <div class="stack explored">
      <div class="row apart">
        <div class="row">
          <button class="button phone-only" onClick=${() => setPicking(true)}>
            <${Icon} name="plus" />${t("explore.add")}
          </button>
          <${RangePicker} range=${explored} choose=${(range) => put(range.last ? range : { last: 0, ...range })} />
          <${Steps} explored=${explored} seen=${seen} put=${put} />
        </div>
        <div class="row">
          ${mayNote && html`<button class="button" type="button" data-do="note" title=${t("explore.note_key")} onClick=${writeNote}>
            <${Icon} name="note" /><span class="wide-only">${t("explore.note_new")}</span>
          </button>`}
          ${series.length > 0 && html`<${Out} series=${series} range=${seen.range} plotOf=${plotOf} />`}
        </div>
      </div>
      ${
        explored.series.length === 0
          ? html`<${Teaching} />`
          : html` <section class="card chart-card">
                <${Chart} ...${{ series, explored, choose: byHand, seen: setSeen, plotOf, notes, openNote: setNote }} />
                <${Legend}
                  ...${{ series, seen, hide, drop, compare: (each, shift) => setSeries([...explored.series, moved(each.key, shift)]), compareOther: setOther }}
                />
                <${Signs} series=${series} seen=${seen} />
              </section>
              <${Notes} ...${{ notes, range: seen.range, known, change: setNote, again }} />
              <${Texts} series=${series} seen=${seen} />`
      }
    </div>
    ${note && html`<${NoteDialog} key=${note.name ?? ""} note=${note} series=${series} again=${again} close=${() => setNote(null)} />`}
    ${
      other &&
      html`<${OtherMachine}
        series=${other}
        catalogue=${known}
        close=${() => setOther(null)}
        choose=${(key) => {
          setOther(null);
          setSeries([...explored.series, key]);
        }}
      />`
    }
  </div>`;
}

/** Back and forth by a part of the span, nearer and farther, and to now. */
function Steps({ explored, seen, put }) {
  const [from, to] = seen.range.map((moment) => moment * 1000);
  const length = to - from;
  const step = (start, end) => put({ last: 0, from: from + length * start, to: to + length * end });
  const button = (name, icon, act) =>
    html`<button type="button" class="button icon" aria-label=${name} title=${name} onClick=${act}>${icon}</button>`;
  return html`<div class="row joined" role="group" aria-label=${t("explore.steps")}>
    ${button(t("explore.back"), html`<${Icon} name="back" />`, () => step(-0.5, -0.5))}
    ${button(t("explore.nearer"), "+", () => step(0.25, -0.25))}${button(t("explore.farther"), "−", () => step(-0.5, 0.5))}
    ${button(t("explore.forth"), html`<${Icon} name="turn" />`, () => step(0.5, 0.5))}
    ${!explored.last && button(t("explore.to_now"), html`<${Icon} name="live" />`, () => put({ last: Math.max(1000, Math.round(length)) }))}
  </div>`;
}

function Teaching() {
  return html`<div class="card">
    <${Empty} icon="chart" title=${t("explore.empty")}>
      <ol class="teaching">
        <li>${t("explore.teach_1")}</li>
        <li>${t("explore.teach_2")}</li>
        <li>${t("explore.teach_3")}</li>
      </ol><//
    >
  </div>`;
}

/** The same property of another machine of the same kind. */
function OtherMachine({ series, catalogue: known, close, choose }) {
  const model = known.assets.find(({ name }) => idOf(name) === series.asset)?.model;
  const suffix = series.base.slice(series.base.indexOf("/"));
  const others = known.assets.filter(
    (asset) =>
      asset.model === model && idOf(asset.name) !== series.asset && known.measured.has(idOf(asset.name) + suffix),
  );
  return html`<${Dialog} title=${t("explore.with_other")} close=${close}>
    ${others.length === 0 && html`<p class="dim">${t("explore.no_other")}</p>`}
    <ul class="choices">
      ${others.map(
        (asset) =>
          html`<li>
            <button
              type="button"
              class="button quiet"
              data-asset=${idOf(asset.name)}
              onClick=${() => choose(idOf(asset.name) + suffix)}
            >
              <${Icon} name="machine" /><span>${nameOf(asset)}</span
              ><span class="dim small ellipsis">${known.measured.get(idOf(asset.name) + suffix).where}</span>
            </button>
          </li>`,
      )}
    </ul><//
  >`;
}
