// Data flowing: every machine and every variable is ticked off when its first sample is stored.
import { all, ask, get, post } from "../../../core/api.js";
import { catalogue, forgetCatalogue, idOf } from "../../../core/catalogue.js";
import { useEvery, useLoad } from "../../../core/load.js";
import { query, setQuery } from "../../../core/router.js";
import { may, ofTenant } from "../../../core/session.js";
import { html, useMemo, useRef, useState } from "../../../core/view.js";
import { clock, number, t } from "../../../core/words.js";
import { Icon } from "../../../parts/icons.js";
import { Badge } from "../../../parts/layout.js";
import { Loaded, Note } from "../../../parts/states.js";
import { toast } from "../../../parts/toasts.js";
import { Advice } from "../advice.js";
import { useSome } from "./some.js";

const REFRESH_MS = 1500;
const MOST = 10000;
const MOST_REFUSED = 40;
const LONGEST = 32;

/** How often it is asked which tags there are: what a server refuses it refuses later than the first values come. */
const TAGS_MS = 10000;
const PENDING_MS = 2 * REFRESH_MS;

/** The tags of a server by what they belong to, with what has come of each; `old` is what was read before. */
async function read(server, known, old, signal) {
  const age = Date.now() - (old?.time ?? 0);
  const isOld = age > (old?.tags.every(isTold) ? TAGS_MS : PENDING_MS);
  const time = isOld ? Date.now() : old.time;
  const [tags, plant] = isOld ? await tagsOf(server, signal) : [old.tags, old.plant];
  const waiting = tags.filter((tag) => isActive(tag) && !known.has(Number(tag.tagId))).map(({ tagId }) => tagId);
  if (waiting.length > 0 && may("historian.samples.read")) {
    const { frame = [] } = await ask(ofTenant("samples:readLatest"), { tagIds: waiting }, signal);
    for (const { tag, time, value } of frame)
      tag.forEach((id, row) => known.set(id, { time: time[row], value: value[row] }));
  }
  return { time, tags, flowing: new Map(known), plant };
}

const isTold = ({ state }) => state !== "TAG_STATE_PENDING";
/** Nothing else can have samples: the historian may not have heard of it yet. */
const isActive = ({ state }) => state === "TAG_STATE_ACTIVE";

const tagsOf = (server, signal) =>
  Promise.all([all(ofTenant("tags"), "tags", { query: { server }, most: MOST, signal }), catalogue()]);

export function Flow({ situation: { gateway, server, tags: whole } }) {
  const known = useRef(new Map());
  const before = useRef(null);
  const loaded = useLoad(
    async (signal) => {
      before.current = await read(server.name, known.current, before.current, signal);
      return before.current;
    },
    [server.name],
  );
  const afresh = () => {
    before.current = null;
    loaded.again();
  };
  const isDone =
    loaded.data &&
    loaded.data.tags.every(
      ({ tagId, state }) => loaded.data.flowing.has(Number(tagId)) || state === "TAG_STATE_REFUSED",
    );
  useEvery(REFRESH_MS, () => {
    if (!isDone) loaded.renew();
  });
  return html`<${Loaded} of=${loaded} lines=${6}
    >${(found) =>
      html`${whole > found.tags.length && found.tags.length >= MOST && html`<${Note}>${t("connect.first_tags", { count: MOST, whole })}<//>`}
        <${Sums} ...${found} isDone=${isDone} />
        <${Machines} ...${found} />
        <${Next} gateway=${gateway} again=${afresh} />`}<//
  >`;
}

const isFlowing = (flowing, tag) => flowing.has(Number(tag.tagId));

