// The OEE of each site on its present or last day, with the way to where it comes from.
import { ask } from "../../core/api.js";
import { assetName } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { calendars } from "../../core/periods.js";
import { may, ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { clocksOf, percent, t } from "../../core/words.js";
import { Figure } from "../../parts/layout.js";

const REFRESH_MS = 60000;
/** Far enough back to hold the whole of a day that begins with its first shift. */
const SPAN_MS = 30 * 3600e3;

/** The last whole day of each site; those that nothing is known of are left out. */
async function read(signal) {
  const now = Date.now();
  const span = { startTime: new Date(now - SPAN_MS).toISOString(), endTime: new Date(now).toISOString() };
  const body = { ...span, kpis: ["oee"], groupBy: ["DIMENSION_SITE", "DIMENSION_DAY"] };
  const [{ assets, kpis, startTimesUs, endTimesUs }, known] = await Promise.all([
    ask(ofTenant("kpis:query"), body, signal),
    calendars(signal),
  ]);
  const last = new Map();
  for (const [row, place] of (assets?.places ?? []).entries()) {
    const site = assets.texts[place];
    const [start, end] = [Number(startTimesUs[row]) / 1000, Number(endTimesUs[row]) / 1000];
    // Of a day that began earlier only a part was asked for.
    const isWhole = start >= now - SPAN_MS;
    if (isWhole && !(last.get(site)?.start > start))
      last.set(site, { start, end, oee: Number(kpis[0].values[row]) });
  }
  const found = [...last].filter(([site, { oee }]) => site && Number.isFinite(oee));
  return Promise.all(
    found.map(async ([site, { start, end, oee }]) => {
      const zone = known.find((calendar) => calendar.assets.includes(site))?.timeZone;
      const words = end > now ? t("home.oee_today") : t("home.oee_of", { day: clocksOf(zone).day(start) });
      return { site, oee, words, name: await assetName(site, signal) };
    }),
  );
}

export function Today() {
  const loaded = useLoad((signal) => (may("analytics.kpis.read") ? read(signal) : []), []);
  useEvery(REFRESH_MS, loaded.renew);
  // What is asked on the way here is a help, not what the page is for: without an answer it is not there.
  if (!loaded.data?.length) return null;
  return loaded.data.map(
    ({ site, oee, words, name }) =>
      html`<${Figure}
        key=${site}
        label=${html`<a href="/oee?at=${encodeURIComponent(site)}">${name}</a>`}
        under=${words}
        >${percent(oee)}<//
      >`,
  );
}
