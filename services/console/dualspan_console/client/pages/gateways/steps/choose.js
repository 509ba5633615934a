// What is to be recorded: the machines that the platform recognises, and any other variable of the tree.
import { ask, get } from "../../../core/api.js";
import { catalogue, idOf } from "../../../core/catalogue.js";
import { useLoad } from "../../../core/load.js";
import { query, setQuery } from "../../../core/router.js";
import { may } from "../../../core/session.js";
import { html, useMemo, useState } from "../../../core/view.js";
import { t } from "../../../core/words.js";
import { Tabs } from "../../../parts/layout.js";
import { Loaded, Note } from "../../../parts/states.js";
import { keepChoice, keptChoice } from "../progress.js";
import { Groups } from "./groups.js";
import { NodeTree } from "./nodes.js";

/** A person looks at one page of machines after the other; a plant of more is applied in turns. */
const MOST_GROUPS = 2000;

/** The choice of a server and how it is changed; it outlives a reload. */
export function useChoice(server) {
  const [choice, setChoice] = useState(() => keptChoice(server));
  const change = (changes) =>
    setChoice((old) => {
      const next = { ...old, ...changes };
      keepChoice(server, next);
      return next;
    });
  return [choice, change];
}

/** Whether a server is too large to be looked at as a whole. */
export const isTooLarge = (problem) => problem?.reason === "TOO_MANY_VARIABLES";

/** Every machine of the server's proposal, with what people have corrected in it; makes one if there is none. */
export async function readProposal(server, signal) {
  const proposal = await ask(`${server}:proposeMapping`, { reuse: true }, signal);
  const groups = [];
  let pageToken = "";
  do {
    const page = await get(`${proposal.name}/groups`, { pageSize: 200, pageToken }, signal);
    groups.push(...page.groups);
    pageToken = page.nextPageToken;
  } while (pageToken && groups.length < MOST_GROUPS);
  const { models } = await catalogue();
  return { proposal, groups, models: new Map(models.map((each) => [idOf(each.name), each])) };
}

/** Whether something of a machine can be applied and a person has not left it out. */
export const isChosen = (group, choice) =>
  !group.asset && !choice.without.includes(group.group) && group.matches.some(({ sure }) => sure);

export function Choose({ situation: { server, snapshot } }) {
  const [choice, change] = useChoice(server.name);
  const canPropose = may("onboarding.assets.manage");
  const tab = query.value.get("tab") ?? (canPropose ? "machines" : "tree");
  const loaded = useLoad(
    (signal) => (canPropose ? readProposal(server.name, signal) : null),
    [server.name, snapshot.name],
  );
  const machines = useMemo(
    () => (loaded.data?.groups ?? []).filter((group) => isChosen(group, choice)),
    [loaded.data, choice],
  );
  const count = machines.length;
  return html`<${Tabs}
      label=${t("connect.step_choose")}
      of=${[...(canPropose ? [["machines", t("connect.machines")]] : []), ["tree", t("connect.tree")]]}
      chosen=${tab}
      choose=${(next) => setQuery({ tab: next })}
    />
    ${
      tab === "machines"
        ? isTooLarge(loaded.problem)
          ? html`<${Note} tone="warn">${t("connect.too_large")}<//>`
          : html`<${Loaded} of=${loaded} lines=${5}
              >${(found) => html`<${Groups} ...${found} choice=${choice} change=${change} again=${loaded.again} />`}<//
            >`
        : html`<${NodeTree}
            key=${snapshot.name}
            server=${server.name}
            snapshot=${snapshot}
            choice=${choice}
            change=${change}
          />`
    }
    <div class="bar-below card">
      <span class="grow" role="status">${t("connect.chosen", { machines: count, nodes: choice.nodes.length })}</span>
      <button
        type="button"
        class="button primary"
        data-do="to-load"
        disabled=${count + choice.nodes.length === 0}
        onClick=${() => setQuery({ step: "load" }, { replace: false })}
      >
        ${t("connect.to_load")}
      </button>
    </div>
    ${!canPropose && html`<${Note}>${t("connect.no_proposals")}<//>`}`;
}
