// The machines that the platform recognises: how sure it is, why, and what each variable would be.
import { post } from "../../../core/api.js";
import { idOf } from "../../../core/catalogue.js";
import { told } from "../../../core/told.js";
import { html, useState } from "../../../core/view.js";
import { local, percent, t } from "../../../core/words.js";
import { Badge } from "../../../parts/layout.js";
import { Empty } from "../../../parts/states.js";
import { attempt } from "../../../parts/toasts.js";
import { useSome } from "./some.js";

const saidOf = ({ nodeId, property, index }) => ({ nodeId, property, index });

/** Says what a variable is, "" for none of the machine's properties, and how that is taken back. */
async function correct({ proposal, group, again }, match, { property, index }, said) {
  const say = (corrections) => post(`${proposal.name}:correct`, { group: group.group, corrections });
  const isSame = (each) => each.property === property && each.index === index;
  // A property is one variable: the one that had it has none any more, and gets it back with this.
  const before = group.matches.filter((each) => each === match || isSame(each)).map(saidOf);
  const undo = async () => {
    await say(before);
    again();
  };
  const change = [{ nodeId: match.nodeId, property, index }];
  await attempt(() => say(change), said, isSame(match) ? {} : { undo });
  again();
}

/** Everything that a machine of a model has; of what it has several of, one more than is known. */
function slotsOf(model, group) {
  return model.properties.flatMap(({ id, indexed, displayName }) => {
    const title = local(displayName);
    if (!indexed) return [{ property: id, index: 0, title }];
    const known = group.matches.filter(({ property }) => property === id).map(({ index }) => index);
    return Array.from({ length: Math.max(0, ...known) + 1 }, (_, place) => ({
      property: id,
      index: place + 1,
      title: `${title} ${place + 1}`,
    }));
  });
}

export function Groups({ proposal, groups, models, choice, change, again }) {
  const { some, more } = useSome(groups);
  const open = groups.filter(({ asset }) => !asset);
  if (groups.length === 0)
    return html`<div class="card">
      <${Empty} icon="machine" title=${t("connect.no_machines")}><p>${t("connect.no_machines_hint")}</p><//>
    </div>`;
  const without = new Set(choice.without);
  const all = open.every(({ group }) => !without.has(group));
  const setAll = (want) => change({ without: want ? [] : open.map(({ group }) => group) });
  const numbers = {
    groups: groups.length,
    matched: proposal.matched,
    variables: proposal.variables,
    sure: proposal.sure,
  };
  return html`<p class="dim">${t("connect.proposal_says", numbers)}</p>
    ${
      open.length > 1 &&
      html`<label class="tick"
        ><input type="checkbox" name="all" checked=${all} onChange=${(event) => setAll(event.target.checked)} /><span
          >${t("connect.all_machines")}</span
        ></label
      >`
    }
    <ul class="stack tight">
      ${some.map((group) => html`<${Group} key=${group.group} ...${{ proposal, group, models, choice, change, again }} />`)}
    </ul>
    ${more}`;
}

const titleOf = (models, model, property) => {
  const known = models.get(model)?.properties.find(({ id }) => id === property);
  return known ? local(known.displayName) : property;
};

function Group({ proposal, group, models, choice, change, again }) {
  const sure = group.matches.filter((each) => each.sure).length;
  const isIn = !group.asset && !choice.without.includes(group.group);
  const toggle = () =>
    change({
      without: isIn ? [...choice.without, group.group] : choice.without.filter((each) => each !== group.group),
    });
  const model = models.get(group.model);
  return html`<li class="card group" data-group=${group.browsePath}>
    <div class="row apart">
      <label class="tick grow">
        <input type="checkbox" checked=${isIn} disabled=${Boolean(group.asset) || sure === 0} onChange=${toggle} />
        <span class="grow"
          ><span class="leaf">${group.displayName}</span>${" "}
          <span class="dim">${model ? local(model.displayName) : group.model}</span
          ><span class="under mono">${group.browsePath}</span></span
        >
      </label>
      ${group.asset ? html`<${Badge} tone="good">${t("connect.applied", { asset: idOf(group.asset) })}<//>` : html`<${Sureness} share=${group.confidence} />`}
    </div>
    <p class="small dim reason">${told(group.reason)}</p>
    <details>
      <summary>
        ${t("connect.properties", { sure, count: group.matches.length, unmatched: group.unmatched.length })}
      </summary>
      <${Matches} ...${{ proposal, group, models, again }} />
    </details>
  </li>`;
}

/** How likely something is right, as a number and a length. */
function Sureness({ share }) {
  return html`<span class="sureness" title=${t("connect.sureness")}>
    <meter min="0" max="1" low="0.6" high="0.9" optimum="1" value=${share} aria-label=${t("connect.sureness")}></meter>
    <span class="number">${percent(Math.floor(share * 1000) / 1000)}</span>
  </span>`;
}

/** What a person can say of a proposed match: it is right, it is something else, it is nothing. */
function Doing({ match, models, ...of }) {
  const [isOpen, setOpen] = useState(false);
  const model = models.get(of.group.model);
  if (isOpen) return html`<${Other} ...${{ match, model, of }} close=${() => setOpen(false)} />`;
  const drop = () => correct(of, match, { property: "", index: 0 }, t("connect.left_out"));
  const confirm = () => correct(of, match, match, t("connect.match_said"));
  const ways = [
    !match.sure && ["right", confirm, t("connect.match_right")],
    model && ["other", () => setOpen(true), t("connect.match_other")],
    ["leave-out", drop, t("connect.leave_out")],
  ];
  return html`<span class="row">
    ${ways.filter(Boolean).map(([id, act, title]) => html`<button key=${id} type="button" class="button quiet" data-do=${id} onClick=${act}>${title}</button>`)}
  </span>`;
}

function Other({ match, model, of, close }) {
  const slots = slotsOf(model, of.group);
  const at = slots.findIndex(({ property, index }) => property === match.property && index === match.index);
  const choose = (event) => {
    close();
    correct(of, match, slots[Number(event.target.value)], t("connect.match_said"));
  };
  return html`<select class="input" name="slot" aria-label=${t("connect.match_is")} value=${at} onChange=${choose}>
      ${slots.map(({ title }, place) => html`<option value=${place}>${title}</option>`)}
    </select>
    <button type="button" class="button quiet" onClick=${close}>${t("core.cancel")}</button>`;
}

function Matches({ proposal, group, models, again }) {
  return html`<ul class="matches">
      ${group.matches.map(
        (match) =>
          html`<li key=${match.nodeId} class=${match.sure ? "" : "unsure"}>
            <div class="grow">
              <span class="leaf"
                >${titleOf(models, group.model, match.property)}${match.index ? ` ${match.index}` : ""}</span
              >
              ${match.unit && html`<span class="dim small"> ${match.unit}</span>`}
              <span class="under mono">${match.browsePath}</span>
              <span class="under">${told(match.reason)}</span>
              ${!match.unitKnown && html`<span class="under">${t("connect.unit_unknown")}</span>`}
            </div>
            <${Sureness} share=${match.confidence} />
            ${!group.asset && html`<${Doing} ...${{ proposal, group, models, again, match }} />`}
          </li>`,
      )}
    </ul>
    ${group.unmatched.length > 0 && html`<p class="dim small wrap-any">${t("connect.unmatched")} ${group.unmatched.join(", ")}</p>`}`;
}
