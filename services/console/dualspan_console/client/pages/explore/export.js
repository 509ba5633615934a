// Out of a chart: a link, an image, a table as a file.
import { file, save } from "../../core/api.js";
import { may, ofTenant, tenant } from "../../core/session.js";
import { colour } from "../../core/theme.js";
import { dateTime, t } from "../../core/words.js";
import { html, useState } from "../../core/view.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Segments } from "../../parts/layout.js";
import { Menu } from "../../parts/menu.js";
import { Note } from "../../parts/states.js";
import { attempt, toast } from "../../parts/toasts.js";

const FORMS = {
  csv: ["TABLE_FORM_CSV", "csv"],
  xlsx: ["TABLE_FORM_XLSX", "xlsx"],
  parquet: ["TABLE_FORM_PARQUET", "parquet"],
};
const STEPS = { "1s": 1, "1m": 60, "15m": 900, "1h": 3600 };
const stamp = (milliseconds) =>
  new Date(milliseconds).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");

/** The buttons. */
export function Out({ series, range, plotOf }) {
  const [asking, setAsking] = useState(false);
  const [link, setLink] = useState("");
  // Browsers let pages reach the clipboard over HTTPS only, which plants seldom have: then by hand.
  const copy = () =>
    navigator.clipboard
      ? attempt(() => navigator.clipboard.writeText(fixed(range)), t("explore.link_copied"))
      : setLink(fixed(range));
  const drawing = () => image(plotOf.current.canvas, series, range);
  const copyPicture = () =>
    attempt(
      () => navigator.clipboard.write([new ClipboardItem({ "image/png": drawing() })]),
      t("explore.image_copied"),
    );
  const picture = () => attempt(async () => save(await drawing(), `dualspan-${stamp(range[0] * 1000)}.png`));
  return html`<${Menu}
      name=${t("explore.share")}
      label=${html`<${Icon} name="download" /><span class="wide-only">${t("explore.share")}</span>`}
    >
      <button type="button" data-do="link" onClick=${copy}><${Icon} name="link" />${t("explore.copy_link")}</button>
      <button type="button" data-do="image" onClick=${picture}><${Icon} name="image" />${t("explore.image")}</button>
      ${navigator.clipboard?.write && html`<button type="button" data-do="copy-image" onClick=${copyPicture}><${Icon} name="copy" />${t("explore.copy_image")}</button>`}
      ${may("analytics.queries.read") && html`<button type="button" data-do="file" onClick=${() => setAsking(true)}>
        <${Icon} name="download" />${t("explore.file")}</button>`} <//
    >${link && html`<${Dialog} title=${t("explore.copy_link")} close=${() => setLink("")}><${Copy} text=${link} label=${t("explore.copy_link")} /><//>`}
    ${asking && html`<${FileDialog} series=${series} range=${range} close=${() => setAsking(false)} />`}`;
}

/** The address of what is seen, with its times as they are now: who opens it later sees the same. */
export function fixed(range) {
  const link = new URL(location.href);
  link.searchParams.delete("last");
  link.searchParams.set("from", new Date(range[0] * 1000).toISOString());
  link.searchParams.set("to", new Date(range[1] * 1000).toISOString());
  return link.href;
}

/** The question of `data:query` for what is drawn. */
export function question(series, range, { form, step }) {
  const columns = series
    .filter(({ asset, shift }) => asset && !shift)
    .map(({ asset, property, index }) => ({
      asset: `${tenant()}/assets/${asset}`,
      property,
      index,
      ...(step ? { aggregate: "AGGREGATE_TIME_AVERAGE2" } : {}),
    }));
  return {
    columns,
    startTime: new Date(range[0] * 1000).toISOString(),
    endTime: new Date(range[1] * 1000).toISOString(),
    form: FORMS[form][0],
    quality: "QUALITY_COLUMNS_STATUS",
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...(step ? { interval: `${step}s` } : {}),
  };
}

function FileDialog({ series, range, close }) {
  const [form, setForm] = useState("csv");
  const [rows, setRows] = useState("raw");
  const [busy, setBusy] = useState(false);
  const numbers = series.filter(({ asset, shift }) => asset && !shift);
  const left = series.length - numbers.length;
  const texts = numbers.some(({ isText }) => isText);
  const fetchFile = async () => {
    setBusy(true);
    try {
      const body = question(series, range, { form, step: STEPS[rows] ?? 0 });
      save(await file(ofTenant("data:query"), body), `dualspan-${stamp(range[0] * 1000)}.${FORMS[form][1]}`);
      close();
    } catch (problem) {
      toast(problem.message);
      setBusy(false);
    }
  };
  const actions = html`<button class="button" onClick=${close}>${t("core.cancel")}</button>
    <button class="button primary" data-do="download" disabled=${busy || numbers.length === 0} onClick=${fetchFile}>
      ${busy ? t("explore.preparing") : t("explore.download")}
    </button>`;
  return html`<${Dialog} title=${t("explore.file")} close=${close} actions=${actions}
    ><div class="stack">
      <p>
        ${t("explore.file_of", { count: numbers.length, from: dateTime(range[0] * 1000), to: dateTime(range[1] * 1000) })}
      </p>
      <${Segments}
        label=${t("explore.form")}
        chosen=${form}
        choose=${setForm}
        of=${[
          ["csv", "CSV"],
          ["xlsx", "Excel (XLSX)"],
          ["parquet", "Parquet"],
        ]}
      />
      <${Segments}
        label=${t("explore.rows")}
        chosen=${rows}
        choose=${setRows}
        of=${[
          ["raw", t("explore.as_came")],
          ...(texts
            ? []
            : [
                ["1s", t("explore.each_1s")],
                ["1m", t("explore.each_1m")],
                ["15m", t("explore.each_15m")],
                ["1h", t("explore.each_1h")],
              ]),
        ]}
      />
      ${left > 0 && html`<${Note}>${t("explore.file_without", { count: left })}<//>`}
      ${busy && html`<progress aria-label=${t("explore.preparing")} />`}
    </div><//
  >`;
}

/** The chart with names and times, as PNG. */
function image(canvas, series, range) {
  const scale = devicePixelRatio;
  const shown = series.filter(({ hidden, isText }) => !hidden && !isText);
  const head = (34 + shown.length * 20) * scale;
  const sheet = document.createElement("canvas");
  sheet.width = canvas.width + 32 * scale;
  sheet.height = canvas.height + head + 24 * scale;
  const ctx = sheet.getContext("2d");
  ctx.fillStyle = colour("--card");
  ctx.fillRect(0, 0, sheet.width, sheet.height);
  ctx.textBaseline = "middle";
  ctx.font = `${13 * scale}px system-ui, sans-serif`;
  ctx.fillStyle = colour("--dim");
  ctx.fillText(`${dateTime(range[0] * 1000)} – ${dateTime(range[1] * 1000)}`, 16 * scale, 18 * scale);
  shown.forEach(({ title, where, unitText, colour: name, before }, place) => {
    const top = (40 + place * 20) * scale;
    ctx.fillStyle = colour(name);
    ctx.fillRect(16 * scale, top - 2 * scale, 16 * scale, 3 * scale);
    ctx.fillStyle = colour("--ink");
    ctx.fillText(
      `${where} / ${title}${unitText ? ` (${unitText})` : ""}${before ? ` – ${before}` : ""}`,
      40 * scale,
      top,
    );
  });
  ctx.drawImage(canvas, 16 * scale, head);
  return new Promise((resolve, reject) => {
    sheet.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t("core.failed")))), "image/png");
  });
}
