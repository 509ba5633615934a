// One subscription: how it is and gets on, its settings, what it may read, what it used and cost.
import { get, patch, post } from "../../core/api.js";
import { catalogue, nameOf } from "../../core/catalogue.js";
import { useEvery, useLoad } from "../../core/load.js";
import { assetOf } from "../../core/production.js";
import { query, setQuery } from "../../core/router.js";
import { may, ofTenant, tenant } from "../../core/session.js";
import { told } from "../../core/told.js";
import { html, useState } from "../../core/view.js";
import { clock, dateTime, local, number, t, tOr } from "../../core/words.js";
import { unitText } from "../../core/units.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Badge, PageHead, Tabs } from "../../parts/layout.js";
import { Menu } from "../../parts/menu.js";
import { SchemaForm, faults } from "../../parts/schema_form.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { attempt, toast } from "../../parts/toasts.js";
import { keyOf } from "../dashboards/kinds.js";
import { amount, amounts, costOf } from "./costs.js";
import { open } from "./page.js";
import { Refusals } from "./refusals.js";
import { causeOf, isMoving, isOver, toneOf, wordsOf } from "./states.js";

const MOVING_MS = 1000;
const RESTING_MS = 10000;

async function read(id, signal) {
  const subscription = await get(ofTenant(`subscriptions/${id}`), {}, signal);
  const [listing, apps, operations, refused] = await Promise.all([
    get(ofTenant(`listings/${subscription.app}`), {}, signal).catch(() => null),
    may("marketplace.apps.open") ? get(ofTenant("openableApps"), { pageSize: 1000 }, signal) : { openableApps: [] },
    get(ofTenant("operations"), { filter: "marketplace", pageSize: 50 }, signal).catch(() => ({ operations: [] })),
    get(`${subscription.name}/egressRefusals`, {}, signal),
  ]);
  const progress = operations.operations.find(({ metadata }) => metadata?.subscription === subscription.name);
  return {
    subscription,
    listing,
    progress,
    refusals: refused.egressRefusals,
    openable: apps.openableApps.find(({ name }) => name === subscription.name),
  };
}

export default function Subscription({ subscription: id }) {
  const loaded = useLoad((signal) => read(id, signal), [id]);
  const moving = loaded.data && isMoving(loaded.data.subscription.state);
  useEvery(moving ? MOVING_MS : RESTING_MS, loaded.renew);
  return html`<${Loaded} of=${loaded} lines=${5}
    >${(found) => html`<${Page} id=${id} ...${found} again=${loaded.again} />`}<//
  >`;
}

