// A screen at the line: a dashboard over all of it, or several in turn, day and night.
import { get } from "../../core/api.js";
import { catalogue, forgetCatalogue } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { go, query } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { html, useEffect, useState } from "../../core/view.js";
import { clock, t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { Patterns } from "../../parts/patterns.js";
import { Empty, Failure, Waiting } from "../../parts/states.js";
import { Panel } from "./panel.js";
import { rowsOf } from "./place.js";
import { readRotation } from "./rotation.js";

const TICK_MS = 1000;
/** What others keep meanwhile is seen after this at the latest. */
const RENEW_MS = 60e3;
const RELEASE_MS = 3600e3;
/** Where this release's files are. */
const BASE = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** Nobody reloads a screen at the line: it does so itself when the platform has a newer release. */
async function lookForRelease() {
  forgetCatalogue();
  const answer = await fetch("/").catch(() => null);
  if (answer?.ok && !(await answer.text()).includes(`"${BASE}/main.js"`)) location.reload();
}

/** The screen stays on where the browser lets a page ask for that. */
function useWake() {
  useEffect(() => {
    let held = null;
    const ask = () => {
      if (!document.hidden) navigator.wakeLock?.request("screen").then((lock) => (held = lock), () => {});
    };
    ask();
    document.addEventListener("visibilitychange", ask);
    return () => {
      document.removeEventListener("visibilitychange", ask);
      held?.release();
    };
  }, []);
}

/** Which of some things has its turn, and when the next one has. */
function useTurns(count, milliseconds) {
  const [state, setState] = useState({ at: 0, since: Date.now(), paused: false });
  const turn = (step) => setState((old) => ({ ...old, at: (old.at + step + count) % count, since: Date.now() }));
  useEvery(TICK_MS, () => {
    if (count > 1 && !state.paused && Date.now() - state.since >= milliseconds) turn(1);
  });
  return { ...state, turn, pause: () => setState((old) => ({ ...old, paused: !old.paused, since: Date.now() })) };
}

export default function Kiosk({ dashboard }) {
  const { ids, milliseconds } = readRotation(dashboard, query.value);
  const turns = useTurns(ids.length, milliseconds);
  const id = ids[turns.at % ids.length];
  const loaded = useLoad(
    async (signal) => {
      const [known, found] = await Promise.all([catalogue(), get(ofTenant(`dashboards/${id}`), {}, signal)]);
      return { id, known, found };
    },
    [id],
  );
  useEvery(RENEW_MS, loaded.renew);
  useEvery(RELEASE_MS, lookForRelease);
  useWake();
  useEffect(() => {
    document.documentElement.classList.add("at-the-line");
    return () => document.documentElement.classList.remove("at-the-line");
  }, []);
  const data = loaded.data?.id === id ? loaded.data : null;
  return html`<div class="kiosk">
    <${Patterns} /><${Bar} title=${data?.found.displayName ?? ""} id=${id} ids=${ids} turns=${turns} />
    ${loaded.problem && html`<${Failure} problem=${loaded.problem} again=${loaded.again} />`}
    ${data ? html`<${Board} ...${data} />` : !loaded.problem && html`<${Waiting} lines=${6} />`}
  </div>`;
}

function Board({ known, found }) {
  if (found.panels.length === 0)
    return html`<${Empty} icon="grid" title=${t("dashboards.empty")}><p>${t("dashboards.empty_hint")}</p><//>`;
  return html`<div class="board" style=${{ "--rows": rowsOf(found.panels) }}>
    ${found.panels.map((panel) => html`<${Panel} key=${`${found.name} ${panel.id}`} panel=${panel} known=${known} />`)}
  </div>`;
}

function Bar({ title, id, ids, turns }) {
  const [now, setNow] = useState(Date.now());
  useEvery(TICK_MS, () => setNow(Date.now()));
  useEffect(() => {
    document.title = `${title} · DualSpan`;
  }, [title]);
  const leave = async () => {
    if (document.fullscreenElement) await document.exitFullscreen();
    go(`/dashboards/${id}`);
  };
  const button = (name, icon, act, pressed) =>
    html`<button class="button quiet icon" type="button" aria-label=${name} title=${name} aria-pressed=${pressed} onClick=${act}><${Icon} name=${icon} /></button>`;
  return html`<header>
    <h1 class="ellipsis">${title}</h1>
    <span class="grow"></span>
    ${
      ids.length > 1 &&
      html`<span class="dim nowrap">${t("dashboards.which", { at: turns.at + 1, count: ids.length })}</span>
        <span class="row tools">
          ${button(t("dashboards.before"), "back", () => turns.turn(-1))}${button(t("dashboards.hold"), turns.paused ? "play" : "stop", turns.pause, turns.paused)}
          ${button(t("dashboards.next"), "turn", () => turns.turn(1))}
        </span>`
    }
    <time class="nowrap">${clock(now)}</time>${button(t("dashboards.exit"), "close", leave)}
  </header>`;
}
