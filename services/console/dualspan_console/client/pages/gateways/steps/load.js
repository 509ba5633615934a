// What the choice asks of the server, against what it bears; then it begins.
import { all, ask, post } from "../../../core/api.js";
import { forgetCatalogue, idOf } from "../../../core/catalogue.js";
import { useLoad } from "../../../core/load.js";
import { useOperation } from "../../../core/operation.js";
import { setQuery } from "../../../core/router.js";
import { may, ofTenant } from "../../../core/session.js";
import { html, useEffect, useRef, useState } from "../../../core/view.js";
import { bytes, number, t, tOr } from "../../../core/words.js";
import { Field } from "../../../parts/schema_form.js";
import { Loaded, Note } from "../../../parts/states.js";
import { keepChoice } from "../progress.js";
import { Progress } from "./checks.js";
import { isChosen, isTooLarge, readProposal, useChoice } from "./choose.js";

const INTERVALS = ["", "0.1s", "1s", "10s", "60s"];

/** What is proposed; of a server that is too large to be looked at as a whole, what a person has chosen is enough. */
async function proposalOf(server, signal) {
  try {
    return await readProposal(server, signal);
  } catch (problem) {
    if (!isTooLarge(problem)) throw problem;
    return null;
  }
}

/** Machines and variables that are chosen, and what they ask of the server. */
async function read(server, choice, signal) {
  const canPropose = may("onboarding.assets.manage");
  const found = canPropose ? await proposalOf(server, signal) : null;
  const groups = (found?.groups ?? []).filter((group) => isChosen(group, choice));
  const matched = groups.flatMap(({ matches }) => matches.filter(({ sure }) => sure).map(({ nodeId }) => nodeId));
  // Recognised machines have their models' intervals, whatever is chosen for the others.
  const proposed = groups.length > 0 && {
    mappingProposal: found.proposal.name,
    mappingGroups: groups.map(({ group }) => group),
  };
  const wanted = { nodeIds: choice.nodes, samplingInterval: choice.sampling || undefined, ...proposed };
  const [estimate, profiles] = await Promise.all([
    ask(`${server}:estimateLoad`, wanted, signal),
    all(ofTenant("vendorProfiles"), "vendorProfiles", { signal }),
  ]);
  const count = new Set([...matched, ...choice.nodes]).size;
  return { proposal: found?.proposal, groups, count, estimate, profiles };
}

export function Load({ situation: { server } }) {
  const [choice, change] = useChoice(server.name);
  const loaded = useLoad((signal) => read(server.name, choice, signal), [server.name, choice]);
  return html`<p class="dim">${t("connect.load_says")}</p>
    <${Loaded} of=${loaded} lines=${5}
      >${(found) =>
        found.count === 0
          ? html`<${Note} tone="warn">${t("connect.nothing_chosen")}<//>
              <div>
                <button type="button" class="button" onClick=${() => setQuery({ step: "choose" })}>
                  ${t("connect.back_to_choose")}
                </button>
              </div>`
          : html`<${Plan} server=${server} choice=${choice} change=${change} again=${loaded.again} ...${found} />`}<//
    >`;
}

