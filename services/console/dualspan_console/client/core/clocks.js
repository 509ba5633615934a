// Dates and times of day as the clocks of one time zone show them, and where its days begin.
const DAY = 86400e3;
const DIGITS = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
};

/** A date, from milliseconds since 1970, a `Date` or RFC 3339. */
export const asDate = (time) => (time instanceof Date ? time : new Date(time));

/** Formats of a zone; the person's own if there is none, or if their browser is older than the zone. */
function formatsOf(tongue, timeZone) {
  const of = (language, options) => new Intl.DateTimeFormat(language, { timeZone, ...options });
  const short = tongue.startsWith("zh") ? "zh-CN" : "en-GB";
  try {
    return {
      moments: of(tongue, { dateStyle: "medium", timeStyle: "medium" }),
      days: of(tongue, { dateStyle: "medium" }),
      times: of(tongue, { timeStyle: "medium" }),
      minutes: of(short, { hour: "2-digit", minute: "2-digit" }),
      shortDays: of(short, { day: "numeric", month: "short" }),
      wall: of("en-GB", { hourCycle: "h23", ...DIGITS }),
    };
  } catch (error) {
    if (timeZone === undefined || !(error instanceof RangeError)) throw error;
    return formatsOf(tongue, undefined);
  }
}

/**
 * @param {string} tongue a language, such as "en-GB" @param {string} [zone] IANA; the person's own if there is none
 */
export function clocksIn(tongue, zone) {
  const { moments, days, times, minutes, shortDays, wall } = formatsOf(tongue, zone);
  /** How far the zone's clocks are ahead of UTC at a moment. */
  const ahead = (at) => {
    const found = Object.fromEntries(wall.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year, month, day, hour, minute, second } = found;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  };
  return {
    zone: wall.resolvedOptions().timeZone,
    /** Date and time of day. */
    dateTime: (time) => (time ? moments.format(asDate(time)) : "–"),
    /** Date alone. */
    day: (time) => (time ? days.format(asDate(time)) : "–"),
    /** Time of day; with its date if that is not today. */
    clock: (time) => {
      const date = asDate(time);
      return (days.format(date) === days.format(new Date()) ? times : moments).format(date);
    },
    /** Hours and minutes: "14:05". */
    minute: (time) => minutes.format(time),
    /** A day without its year: "23 Nov". */
    shortDay: (time) => shortDays.format(time),
    /** The moment at which the day of a moment begins. */
    midnight: (at) => {
      const start = Math.floor((at + ahead(at)) / DAY) * DAY;
      // The clocks may have been changed since.
      return start - ahead(start - ahead(at));
    },
  };
}
