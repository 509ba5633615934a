// The lines by name: colour, unit, the value under the pointer, the extremes of what is seen, and what can be done with each.
import { html, useState } from "../../core/view.js";
import { clock, number, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { Badge } from "../../parts/layout.js";
import { extremes, nothing, rowAt, severity } from "./samples.js";

const QUALITY = ["", "explore.uncertain", "explore.bad", "explore.bad"];
const DAY = 86400e3;
const TEXTS_SHOWN = 100;

function valueOf(series, line, moment) {
  const row = moment === null ? line.time.length - 1 : rowAt(line, moment);
  if (row < 0) return { text: "–", quality: 0 };
  const text = series.isText ? String(line.raw[row] ?? "–") : number(line.value[row]);
  return { text, quality: severity(line.status[row]), time: line.time[row] };
}

/**
 * @param {object} props
 * @param {object[]} props.series @param {{lines: Map, moment: number | null, range: [number, number]}} props.seen
 * @param {(key: string) => void} props.hide @param {(key: string) => void} props.drop
 * @param {(series: object, shift: number) => void} props.compare @param {(series: object) => void} props.compareOther
 */
export function Legend({ series, seen, hide, drop, compare, compareOther }) {
  return html`<div class="table legend">
    <table>
      <caption class="unseen">
        ${t("explore.lines")}
      </caption>
      <thead>
        <tr>
          <th scope="col">${t("explore.line")}</th>
          <th scope="col" class="number">
            ${seen.moment === null ? t("explore.newest") : t("explore.at", { time: clock(seen.moment * 1000) })}
          </th>
          <th scope="col" class="number wide-only">${t("explore.least")}</th>
          <th scope="col" class="number wide-only">${t("explore.most")}</th>
          <th scope="col"><span class="unseen">${t("explore.actions")}</span></th>
        </tr>
      </thead>
      <tbody>
        ${series.map((each) => html`<${Line} key=${each.key} ...${{ series: each, seen, hide, drop, compare, compareOther }} />`)}
      </tbody>
    </table>
  </div>`;
}

function Line({ series, seen, hide, drop, compare, compareOther }) {
  const line = seen.lines.get(series.key) ?? nothing();
  const { text, quality } = valueOf(series, line, seen.moment);
  const { least, most } = series.isText ? { least: null, most: null } : extremes(line, ...seen.range);
  const name = series.before ? t("explore.earlier", { name: series.title, span: series.before }) : series.title;
  return html`<tr data-series=${series.key} class=${series.hidden ? "hidden-line" : ""}>
    <td>
      <button
        type="button"
        class="line-name"
        aria-pressed=${!series.hidden}
        title=${series.hidden ? t("explore.show") : t("explore.hide")}
        onClick=${() => hide(series.key)}
      >
        <span class="swatch ${series.before ? "dashed" : ""}" style=${{ borderColor: `var(${series.colour})` }}></span>
        <span class="stack bare"><span class="leaf">${name}</span><span class="under">${series.where}</span></span>
      </button>
    </td>
    <td class="number">
      <span class="value wrap-any">${text}</span>
      <span class="dim">${series.unitText}</span>
      ${quality > 0 && html` <${Badge} tone=${quality > 1 ? "bad" : "warn"}>${t(QUALITY[quality])}<//>`}
    </td>
    <td class="number wide-only">${number(least)}</td>
    <td class="number wide-only">${number(most)}</td>
    <td class="number">
      <span class="row tools"
        ><${Menu}
          class="button quiet icon"
          name=${t("explore.compare_of", { name })}
          label=${html`<${Icon} name="compare" />`}
        >
          <button type="button" data-do="compare-day" onClick=${() => compare(series, DAY)}>
            ${t("explore.with_yesterday")}
          </button>
          <button type="button" data-do="compare-week" onClick=${() => compare(series, 7 * DAY)}>
            ${t("explore.with_week")}
          </button>
          ${series.asset && html`<button type="button" data-do="compare-other"
            onClick=${() => compareOther(series)}>${t("explore.with_other")}</button>`}<//
        >
        <button
          type="button"
          class="button quiet icon"
          aria-label=${t("explore.drop", { name })}
          title=${t("explore.drop", { name })}
          onClick=${() => drop(series.key)}
        >
          <${Icon} name="close" /></button
      ></span>
    </td>
  </tr>`;
}

/** What the shades of the chart mean, where there are some. */
export function Signs({ series, seen }) {
  const lines = series.filter(({ hidden }) => !hidden).map(({ key }) => seen.lines.get(key) ?? nothing());
  const [from, to] = seen.range;
  const hasGap = lines.some(({ gaps }) => gaps.some(([start, end]) => end > from && start < to));
  const worst = Math.max(
    0,
    ...lines
      .filter(({ flawed }) => flawed)
      .map((line) => line.status.reduce((most, each, row) => (inside(line.time[row], seen.range) ? Math.max(most, severity(each)) : most), 0)),
  );
  const signs = [
    ...(hasGap ? [["gap", t("explore.sign_gap")]] : []),
    ...(worst === 1 ? [["warn", t("explore.sign_uncertain")]] : []),
    ...(worst > 1 ? [["bad", t("explore.sign_bad")]] : []),
  ];
  if (signs.length === 0) return null;
  return html`<ul class="signs">
    ${signs.map(([id, words]) => html`<li key=${id}><span class="sign-${id}" aria-hidden="true"></span>${words}</li>`)}
  </ul>`;
}

const inside = (moment, [from, to]) => moment >= from && moment <= to;

/** What has no numbers is listed: the newest texts of the span first. */
export function Texts({ series, seen }) {
  const [more, setMore] = useState(false);
  const rows = series
    .filter(({ isText }) => isText)
    .flatMap((each) => {
      const line = seen.lines.get(each.key) ?? nothing();
      return line.time
        .map((time, row) => ({ time, text: String(line.raw[row] ?? ""), title: each.title }))
        .filter(({ time }) => time >= seen.range[0] && time <= seen.range[1]);
    })
    .sort((a, b) => b.time - a.time);
  if (rows.length === 0) return null;
  const shown = rows.slice(0, more ? TEXTS_SHOWN : 8);
  return html`<section class="card">
    <h2>${t("explore.texts")}</h2>
    <ol class="texts">
      ${shown.map(
        ({ time, text, title }) =>
          html`<li>
            <span class="dim mono nowrap">${clock(time * 1000)}</span> <span class="dim">${title}</span
            ><span class="wrap-any">${text}</span>
          </li>`,
      )}
    </ol>
    ${rows.length > shown.length && !more && html`<button class="button" onClick=${() => setMore(true)}>${t("explore.more")}</button>`}
  </section>`;
}
