// One app of ours: its versions, and what it costs.
import { all, get, post } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { useSending } from "../../core/sending.js";
import { ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Badge, PageHead } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt } from "../../parts/toasts.js";
import { planId, planName, price } from "../market/plans.js";
import { Versions } from "./versions.js";

async function read(app, signal) {
  const [versions, { plans }] = await Promise.all([
    all(ofTenant("appVersions"), "appVersions", { query: { appId: app }, signal }),
    get(ofTenant(`apps/${app}/plans`), {}, signal),
  ]);
  return { versions, plans };
}

export default function App({ app }) {
  const loaded = useLoad((signal) => read(app, signal), [app]);
  const [making, setMaking] = useState(false);
  return html`<${PageHead} title=${app} crumbs=${[[t("nav.publisher"), "/publisher"], [app]]} />
    <${Loaded} of=${loaded}
      >${({ versions, plans }) =>
        html`<div class="stack">
          <section class="card flush"><header><h2>${t("publisher.versions")}</h2></header><${Versions} versions=${versions} byApp=${false} /></section>
          <section class="card flush">
            <header>
              <h2>${t("market.plans")}</h2>
              <button class="button" data-do="add-plan" onClick=${() => setMaking(true)}><${Icon} name="plus" />${t("publisher.add_plan")}</button>
            </header>
            <${Plans} plans=${plans} again=${loaded.again} />
          </section>
        </div>`}<//
    >
    ${making && html`<${Make} app=${app} close=${() => setMaking(false)} again=${loaded.again} />`}`;
}

const PLAN_TONES = { PLAN_STATE_OFFERED: "good", PLAN_STATE_PREPARED: "info", PLAN_STATE_RETIRED: "" };

function Plans({ plans, again }) {
  if (plans.length === 0)
    return html`<${Empty} icon="coins" title=${t("publisher.no_plans")}><p>${t("publisher.no_plans_hint")}</p><//>`;
  const retire = async (plan) => {
    await attempt(() => post(`${plan.name}:retire`), t("publisher.retired"));
    again();
  };
  const columns = [
    { id: "name", title: t("market.plan"), cell: (plan) => html`<span class="leaf">${planName(plan)}</span><span class="under">${planId(plan)}</span>` },
    { id: "price", title: t("publisher.price"), cell: price },
    {
      id: "state",
      title: t("publisher.state"),
      cell: ({ state }) => html`<${Badge} tone=${PLAN_TONES[state] ?? ""}>${t(`publisher.plan_${state.replace("PLAN_STATE_", "")}`)}<//>`,
    },
    {
      id: "do",
      title: html`<span class="unseen">${t("admin.actions")}</span>`,
      cell: (plan) =>
        plan.state !== "PLAN_STATE_RETIRED" &&
        html`<button class="button" aria-label=${t("publisher.retire_plan", { name: planName(plan) })} onClick=${() => retire(plan)}>${t("publisher.retire")}</button>`,
    },
  ];
  return html`<${Table} label=${t("market.plans")} rows=${plans} rowKey=${({ name }) => name} columns=${columns} />`;
}

const MODELS = ["FREE", "TRIAL", "FLAT", "PER_ASSET_HOUR"];
const CURRENCIES = ["CNY", "EUR", "USD"];
const isPaid = (model) => model === "FLAT" || model === "PER_ASSET_HOUR";
const NEW = { id: "", en: "", zh: "", model: "FREE", price: "", currency: "CNY", days: "14" };

/** The plan of a form, as the contract has it. */
function planOf({ en, zh, model, price: amount, currency, days }) {
  const plan = { displayName: { en, zh }, model: `PLAN_MODEL_${model}` };
  if (isPaid(model)) return { ...plan, priceMicros: String(Math.round(Number(amount) * 1e6)), currency };
  return model === "TRIAL" ? { ...plan, trialDays: Number(days) } : plan;
}

function Make({ app, close, again }) {
  const [given, setGiven] = useState(NEW);
  const { problem, busy, submit } = useSending(async () => {
    await post(ofTenant(`apps/${app}/plans`), planOf(given), { planId: given.id });
    again();
    close();
  });
  const bind = (name) => ({ class: "input", name: `plan-${name}`, value: given[name], onInput: (event) => setGiven({ ...given, [name]: event.target.value }) });
  const field = (name, label, more = {}) =>
    html`<${Field} label=${label}>${(bound) => html`<input ...${bind(name)} required ...${more} ...${bound} />`}<//>`;
  const choice = (name, label, of) =>
    html`<${Field} label=${label}
      >${(bound) => html`<select ...${bind(name)} ...${bound}>${of.map(([id, words]) => html`<option value=${id}>${words}</option>`)}</select>`}<//
    >`;
  return html`<${Dialog}
    title=${t("publisher.add_plan")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="plan" data-do="create" disabled=${busy}>${t("admin.make")}</button>`}
  >
    <form id="plan" class="stack" onSubmit=${submit}>
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      ${field("id", t("admin.tenant_id"), { pattern: "[a-z0-9][a-z0-9\\-]{0,39}" })}
      ${field("en", t("publisher.en"))} ${field("zh", t("publisher.zh"), { lang: "zh-CN" })}
      ${choice("model", t("publisher.model"), MODELS.map((each) => [each, t(`publisher.model_${each}`)]))}
      ${isPaid(given.model) && field("price", t("publisher.price"), { type: "number", min: "0.000001", step: "any" })}
      ${isPaid(given.model) && choice("currency", t("publisher.currency"), CURRENCIES.map((each) => [each, each]))}
      ${given.model === "TRIAL" && field("days", t("publisher.trial_days"), { type: "number", min: "1", max: "90" })}
      <p class="dim small">${t("publisher.plan_stays")}</p>
    </form>
  <//>`;
}