function Sums({ tags, flowing, isDone }) {
  const count = tags.filter((tag) => isFlowing(flowing, tag)).length;
  const refused = tags.filter(({ state }) => state === "TAG_STATE_REFUSED");
  return html`<div class="card stack tight" role="status">
      <p><strong>${t(isDone ? "connect.all_flowing" : "connect.flowing", { count, whole: tags.length })}</strong></p>
      <progress max=${Math.max(1, tags.length)} value=${count} aria-label=${t("connect.step_flow")}></progress>
      ${!isDone && html`<p class="dim small">${t("connect.flow_hint")}</p>`}
    </div>
    ${
      refused.length > 0 &&
      html`<${Note} tone="bad" role="alert">
        <p>${t("connect.refused_tags", { count: refused.length })}</p>
        <ul class="helps">
          ${refused.slice(0, MOST_REFUSED).map((tag) => html`<li key=${tag.tagId}><span class="mono small">${tag.browsePath}</span><${Advice} words=${tag.stateDetail} /></li>`)}
        </ul>
      <//>`
    }`;
}

/** Tags by asset; those of none at the end. */
function byAsset(tags, plant) {
  const owner = new Map(plant.assets.flatMap((asset) => asset.bindings.map(({ tag }) => [idOf(tag), asset])));
  const groups = new Map();
  for (const tag of tags) {
    const asset = owner.get(String(tag.tagId));
    const key = asset?.name ?? "";
    if (!groups.has(key)) groups.set(key, { key, asset, tags: [] });
    groups.get(key).tags.push(tag);
  }
  return [...groups.values()].sort((a, b) => (a.key === "") - (b.key === "") || a.key.localeCompare(b.key));
}

function Machines({ tags, flowing, plant }) {
  const groups = useMemo(() => byAsset(tags, plant), [tags, plant]);
  const { some, more } = useSome(groups);
  return html`<ul class="card flush lines">
      ${some.map((group) => html`<${Machine} key=${group.key} ...${group} flowing=${flowing} />`)}
    </ul>
    ${more}`;
}

function Machine({ asset, tags, flowing }) {
  const [open, setOpen] = useState(false);
  const here = tags.filter((tag) => isFlowing(flowing, tag)).length;
  const isAll = here === tags.length;
  const name = asset ? asset.displayName || idOf(asset.name) : t("connect.other_variables");
  return html`<li class="line machine" data-machine=${asset ? idOf(asset.name) : ""} data-flowing=${isAll}>
    <span class="sign ${isAll ? "on" : ""}">${isAll ? html`<${Icon} name="check" />` : ""}</span>
    <details class="grow" onToggle=${(event) => setOpen(event.target.open)}>
      <summary>
        <span class="grow leaf">${name}</span>
        <span class="dim">${t("connect.of_tags", { part: here, whole: tags.length })}</span>
      </summary>
      ${
        open &&
        html`<ul class="matches">
          ${tags.map((tag) => html`<${TagLine} key=${tag.tagId} tag=${tag} sample=${flowing.get(Number(tag.tagId))} />`)}
        </ul>`
      }
    </details>
    ${asset && isAll && html`<a class="button quiet" href=${`/explore?asset=${encodeURIComponent(idOf(asset.name))}`}>${t("connect.chart")}</a>`}
  </li>`;
}

function shownValue(value) {
  if (typeof value === "number") return number(value);
  const text = String(value ?? "–");
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

const TagLine = ({ tag, sample }) =>
  html`<li>
    <span class="sign ${sample ? "on" : ""}">${sample && html`<${Icon} name="check" />`}</span>
    <span class="grow"><span class="under mono">${tag.browsePath}</span></span>
    ${
      sample
        ? html`<span class="mono small">${shownValue(sample.value)} ${tag.unit}</span>
            <span class="dim small nowrap">${clock(sample.time)}</span>`
        : html`<${Badge} tone=${tag.state === "TAG_STATE_REFUSED" ? "bad" : "warn"}>${t(`tags.${tag.state}`)}<//>`
    }
  </li>`;

function Next({ gateway, again }) {
  const id = query.value.get("application") ?? "";
  const box = idOf(gateway.name);
  return html`<div class="row">
    ${may("historian.samples.read") && html`<a class="button primary" href="/explore">${t("home.to_explore")}</a>`}
    <button
      type="button"
      class="button"
      onClick=${() => setQuery({ server: null, step: null, application: null }, { replace: false })}
    >
      ${t("connect.another")}
    </button>
    <button type="button" class="button" onClick=${() => setQuery({ step: "choose" }, { replace: false })}>
      ${t("connect.more")}
    </button>
    <a class="button" href=${`/gateways/${box}`}>${t("connect.to_gateway")}</a>
    ${id && may("onboarding.assets.manage") && html`<${Undo} key=${id} id=${id} again=${again} />`}
  </div>`;
}

/** Takes back what was applied, as long as the platform still has it so. */
function Undo({ id, again }) {
  const path = ofTenant(`mappingApplications/${id}`);
  const known = useLoad(
    async (signal) => {
      const { mappingApplications } = await get(ofTenant("mappingApplications"), { pageSize: 100 }, signal);
      return mappingApplications.find(({ name, undoTime }) => name === path && !undoTime) ?? null;
    },
    [id],
  );
  const [problem, setProblem] = useState("");
  if (!known.data) return null;
  const undo = async () => {
    try {
      const { assets, tags, difference } = await post(`${path}:undo`);
      forgetCatalogue();
      toast(t("connect.undone", { assets, tags }));
      setQuery({ application: null, step: null });
      if (difference.kept.length > 0) toast(difference.kept.join(" "));
      again();
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  return html`<button type="button" class="button quiet" data-do="undo" onClick=${undo}>${t("connect.undo")}</button>
    ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}`;
}
