// The chart of a page: keeps lines up to date with what is explored, live and stored.
import { followSamples } from "../../core/live_samples.js";
import { dark } from "../../core/theme.js";
import { html, useEffect, useRef, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { LONGEST_MS, SHORTEST_MS } from "../../parts/range_picker.js";
import { Failure } from "../../parts/states.js";
import { Lane } from "./notes.js";
import { Plot } from "./plot.js";
import { append, carry, isGrown, nothing, readLines } from "./samples.js";

/** A hand that moves is waited for this long before more is asked. */
const SETTLE_MS = 90;
/** How often a live chart moves, at the most. */
const FRAME_MS = 50;
/** A live chart that has grown by this share of its span is asked for again: what came live is not thinned. */
const RENEW_SHARE = 0.4;
/** One whose lines have grown long is asked for again no sooner than this. */
const RENEW_MS = 10000;
/** What is asked for before its stream is open misses nothing that one sees, if that was not longer ago. */
const OPENING_MS = 1000;

/** Keeps a span inside of what a chart can show, about its middle. */
export function bounded(from, to) {
  const middle = (from + to) / 2;
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, to - from));
  return [middle - length / 2, middle + length / 2];
}

/**
 * @param {object} props
 * @param {object[]} props.series with `key`, `tagId`, `factor`, `offset`, `shift`, `unit`, `unitText`, `stepped`, `colour`, `hidden`, `isText`
 * @param {import("./state.js").Explored} props.explored
 * @param {(range: {from: number, to: number}) => void} props.choose another span, by hand
 * @param {(seen: {lines: Map, moment: number | null, range: [number, number]}) => void} props.seen what the legend shows
 * @param {{current: Plot | null}} props.plotOf
 * @param {object[]} props.notes with `from` and `to` in seconds @param {(note: object) => void} props.openNote
 */
