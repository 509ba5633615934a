// Connecting a plant, step by step. Where one is comes from what the platform knows, and from the address.
import { idOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { query, setQuery } from "../../core/router.js";
import { html, useEffect } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { STEPS, look, nextStep, reachedStep, wasReached } from "./progress.js";
import { Box, NewBox } from "./steps/box.js";
import { Browse } from "./steps/browse.js";
import { Choose } from "./steps/choose.js";
import { Flow } from "./steps/flow.js";
import { Load } from "./steps/load.js";
import { FindServer } from "./steps/find.js";
import { Trust } from "./steps/trust.js";

const REFRESH_MS = 2000;
const PARTS = { box: Box, server: FindServer, trust: Trust, browse: Browse, choose: Choose, load: Load, flow: Flow };

/** `gateway` is "-" while there is none. */
export default function Connect({ gateway }) {
  if (gateway === "-") {
    return html`<${Head} />
      <div class="wizard">
        <${Stepper} at="box" reached="box" />
        <section class="stack"><${NewBox} /></section>
      </div>`;
  }
  return html`<${Wizard} key=${gateway} gateway=${gateway} />`;
}

function Head({ situation }) {
  const name = situation && (situation.gateway.displayName || idOf(situation.gateway.name));
  const crumbs = [
    [t("nav.gateways"), "/gateways"],
    ...(name ? [[name, `/gateways/${idOf(situation.gateway.name)}`]] : []),
  ];
  return html`<${PageHead}
    title=${t("connect.title")}
    says=${t("connect.says")}
    crumbs=${[...crumbs, [t("connect.title")]]}
  />`;
}

function Wizard({ gateway }) {
  const server = query.value.get("server") ?? "";
  const wished = query.value.get("step") ?? "";
  const loaded = useLoad((signal) => look(gateway, server, signal), [gateway, server]);
  useEvery(REFRESH_MS, loaded.renew);
  return html`<${Loaded} of=${loaded} lines=${6}
    >${(situation) => html`<${Steps} situation=${situation} server=${server} wished=${wished} again=${loaded.again} />`}<//
  >`;
}

/** While another server is being read, what is known is of the one before: only the gateway counts then. */
const ofServer = (situation, server) =>
  situation.server && idOf(situation.server.name) === server
    ? situation
    : { ...situation, server: null, snapshot: null, tags: 0 };

function Steps({ situation: known, server, wished, again }) {
  const situation = ofServer(known, server);
  const reached = reachedStep(situation);
  const step = STEPS.includes(wished) && wasReached(reached, wished) ? wished : nextStep(situation);
  const Part = PARTS[step];
  useEffect(() => {
    scrollTo(0, 0);
  }, [step]);
  return html`<${Head} situation=${situation} />
    <div class="wizard">
      <${Stepper} at=${step} reached=${reached} open=${(next) => setQuery({ step: next }, { replace: false })} />
      <section class="stack" id="step" data-step=${step} aria-labelledby="step-title">
        <h2 id="step-title" class="step-title">${t(`connect.step_${step}`)}</h2>
        <${Part} key=${server} situation=${situation} again=${again} />
      </section>
    </div>`;
}

/** Where one is, what is done, and a way back. */
function Stepper({ at, reached, open }) {
  return html`<nav class="stepper" aria-label=${t("connect.steps")}>
    <ol>
      ${STEPS.map((step, place) => {
        const isDone = step !== at && wasReached(reached, step) && STEPS.indexOf(step) < STEPS.indexOf(reached);
        const can = open && wasReached(reached, step);
        return html`<li key=${step} class=${step === at ? "here" : isDone ? "done" : ""}>
          <button
            type="button"
            disabled=${!can}
            aria-current=${step === at ? "step" : undefined}
            onClick=${() => open(step)}
          >
            <span class="sign">${isDone ? html`<${Icon} name="check" />` : place + 1}</span>
            <span class="name">${t(`connect.step_${step}`)}</span>
            ${isDone && html`<span class="unseen">${t("connect.done")}</span>`}
          </button>
        </li>`;
      })}
    </ol>
  </nav>`;
}
