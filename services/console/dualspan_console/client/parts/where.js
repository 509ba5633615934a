// Where and when: the place in the plant and the shift, day or week that a page is about. Both stand in the address.
import { catalogue, idOf, nameOf } from "../core/catalogue.js";
import { useEvery, useLoad } from "../core/load.js";
import { calendarOf, calendars, KINDS, neighbour, periodAt, shiftsAround } from "../core/periods.js";
import { assetOf, iso } from "../core/production.js";
import { query, setQuery } from "../core/router.js";
import { html } from "../core/view.js";
import { clocksOf, dateTime, t } from "../core/words.js";
import { Icon } from "./icons.js";
import { Segments } from "./layout.js";
import { Empty, Loaded } from "./states.js";

const DAY = 86400e3;
const WEEK = 7 * DAY;
const REFRESH_MS = 30_000;

/** What the address says; what it does not say is the first site, and today. */
async function read(search, signal) {
  const asked = new URLSearchParams(search);
  const [known, all] = await Promise.all([catalogue(), calendars(signal)]);
  const first = (known.below.get("") ?? []).find(({ level }) => level !== "ASSET_LEVEL_MACHINE") ?? known.assets[0];
  const at = assetOf(known, asked.get("at") ?? "") ? asked.get("at") : first ? idOf(first.name) : "";
  const kind = KINDS.includes(asked.get("span")) ? asked.get("span") : "day";
  const [from, to] = [Date.parse(asked.get("from") ?? ""), Date.parse(asked.get("to") ?? "")];
  const calendar = calendarOf(all, known, at);
  const shifts = await shiftsAround(calendar, Number.isFinite(from) ? from : Date.now(), signal);
  const period = to > from ? { from, to } : periodAt(kind, Date.now(), shifts);
  // Whoever looks from elsewhere sees the plant's days and hours.
  const clocks = clocksOf(calendar?.timeZone);
  return { known, at, kind, calendar, calendars: all, shifts, clocks, ...period };
}

/**
 * Follows the address, and the time where that names none: `{data: {known, at, kind, from, to, calendar, shifts, clocks}, …}`.
 * @param {string} [fixed] id of the asset that the page is of, whatever place the address names
 */
export function useWhere(fixed) {
  const wanted = ["at", "span", "from", "to"].map((name) => query.value.get(name) ?? "");
  if (fixed) wanted[0] = fixed;
  const found = useLoad(
    (signal) =>
      read(`?at=${encodeURIComponent(wanted[0])}&span=${wanted[1]}&from=${wanted[2]}&to=${wanted[3]}`, signal),
    wanted,
  );
  useEvery(REFRESH_MS, () => !wanted[3] && found.data?.to <= Date.now() && found.renew());
  return found;
}

const put = (kind, { from, to }) => setQuery({ span: kind, from: iso(from), to: iso(to) }, { replace: false });
/** The present shift, day or week, and the next one when that is over. */
const follow = (kind) => setQuery({ span: kind, from: null, to: null }, { replace: false });
const show = (kind, period) => (period.to > Date.now() ? follow(kind) : put(kind, period));

/**
 * The page's body below its place and time; teaches where there is no machine yet.
 * @param {{of: ReturnType<typeof useWhere>, children: (where: object) => any, fixed?: boolean}} props
 *   `fixed`: the page is of one place
 */
export function AtPlace({ of, children, fixed }) {
  return html`<${Loaded} of=${of}
    >${(where) =>
      where.at === ""
        ? html`<div class="card">
            <${Empty} icon="machine" title=${t("production.no_machines")}><p>${t("production.no_machines_hint")}</p><//>
          </div>`
        : html`<div class="stack">
            <div class="row where">
              ${!fixed && html`<${PlacePicker} known=${where.known} at=${where.at} />`}<${PeriodPicker}
                where=${where}
              />
            </div>
            ${children(where)}
          </div>`}<//
  >`;
}

/** Sites, areas, lines and machines, each below what it is part of. */
export function PlacePicker({ known, at, choose = (id) => setQuery({ at: id }, { replace: false }), none }) {
  const rows = [];
  const walk = (parent, depth) => {
    for (const asset of known.below.get(parent) ?? []) {
      rows.push([idOf(asset.name), `${"  ".repeat(depth)}${nameOf(asset)}`]);
      if (depth < 6) walk(asset.name, depth + 1);
    }
  };
  walk("", 0);
  return html`<select
    class="input place"
    name="at"
    aria-label=${t("production.place")}
    onChange=${(event) => choose(event.target.value)}
  >
    ${none && html`<option value="" selected=${at === ""}>${none}</option>`}
    ${rows.map(([id, words]) => html`<option key=${id} value=${id} selected=${id === at}>${words}</option>`)}
  </select>`;
}

function periodWords({ kind, from, to, shifts, clocks }) {
  const { day } = clocks;
  const shift = shifts.find((each) => each.from === from && each.to === to);
  if (kind === "shift" && shift) return `${day(from)}, ${shift.name}`;
  if (kind === "day" && to - from <= 26 * 3600e3) return day(from);
  if (kind === "week" && to - from <= WEEK + 3600e3) return `${day(from)} – ${day(from + 6 * DAY)}`;
  return `${clocks.dateTime(from)} – ${clocks.dateTime(to)}`;
}

function PeriodPicker({ where }) {
  const { kind, shifts, from, clocks } = where;
  const choose = (next) => show(next, periodAt(next, Math.min(Date.now(), kind === "week" ? Date.now() : from), shifts));
  const step = (direction) => show(kind, neighbour(kind, where, direction, shifts));
  const isNow = where.to >= Date.now();
  const arrow = (name, icon, direction, off) =>
    html`<button
      type="button"
      class="button icon"
      aria-label=${t(name)}
      title=${t(name)}
      disabled=${off}
      onClick=${() => step(direction)}
    >
      <${Icon} name=${icon} />
    </button>`;
  const kinds = KINDS.filter((each) => each !== "shift" || shifts.length > 0).map((id) => [
    id,
    t(`production.span_${id}`),
  ]);
  return html`<${Segments} of=${kinds} chosen=${kind} choose=${choose} label=${t("production.span")} />
    <div class="row joined" role="group" aria-label=${t("production.when")}>
      ${arrow("production.earlier", "back", -1, false)}${arrow("production.later", "turn", 1, isNow)}
    </div>
    <strong class="period" aria-live="polite">${periodWords(where)}</strong>
    ${clocks.dateTime(from) !== dateTime(from) && html`<span class="dim small" data-zone=${clocks.zone}>${t("production.zone", { zone: clocks.zone })}</span>`}
    ${!isNow && html`<button class="button quiet" type="button" onClick=${() => follow(kind)}>${t("production.now")}</button>`}`;
}

/** Says that nobody has told when the plant is to run, and how it is told. */
export function NoCalendar({ where }) {
  if (where.calendar) return null;
  return html`<div class="note warn">
    <${Icon} name="clock" />
    <div class="grow">
      <p>${t("production.no_calendar")}</p>
      <p>
        <code
          >dualspan analytics calendar set works --zone Asia/Shanghai --asset ${where.at} --shift
          early=06:00-14:00</code
        >
      </p>
    </div>
  </div>`;
}