function Page({ id, subscription, listing, progress, refusals, openable, again }) {
  const tab = query.value.get("tab") ?? "state";
  const name = local(listing?.displayName) || subscription.app;
  const actions = html`${openable && html`<button class="button primary" data-do="open" 
    onClick=${() => attempt(() => open(subscription.name))}><${Icon} name="open" />${t("apps.open")}</button>`}
  ${may("marketplace.subscriptions.manage") && !isOver(subscription.state) && html`<${Manage} subscription=${subscription} again=${again} />`}`;
  const tabs = [
    ["state", t("apps.tab_state")],
    ["settings", t("apps.tab_settings")],
    ["grant", t("apps.tab_grant")],
    ["usage", t("apps.tab_usage")],
  ];
  return html`<${PageHead}
      title=${name}
      crumbs=${[[t("nav.my_apps"), "/apps"], [id]]}
      actions=${actions}
      says=${html`<${Badge} tone=${toneOf(subscription.state)}>${wordsOf(subscription.state)}<//> ${causeOf(subscription.cause)}`}
    />
    <div class="stack">
      <${Tabs} of=${tabs} chosen=${tab} choose=${(each) => setQuery({ tab: each })} label=${name} />
      ${tab === "state" && html`<${State} subscription=${subscription} progress=${progress} /><${Refusals} of=${refusals} />`}
      ${tab === "settings" && html`<${Settings} key=${subscription.etag} subscription=${subscription} listing=${listing} again=${again} />`}
      ${tab === "grant" && html`<${Grant} subscription=${subscription} />`}
      ${tab === "usage" && html`<${Usage} id=${id} subscription=${subscription} />`}
    </div>`;
}

/** The steps of the start as they are taken, and how it is. */
function State({ subscription, progress }) {
  const steps = progress?.metadata?.steps ?? [];
  const moving = isMoving(subscription.state);
  return html`${subscription.reason && html`<${Note} tone=${subscription.state.endsWith("FAILED") ? "bad" : "info"}>${subscription.reason}<//>`}
    ${subscription.healthProblem && html`<${Note} tone="warn">${t("apps.says_itself", { words: subscription.healthProblem })}<//>`}
    ${subscription.quotaNotice && html`<${Note} tone="warn">${told(subscription.quotaNotice)}<//>`}
    <section class="card stack">
      <h2>${t("apps.progress")}</h2>
      ${moving && html`<progress aria-label=${t("apps.progress")} />`}
      ${steps.length === 0 && html`<p class="dim">${moving ? t("apps.first_step") : t("apps.no_steps")}</p>`}
      <ol class="steps" aria-live="polite">
        ${steps.map(
          (step) =>
            html`<li key=${step.time + step.step}>
              <${Icon} name=${step.step === "give-up" ? "warning" : "check"} /><span class="grow"
                ><strong>${tOr(`step.${step.step}`, step.step)}</strong> <span class="dim">${told(step.words)}</span></span
              >
              <span class="dim small nowrap">${clock(step.time)}</span>
            </li>`,
        )}
      </ol>
    </section>
    <section class="card">
      <dl class="facts">
        <dt>${t("apps.app")}</dt>
        <dd>${subscription.app} ${subscription.version}</dd>
        <dt>${t("market.plan")}</dt>
        <dd>${subscription.plan}</dd>
        <dt>${t("apps.since")}</dt>
        <dd>${dateTime(subscription.createTime)}</dd>
        ${
          subscription.trialEndTime &&
          html`<dt>${t("apps.trial_end")}</dt>
            <dd>${dateTime(subscription.trialEndTime)}</dd>`
        }
        ${
          progress?.metadata?.provisioner &&
          html`<dt>${t("apps.runs_as")}</dt>
            <dd>${progress.metadata.provisioner}</dd>`
        }
      </dl>
    </section>`;
}

function Manage({ subscription, again }) {
  const [ending, setEnding] = useState(false);
  const change = async (verb, said, undo) => {
    await attempt(
      () => post(`${subscription.name}:${verb}`),
      said,
      undo && {
        undo: async () => {
          await post(`${subscription.name}:${undo}`);
          again();
        },
      },
    );
    again();
  };
  const suspended = subscription.state.endsWith("SUSPENDED");
  // What is not paid is started by whoever is paid, and by nobody else.
  const unpaid = subscription.cause === "unpaid";
  const end = async () => {
    setEnding(false);
    await change("cancel", t("apps.cancelled"));
  };
  return html`<${Menu} name=${t("apps.manage")} label=${html`<${Icon} name="more" />`}>
      ${
        suspended
          ? !unpaid && html`<button type="button" data-do="resume" onClick=${() => change("resume", t("apps.resumed"))}>
              <${Icon} name="play" />${t("apps.resume")}
            </button>`
          : html`<button
              type="button"
              data-do="suspend"
              onClick=${() => change("suspend", t("apps.suspended"), "resume")}
            >
              <${Icon} name="stop" />${t("apps.suspend")}
            </button>`
      }
      <button type="button" data-do="revoke" onClick=${() => change("revokeAppTokens", t("apps.revoked"))}>
        <${Icon} name="key" />${t("apps.revoke")}
      </button>
      <button type="button" data-do="cancel" onClick=${() => setEnding(true)}>
        <${Icon} name="bin" />${t("apps.cancel")}
      </button><//
    >
    ${
      ending &&
      html`<${Dialog}
        title=${t("apps.cancel")}
        close=${() => setEnding(false)}
        actions=${html`<button class="button" onClick=${() => setEnding(false)}>${t("core.keep")}</button>
          <button class="button danger" data-do="really-cancel" onClick=${end}>${t("apps.cancel")}</button>`}
        ><p>${t("apps.cancel_words")}</p><//
      >`
    }`;
}

function Settings({ subscription, listing, again }) {
  const schema = { type: "object", ...listing?.configuration };
  const [value, setValue] = useState(subscription.configuration ?? {});
  const [wrong, setWrong] = useState({});
  const [busy, setBusy] = useState(false);
  if (!listing?.configuration?.properties)
    return html`<div class="card">
      <${Empty} icon="info" title=${t("apps.no_settings")}><p>${t("apps.no_settings_hint")}</p><//>
    </div>`;
  const submit = async (event) => {
    event.preventDefault();
    const found = faults(schema, value);
    setWrong(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    const before = subscription.configuration ?? {};
    const save = async (configuration) => {
      const now = await get(subscription.name);
      await patch(subscription.name, { name: now.name, etag: now.etag, plan: now.plan, configuration });
      again();
    };
    try {
      await save(value);
      toast(t("apps.saved"), { undo: () => save(before) });
    } catch (problem) {
      toast(problem.message);
    }
    setBusy(false);
  };
  return html`<form class="card stack narrow" onSubmit=${submit} novalidate>
    <${SchemaForm} schema=${schema} value=${value} change=${setValue} wrong=${wrong} />
    ${may("marketplace.subscriptions.manage") && html`<div><button class="button primary" disabled=${busy}>${t("core.save")}</button></div>`}
  </form>`;
}

/** What the app may read, as people call it; by its ids where there is no such machine any more. */
async function grantedTo(subscription, signal) {
  const [known, { grantedTags }] = await Promise.all([catalogue(), get(`${subscription.name}/grantedTags`, {}, signal)]);
  return grantedTags.map((each) => {
    const { asset, property, index } = each;
    const machine = nameOf(assetOf(known, asset) ?? { name: asset });
    return { ...each, machine, title: known.measured.get(keyOf(each))?.title ?? `${property}${index ? ` ${index}` : ""}` };
  });
}

/** Exactly what the app may read. */
function Grant({ subscription }) {
  const loaded = useLoad(
    (signal) => grantedTo(subscription, signal),
    [subscription.generation],
  );
  const columns = [
    {
      id: "asset",
      title: t("apps.machine"),
      sort: ({ machine }) => machine,
      cell: ({ machine, role }) => html`<span class="leaf">${machine}</span><span class="under">${role}</span>`,
    },
    { id: "property", title: t("apps.property"), sort: ({ title }) => title, cell: ({ title }) => title },
    { id: "unit", title: t("apps.unit"), cell: ({ unit }) => unitText(unit) || "–" },
    {
      id: "chart",
      title: "",
      cell: ({ tag }) => html`<a href="/explore?s=tag/${tag.split("/").pop()}">${t("home.see_chart")}</a>`,
    },
  ];
  return html`<${Loaded} of=${loaded}
    >${(tags) =>
      html`<p>${t("apps.grant_words", { count: tags.length })}</p>
        <div class="card flush">
          <${Table}
            label=${t("apps.tab_grant")}
            rows=${tags}
            rowKey=${({ tag, property, index }) => `${tag} ${property} ${index}`}
            columns=${columns}
          />
        </div>`}<//
  >`;
}

async function readUsage(id, name, signal) {
  const [usage, statement] = await Promise.all([
    get(`${name}/usage`, {}, signal),
    may("marketplace.statements.read") ? get(`${tenant()}/statements/current`, {}, signal).catch(() => null) : null,
  ]);
  return { usage, statement, lines: (statement?.lines ?? []).filter(({ subscription }) => subscription === id) };
}

function Usage({ id, subscription }) {
  const loaded = useLoad((signal) => readUsage(id, subscription.name, signal), [subscription.name]);
  const usageColumns = [
    {
      id: "what",
      title: t("apps.used"),
      cell: ({ dimension }) => t(`usage.${dimension.replace("USAGE_DIMENSION_", "")}`),
    },
    {
      id: "much",
      title: t("apps.how_much"),
      number: true,
      cell: ({ quantity }) => number(Number(quantity.toPrecision(4))),
    },
  ];
  const lineColumns = [
    {
      id: "what",
      title: t("apps.line"),
      cell: ({ dimension, quantity, unit }) =>
        html`${tOr(`usage.${(dimension ?? "").replace("USAGE_DIMENSION_", "")}`, "")}${" "}<span class="dim">${number(Number(quantity.toPrecision(4)))} ${told(unit)}</span>`,
    },
    {
      id: "cost",
      title: t("apps.cost"),
      number: true,
      cell: (line) => (line.amount?.currency ? amount(line.amount) : t("apps.nothing")),
    },
  ];
  return html`<${Loaded} of=${loaded}
    >${({ usage, statement, lines }) =>
      html` ${usage.quotas.map(
          (quota) =>
            html`<section class="card stack tight">
              <h3>${t(`usage.${quota.dimension.replace("USAGE_DIMENSION_", "")}`)}</h3>
              <progress
                max=${Number(quota.hardLimit) || Number(quota.softLimit)}
                value=${Number(quota.used)}
                aria-label=${t("apps.limit")}
              />
              <p class="dim small">
                ${t("apps.of_limit", { used: Number(quota.used), limit: Number(quota.hardLimit) || Number(quota.softLimit) })}
              </p>
            </section>`,
        )}
        <section class="card flush">
          <header><h2>${t("apps.usage_month")}</h2></header>
          ${usage.amounts.length === 0 ? html`<p class="inside dim">${t("apps.not_used")}</p>`
            : html`<${Table} label=${t("apps.usage_month")} rows=${usage.amounts} rowKey=${({ dimension }) => dimension} columns=${usageColumns} />`}
        </section>
        ${
          statement &&
          html`<section class="card flush">
            <header>
              <h2>${t("apps.cost_month")}</h2>
              <strong>${amounts(costOf(statement, id))}</strong>
            </header>
            ${lines.length > 0 && html`<${Table} label=${t("apps.cost_month")} rows=${lines} rowKey=${({ number: line }) => String(line)}
              columns=${lineColumns} />`}
          </section>`
        }`}<//
  >`;
}