export function Chart({ series, explored, choose, seen, plotOf, notes, openNote }) {
  const element = useRef(null);
  const state = useRef({ lines: new Map(), range: [0, 1], moment: null, asked: null, timer: 0, points: 800 });
  const props = useRef(null);
  props.current = { series, explored, choose, seen };
  const [isLive, setIsLive] = useState(false);
  const [problem, setProblem] = useState(null);
  const keys = series.map(({ key }) => key).join(",");

  const tell = () => {
    const { lines, moment, range } = state.current;
    props.current.seen({ lines, moment, range });
  };
  const draw = () => {
    const shown = props.current.series
      .filter(({ isText }) => !isText)
      .map((each) => ({ ...each, dashed: each.shift !== 0, line: state.current.lines.get(each.key) ?? nothing() }));
    plotOf.current?.draw(shown, state.current.range, props.current.explored.last > 0);
    tell();
  };
  const ask = async () => {
    state.current.asked?.abort();
    const abort = new AbortController();
    state.current.asked = abort;
    const [from, to] = state.current.range.map((moment) => moment * 1000);
    const points = Math.max(200, element.current?.clientWidth ?? 800);
    state.current.points = points;
    try {
      const answer = await readLines(props.current.series, { from, to, points }, abort.signal);
      if (props.current.explored.last) {
        for (const [key, line] of answer.lines) carry(line, state.current.lines.get(key) ?? nothing());
      }
      for (const line of answer.lines.values()) line.asked = line.time.length;
      state.current.lines = answer.lines;
      setProblem(null);
      draw();
      element.current?.setAttribute("data-drawn", String(Math.round(performance.now())));
    } catch (failure) {
      if (!abort.signal.aborted) setProblem(failure);
    }
  };
  const askSoon = () => {
    clearTimeout(state.current.timer);
    state.current.timer = setTimeout(ask, SETTLE_MS);
  };
  /** By hand: what is there is moved at once, what is missing is asked for when the hand rests. */
  const zoom = (from, to) => {
    const [start, end] = bounded(from * 1000, to * 1000);
    state.current.range = [start / 1000, end / 1000];
    plotOf.current?.show(state.current.range);
    props.current.choose({ from: start, to: end });
    askSoon();
  };

  useEffect(() => {
    plotOf.current = new Plot(element.current, {
      zoom,
      cursor: (moment) => {
        state.current.moment = moment;
        requestAnimationFrame(tell);
      },
    });
    return () => {
      clearTimeout(state.current.timer);
      state.current.asked?.abort();
      plotOf.current.end();
      plotOf.current = null;
    };
  }, []);
  useEffect(() => {
    const { from, to, last } = explored;
    const now = Date.now();
    const range = last ? [(now - last) / 1000, now / 1000] : [from / 1000, to / 1000];
    const same = range.every((moment, place) => Math.abs(moment - state.current.range[place]) < 0.001);
    state.current.range = range;
    if (series.length === 0) return;
    if (!same || keys !== state.current.keys) ask();
    state.current.keys = keys;
  }, [keys, explored.last, explored.from, explored.to]);
  useEffect(draw, [series.map(({ hidden, colour }) => `${hidden}${colour}`).join(), dark.value]);
  useEffect(() => plotOf.current?.mark(notes), [notes]);
  useLive({ series, keys, explored, state, draw, ask, setIsLive });

  const onKey = (event) => {
    const [from, to] = state.current.range;
    const length = to - from;
    const moves = {
      ArrowLeft: [-0.2, -0.2],
      ArrowRight: [0.2, 0.2],
      "+": [0.2, -0.2],
      "=": [0.2, -0.2],
      "-": [-0.4, 0.4],
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    zoom(from + length * move[0], to + length * move[1]);
  };
  return html`<div class="chart-box">
    ${explored.last > 0 && html`<span class="badge live ${isLive ? "good" : "warn"}" role="status">${isLive ? t("explore.live") : t("explore.connecting")}</span>`}
    ${problem && html`<${Failure} problem=${problem} again=${ask} />`}
    <${Lane} notes=${notes} range=${state.current.range} area=${plotOf.current?.area} open=${openNote} />
    <div
      class="chart"
      ref=${element}
      tabindex="0"
      role="application"
      aria-label=${t("explore.chart_label")}
      onKeyDown=${onKey}
    ></div>
  </div>`;
}

/** Lets a chart that ends now grow and move. */
function useLive({ series, keys, explored, state, draw, ask, setIsLive }) {
  const { last } = explored;
  useEffect(() => {
    if (!last || series.length === 0) return undefined;
    const byTag = new Map();
    for (const each of series) if (each.shift === 0) byTag.set(each.tagId, [...(byTag.get(each.tagId) ?? []), each]);
    const receive = (frame) => {
      for (const block of frame) take(block, byTag, state.current.lines);
    };
    const begun = Date.now();
    let asked = begun;
    let wasLive = false;
    const renew = () => {
      asked = Date.now();
      ask();
    };
    // A stream that comes back begins with the newest sample: what came meanwhile is asked for, so that no line is
    // drawn across it.
    const follow = (now) => {
      setIsLive(now);
      if (now && (wasLive || Date.now() - begun > OPENING_MS)) renew();
      wasLive ||= now;
    };
    const stop = byTag.size === 0 ? () => {} : followSamples([...byTag.keys()], { receive, state: follow });
    const step = Math.max(FRAME_MS, last / 2000);
    const timer = setInterval(
      () => {
        if (document.hidden) return;
        const now = Date.now();
        state.current.range = [(now - last) / 1000, now / 1000];
        const grown = [...state.current.lines.values()].some((line) => isGrown(line, state.current.points));
        const pause = grown ? Math.min(RENEW_MS, last * RENEW_SHARE) : last * RENEW_SHARE;
        if (now - asked > Math.max(2000, pause)) renew();
        else draw();
      },
      Math.min(step, 1000),
    );
    return () => {
      clearInterval(timer);
      stop();
      setIsLive(false);
    };
  }, [keys, last]);
}

/** Puts a block of live samples to the lines that show its tags. */
function take({ tag, time, status, value }, byTag, lines) {
  tag.forEach((id, row) => {
    for (const each of byTag.get(String(id)) ?? []) {
      const line = lines.get(each.key);
      if (line) append(line, { time: time[row], status: status[row], value: value[row] }, each);
    }
  });
}
