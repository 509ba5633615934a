// One version, for its publisher: how its checks went, where it stands, what can be done next.
import { get, post } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { useOperation } from "../../core/operation.js";
import { ofTenant } from "../../core/session.js";
import { html, useEffect, useState } from "../../core/view.js";
import { local, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";
import { Loaded, Note } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";
import { Asks, Checks, Source } from "./asks.js";
import { isChecked, nextOf, stepsOf, toneOf, wordsOf } from "./states.js";

export default function Version({ app, version }) {
  const name = ofTenant(`apps/${app}/appVersions/${version}`);
  const loaded = useLoad((signal) => get(name, {}, signal), [name]);
  return html`<${Loaded} of=${loaded} lines=${6}
    >${(found) => html`<${Page} app=${app} version=${version} found=${found} again=${loaded.again} />`}<//
  >`;
}

function Page({ app, version, found, again }) {
  const [asking, setAsking] = useState("");
  const running = useOperation(isChecked(found) ? found.operation : "");
  useEffect(() => {
    if (running.done) again();
  }, [running.done]);
  const act = async (step, body = {}) => {
    setAsking("");
    await attempt(() => post(`${found.name}:${step}`, body), t(`publisher.done_${step}`));
    again();
  };
  const needsWords = (step) => step === "withdraw" || step === "deprecate";
  const actions = stepsOf(found).map(
    (step, place) =>
      html`<button class="button ${place === 0 && !needsWords(step) ? "primary" : ""}" key=${step} data-do=${step}
        onClick=${() => (needsWords(step) ? setAsking(step) : act(step))}>${t(`publisher.do_${step}`)}</button>`,
  );
  const title = `${local(found.asks?.displayName) || app} ${version}`;
  const checks = isChecked(found) ? (running.metadata?.checks ?? found.checks) : found.checks;
  return html`<${PageHead}
      title=${title}
      says=${local(found.asks?.summary)}
      crumbs=${[[t("nav.publisher"), "/publisher"], [app, `/publisher/${app}`], [version]]}
      actions=${actions}
    />
    <div class="stack">
      <p class="row"><${Badge} tone=${toneOf(found)}>${wordsOf(found)}<//><span class="dim">${nextOf(found)}</span></p>
      ${found.remark && html`<${Note} tone="warn">${found.remark}<//>`}
      <${Checks} checks=${checks} running=${isChecked(found)} /><${Asks} asks=${found.asks} /><${Source} manifest=${found.manifest} />
    </div>
    ${asking && html`<${Sure} step=${asking} title=${title} close=${() => setAsking("")} act=${act} />`}`;
}

/** What cannot be undone is asked for; of a withdrawal subscribers read why. */
function Sure({ step, title, close, act }) {
  const submit = (event) => {
    event.preventDefault();
    act(step, step === "withdraw" ? { remark: new FormData(event.target).get("remark") } : {});
  };
  return html`<${Dialog}
    title=${`${t(`publisher.do_${step}`)}: ${title}`}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.keep")}</button>
      <button class="button danger" form="sure" data-do="really">${t(`publisher.do_${step}`)}</button>`}
  >
    <form id="sure" class="stack" onSubmit=${submit}>
      <p>${t(`publisher.sure_${step}`)}</p>
      ${step === "withdraw" && html`<${Field} label=${t("publisher.why")}>${(bound) => html`<textarea class="input" name="remark" required ...${bound}></textarea>`}<//>`}
    </form>
  <//>`;
}
