// Which rate of a tariff holds at a moment, by the clock of its own time zone.
const parts = new Map();

/** A local day by its date: weekday (1 is Monday) and month. */
function dayOf(date) {
  const day = new Date(`${date}T00:00:00Z`);
  return { date, weekday: ((day.getUTCDay() + 6) % 7) + 1, month: day.getUTCMonth() + 1 };
}

const before = ({ date }) => dayOf(new Date(Date.parse(`${date}T00:00:00Z`) - 86400e3).toISOString().slice(0, 10));

/** The local day of a moment, and its minute of the day. */
function local(zone, at) {
  if (!parts.has(zone)) {
    const digits = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
    parts.set(zone, new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...digits }));
  }
  const words = parts.get(zone).formatToParts(at);
  const found = Object.fromEntries(words.map(({ type, value }) => [type, value]));
  const today = dayOf(`${found.year}-${found.month}-${found.day}`);
  return { today, minute: Number(found.hour) * 60 + Number(found.minute) };
}

const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));

/** Whether a window that begins on that local day is open at a minute counted from its midnight. */
function holds(window, day, minute, holidays) {
  const [start, end] = [minutes(window.start), minutes(window.end)];
  const until = end <= start ? end + 1440 : end;
  const begins =
    !holidays.includes(day.date) &&
    (window.weekdays.length === 0 || window.weekdays.includes(day.weekday)) &&
    (window.months.length === 0 || window.months.includes(day.month));
  return begins && minute >= start && minute < until;
}

/** @param {object} tariff as the contract has it @param {number} at @returns {string} the rate's name */
export function bandAt(tariff, at) {
  const { today, minute } = local(tariff.timeZone, at);
  const yesterday = before(today);
  const found = tariff.windows.find(
    (window) =>
      holds(window, today, minute, tariff.holidays) || holds(window, yesterday, minute + 1440, tariff.holidays),
  );
  return found?.rate ?? tariff.defaultRate;
}