function Plan({ server, choice, change, again, proposal, groups, count, estimate, profiles }) {
  const { figures, withinBudget, warnings } = estimate;
  return html`<div class="pair">
      <${Field} label=${t("connect.sampling")} hint=${t("connect.sampling_hint")}
        >${(bound) =>
          html`<select
            class="input"
            name="sampling"
            ...${bound}
            value=${choice.sampling}
            onChange=${(event) => change({ sampling: event.target.value })}
          >
            ${INTERVALS.map((each) => html`<option value=${each}>${each ? t("connect.every", { time: each.replace("s", " s") }) : t("connect.as_stated")}</option>`)}
          </select>`}<//
      >
      <${Profile} server=${server} estimate=${estimate} profiles=${profiles} again=${again} />
    </div>
    ${!estimate.limitsKnown && html`<${Limits} server=${server} again=${again} />`}
    <div class="card flush">
      <table class="budget">
        <caption class="unseen">
          ${t("connect.step_load")}
        </caption>
        <thead>
          <tr>
            <th scope="col">${t("connect.quantity")}</th>
            <th scope="col" class="number">${t("connect.present")}</th>
            <th scope="col" class="number">${t("connect.wanted")}</th>
            <th scope="col" class="number">${t("connect.limit")}</th>
          </tr>
        </thead>
        <tbody>
          ${figures.filter(({ wanted }) => wanted > 0).map((each) => html`<${Figure} key=${each.quantity} figure=${each} />`)}
        </tbody>
      </table>
    </div>
    ${warnings.map((each) => html`<${Note} key=${each} tone=${withinBudget ? "info" : "warn"}>${each}<//>`)}
    <${Note} tone=${withinBudget ? "good" : "bad"}>${t(withinBudget ? "connect.within" : "connect.over")}<//>
    <${Start} ...${{ server, choice, proposal, groups, count, withinBudget, again }} />`;
}

const amount = (value, unit) =>
  unit === "bytes" ? bytes(value) : `${number(Math.round(value * 10) / 10)}${unit.endsWith("/s") ? " /s" : ""}`;

function Figure({ figure }) {
  const share = figure.limit > 0 ? Math.min(1, figure.wanted / figure.limit) : 0;
  return html`<tr class=${figure.over ? "over" : ""} data-quantity=${figure.quantity}>
    <th scope="row">
      ${tOr(`connect.quantity_${figure.quantity}`, figure.quantity)}
      ${figure.detail && html`<span class="under">${figure.detail}</span>`}
    </th>
    <td class="number">${amount(figure.present, figure.unit)}</td>
    <td class="number">
      <strong>${amount(figure.wanted, figure.unit)}</strong
      >${figure.over && html`<span class="unseen">${t("connect.is_over")}</span>`}
    </td>
    <td class="number">
      ${figure.limit > 0 ? amount(figure.limit, figure.unit) : html`<span class="dim">${t("connect.no_limit")}</span>`}
      ${figure.limit > 0 && html`<meter min="0" max="1" high="0.8" optimum="0" value=${share} aria-label=${t("connect.share")}></meter>`}
    </td>
  </tr>`;
}

/** Which kind of server it is: it says so itself, or somebody does. */
function Profile({ server, estimate, profiles, again }) {
  const [problem, setProblem] = useState("");
  const choose = async (event) => {
    try {
      await post(`${server.name}:chooseVendorProfile`, { profile: event.target.value });
      setProblem("");
      again();
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  return html`<${Field} label=${t("connect.profile")} hint=${t("connect.profile_hint")} wrong=${problem}
    >${(bound) =>
      html`<select
        class="input"
        name="profile"
        ...${bound}
        value=${estimate.profile}
        disabled=${!may("onboarding.servers.manage")}
        onChange=${choose}
      >
        ${profiles.map(({ id, title }) => html`<option value=${id}>${tOr(`profile.${id}`, title)}</option>`)}
      </select>`}<//
  >`;
}

/** The server can be asked what it bears. */
function Limits({ server, again }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const operation = useOperation(name);
  useEffect(() => {
    if (operation.done && !operation.error) again();
  }, [operation.done]);
  const readLimits = async () => {
    setProblem("");
    try {
      setName((await post(`${server.name}:readLimits`)).name);
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  const failure = problem || operation.error;
  return html`<${Note} tone="warn">
    <p>${t("connect.limits_unknown")}</p>
    ${name && !operation.done && html`<${Progress} operation=${operation} told=${t("connect.reading_limits")} />`}
    ${failure && html`<p>${failure}</p>`}
    <p>
      <button
        type="button"
        class="button"
        disabled=${(name && !operation.done) || !may("onboarding.servers.manage")}
        onClick=${readLimits}
      >
        ${t("connect.read_limits")}
      </button>
    </p>
  <//>`;
}

function Start({ server, choice, proposal, groups, count, withinBudget, again }) {
  const applied = useRef(false);
  const [accepts, setAccepts] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const start = async () => {
    setBusy(true);
    setProblem("");
    try {
      const over = { acceptOverBudget: accepts };
      if (groups.length > 0 && !applied.current) {
        const chosen = { groups: groups.map(({ group }) => group), ...over };
        const { name } = await post(`${proposal.name}:apply`, { choice: chosen });
        // Half of it is done: what follows may fail and be tried again, and this be taken back all the same.
        applied.current = true;
        setQuery({ application: idOf(name) });
      }
      if (choice.nodes.length > 0) {
        const variables = choice.nodes.map((nodeId) => ({ nodeId }));
        await post(`${server.name}:acceptVariables`, {
          variables,
          samplingInterval: choice.sampling || undefined,
          ...over,
        });
      }
      keepChoice(server.name, null);
      forgetCatalogue();
      setQuery({ step: "flow", tab: null }, { replace: false });
    } catch (failure) {
      setProblem(failure.message);
      setBusy(false);
      if (applied.current) again();
    }
  };
  return html`${
      !withinBudget &&
      html`<label class="tick"
        ><input
          type="checkbox"
          name="accept"
          checked=${accepts}
          onChange=${(event) => setAccepts(event.target.checked)}
        /><span>${t("connect.accept_over")}</span></label
      >`
    }
    ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
    <div class="row">
      <button
        type="button"
        class="button primary"
        data-do="go"
        disabled=${busy || (!withinBudget && !accepts)}
        onClick=${start}
      >
        ${busy ? t("connect.starting") : t("connect.start", { count })}
      </button>
      <button type="button" class="button" onClick=${() => setQuery({ step: "choose" })}>
        ${t("connect.back_to_choose")}
      </button>
    </div>`;
}
