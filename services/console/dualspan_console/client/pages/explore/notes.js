// Notes at times of a chart: asked, shown over it and below it, written, changed, taken away.
import { all, patch, post, remove } from "../../core/api.js";
import { idOf, nameOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { assetOf, iso, upward } from "../../core/production.js";
import { nameOfActor } from "../../core/people.js";
import { may, ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { clock, dateTime, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { attempt, toast } from "../../parts/toasts.js";

export const MANAGE = "analytics.annotations.manage";
const RENEW_MS = 60e3;
const NONE = [];
const MOST = 500;

/** What notes can be about: assets, with what they are part of, and tags that belong to none. */
export function aboutOf(series, known) {
  const assets = series.filter(({ asset }) => asset).flatMap(({ asset }) => upward(known, asset));
  const tagIds = series.filter(({ asset }) => !asset).map(({ tagId }) => tagId);
  return { assets: [...new Set(assets)].slice(0, 100), tagIds: [...new Set(tagIds)] };
}

const noteOf = (each) => ({
  ...each,
  from: Date.parse(each.startTime) / 1000,
  to: Date.parse(each.endTime ?? each.startTime) / 1000,
});

/**
 * The notes of a span: asked for once more than the span on both sides, so that a small move needs no question.
 * @param {object[]} series @param {[number, number]} range in seconds @param {object} known
 * @returns {{notes: object[], again: () => void}}
 */
export function useNotes(series, range, known) {
  const length = Math.max(1, range[1] - range[0]);
  const [first, last] = [Math.floor(range[0] / length) - 1, Math.ceil(range[1] / length) + 1];
  const about = aboutOf(series, known);
  const isAsked = may("analytics.annotations.read") && series.length > 0 && range[1] > 1;
  const loaded = useLoad(
    async (signal) => {
      if (!isAsked) return [];
      const query = { startTime: iso(first * length * 1000), endTime: iso(last * length * 1000), ...about };
      return (await all(ofTenant("annotations"), "annotations", { query, most: MOST, signal })).map(noteOf);
    },
    [isAsked, Math.round(length), first, last, about.assets.join(), about.tagIds.join()],
  );
  useEvery(RENEW_MS, loaded.renew);
  return { notes: loaded.data ?? NONE, again: loaded.again };
}

const isSeen = ({ from, to }, range) => to >= range[0] && from <= range[1];

/** Marks over the chart, each at its time. */
export function Lane({ notes, range, area, open }) {
  const shown = notes.filter((note) => isSeen(note, range));
  if (!area || shown.length === 0) return null;
  const place = (moment) =>
    area.left + area.width * Math.max(0, Math.min(1, (moment - range[0]) / (range[1] - range[0])));
  return html`<div class="lane" role="group" aria-label=${t("explore.notes")}>
    ${shown.map(
      (note) =>
        html`<button
          key=${note.name}
          type="button"
          class="mark"
          style=${{ left: `${place(note.from)}px` }}
          title=${`${clock(note.from * 1000)}: ${note.text}`}
          aria-label=${t("explore.note_at", { time: clock(note.from * 1000), text: note.text.slice(0, 80) })}
          onClick=${() => open(note)}
        >
          <${Icon} name="note" />
        </button>`,
    )}
  </div>`;
}

const when = ({ from, to }) =>
  to > from ? `${dateTime(from * 1000)} – ${clock(to * 1000)}` : dateTime(from * 1000);

function aboutWords({ assets, tagIds }, known) {
  if (assets.length + tagIds.length === 0) return t("explore.about_all");
  return [...assets.map((id) => nameOf(assetOf(known, id) ?? { name: id })), ...tagIds.map((id) => `#${id}`)].join(", ");
}

/** The notes of what is seen, the latest first. */
export function Notes({ notes, range, known, change, again }) {
  const shown = notes.filter((note) => isSeen(note, range)).sort((a, b) => b.from - a.from);
  if (shown.length === 0) return null;
  return html`<section class="card">
    <h2>${t("explore.notes")}</h2>
    <ol class="notes">
      ${shown.map(
        (note) =>
          html`<li key=${note.name} data-note=${idOf(note.name)}>
            <div class="grow">
              <p class="wrap-any pre">${note.text}</p>
              <p class="dim small wrap-any">
                ${when(note)} · ${aboutWords(note, known)} · ${nameOfActor(note.author)}
                ${note.editor !== note.author && ` · ${t("explore.note_changed_by", { name: nameOfActor(note.editor) })}`}
              </p>
            </div>
            ${may(MANAGE) && html`<${Tools} note=${note} change=${change} again=${again} />`}
          </li>`,
      )}
    </ol>
  </section>`;
}

function Tools({ note, change, again }) {
  const drop = async () => {
    const back = async () => {
      await post(`${note.name}:undelete`);
      again();
    };
    await attempt(() => remove(note.name, { etag: note.etag }), t("explore.note_dropped"), { undo: back });
    again();
  };
  return html`<span class="row tools">
    <button type="button" class="button quiet icon" aria-label=${t("explore.note_change")} title=${t("explore.note_change")} onClick=${() => change(note)}>
      <${Icon} name="pencil" />
    </button>
    <button type="button" class="button quiet icon" data-do="drop-note" aria-label=${t("explore.note_drop")} title=${t("explore.note_drop")} onClick=${drop}>
      <${Icon} name="bin" />
    </button>
  </span>`;
}

/** Writes a note, or changes the one that it has the name of. */
export async function keepNote({ name, etag, from, to, text, assets, tagIds }, again) {
  const body = { startTime: iso(from * 1000), endTime: iso(to * 1000), text, assets, tagIds };
  if (name) await patch(name, { ...body, etag });
  else {
    const made = await post(ofTenant("annotations"), body);
    const undo = async () => {
      await remove(made.name);
      again();
    };
    toast(t("explore.note_kept"), { undo });
  }
  again();
}
