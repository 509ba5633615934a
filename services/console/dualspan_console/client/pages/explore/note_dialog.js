// A note is written: what was, when, and what it is about.
import { html, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Segments } from "../../parts/layout.js";
import { forInput } from "../../parts/range_picker.js";
import { Field } from "../../parts/schema_form.js";
import { toast } from "../../parts/toasts.js";
import { keepNote } from "./notes.js";

const MOST_LETTERS = 2000;
const MOST_SUBJECTS = 50;

/** What is drawn, as what a note can be about. */
function subjects(series) {
  const assets = [...new Set(series.filter(({ asset }) => asset).map(({ asset }) => asset))];
  const tagIds = [...new Set(series.filter(({ asset }) => !asset).map(({ tagId }) => tagId))];
  return { assets: assets.slice(0, MOST_SUBJECTS), tagIds: tagIds.slice(0, MOST_SUBJECTS) };
}

/**
 * @param {{note: {name?: string, from: number, to: number, text: string, assets?: string[], tagIds?: string[]},
 *   series: object[], again: () => void, close: () => void}} props times in seconds
 */
export function NoteDialog({ note, series, again, close }) {
  const [text, setText] = useState(note.text);
  const [isSpan, setIsSpan] = useState(note.to > note.from);
  const [from, setFrom] = useState(forInput(note.from * 1000));
  const [to, setTo] = useState(forInput(note.to * 1000));
  const own = note.name && note.assets.length + note.tagIds.length === 0;
  const [about, setAbout] = useState(own ? "all" : "drawn");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (event) => {
    event.preventDefault();
    const start = Date.parse(from) / 1000;
    const end = isSpan ? Date.parse(to) / 1000 : start;
    if (!(end >= start)) return setWrong(t("range.empty"));
    const drawn = note.name && !own ? { assets: note.assets, tagIds: note.tagIds } : subjects(series);
    const of = about === "all" ? { assets: [], tagIds: [] } : drawn;
    setBusy(true);
    try {
      await keepNote({ name: note.name, etag: note.etag, from: start, to: end, text: text.trim(), ...of }, again);
      close();
    } catch (problem) {
      const isLate = problem.reason === "ETAG_MISMATCH";
      if (isLate) again();
      toast(isLate ? t("explore.note_late") : problem.message);
      setBusy(false);
    }
    return undefined;
  };
  const moment = (label, value, set, fault) =>
    html`<${Field} label=${label} wrong=${fault}
      >${(bound) => html`<input class="input" type="datetime-local" step="0.001" ...${bound} value=${value} onInput=${(event) => set(event.target.value)} />`}<//
    >`;
  const actions = html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
    <button class="button primary" data-do="keep-note" form="note" disabled=${busy || !text.trim()}>${t("core.save")}</button>`;
  return html`<${Dialog} title=${t(note.name ? "explore.note_change" : "explore.note_new")} close=${close} actions=${actions}
    ><form class="stack" id="note" onSubmit=${save}>
      <${Field} label=${t("explore.note_text")}
        >${(bound) => html`<textarea class="input" name="text" autofocus maxlength=${MOST_LETTERS} ...${bound} value=${text} onInput=${(event) => setText(event.target.value)} />`}<//
      >
      <${Segments}
        label=${t("explore.note_when")}
        chosen=${isSpan ? "span" : "moment"}
        choose=${(id) => setIsSpan(id === "span")}
        of=${[
          ["moment", t("explore.note_moment")],
          ["span", t("explore.note_span")],
        ]}
      />
      ${moment(t("range.from"), from, setFrom)}${isSpan && moment(t("range.to"), to, setTo, wrong)}
      <${Segments}
        label=${t("explore.about")}
        chosen=${about}
        choose=${setAbout}
        of=${[
          ["drawn", t("explore.about_drawn")],
          ["all", t("explore.about_all")],
        ]}
      />
    </form><//
  >`;
}
