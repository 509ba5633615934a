// Subscribing: a plan, machines, settings; then what the app will be granted, once more, and go.
import { ask, get, post, Problem } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { tenant } from "../../core/session.js";
import { html, useMemo, useState } from "../../core/view.js";
import { local, t } from "../../core/words.js";
import { PageHead } from "../../parts/layout.js";
import { Field, SchemaForm, faults, initial } from "../../parts/schema_form.js";
import { Loaded, Note } from "../../parts/states.js";
import { Fits } from "./app.js";
import { offered, planId, planName, price } from "./plans.js";
import { readProperties } from "./properties.js";

const ID = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

async function read(app, signal) {
  const [listing, proposal, { subscriptions }] = await Promise.all([
    get(`${tenant()}/listings/${app}`, {}, signal),
    ask(`${tenant()}:proposeBinding`, { app }, signal),
    get(`${tenant()}/subscriptions`, { pageSize: 1000 }, signal),
    readProperties(),
  ]);
  return { listing, proposal, taken: new Set(subscriptions.map(({ name }) => name.split("/").pop())) };
}

export default function Subscribe({ app }) {
  const loaded = useLoad((signal) => read(app, signal), [app]);
  return html`<${Loaded} of=${loaded} lines=${6}>${(found) => html`<${Form} app=${app} ...${found} />`}<//>`;
}

/** A name that is not taken: the app's own, with a number if need be. */
function freeId(app, taken) {
  let id = app;
  for (let count = 2; taken.has(id); count += 1) id = `${app}-${count}`;
  return id;
}

function Form({ app, listing, proposal, taken }) {
  const schema = useMemo(() => listing.configuration ?? { type: "object" }, [listing]);
  const [id, setId] = useState(() => freeId(app, taken));
  const [plan, setPlan] = useState(() => planId(offered(listing)[0] ?? { name: "" }));
  const [assets, setAssets] = useState(
    () =>
      new Map(
        proposal.roles.map((role) => [
          role.role,
          new Set(
            role.fits
              .filter(({ suits }) => suits)
              .slice(0, role.maximum || undefined)
              .map(({ asset }) => asset),
          ),
        ]),
      ),
  );
  const [configuration, setConfiguration] = useState(() => initial({ type: "object", ...schema }));
  const [wrong, setWrong] = useState({});
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const request = useMemo(() => crypto.randomUUID(), []);
  const toggle = (role, asset) =>
    setAssets((old) => {
      const chosen = new Set(old.get(role));
      if (!chosen.delete(asset)) chosen.add(asset);
      return new Map(old).set(role, chosen);
    });
  const tags = proposal.roles
    .flatMap((role) => role.fits.filter(({ asset }) => assets.get(role.role)?.has(asset)))
    .reduce((sum, { tagCount }) => sum + tagCount, 0);
  const machines = [...assets.values()].reduce((sum, chosen) => sum + chosen.size, 0);
  const few = proposal.roles.find((role) => (assets.get(role.role)?.size ?? 0) < role.minimum);

  const submit = async (event) => {
    event.preventDefault();
    const found = {
      ...faults({ type: "object", ...schema }, configuration),
      ...(ID.test(id) ? {} : { "#id": t("market.bad_id") }),
      ...(taken.has(id) ? { "#id": t("market.taken") } : {}),
    };
    setWrong(found);
    setProblem(few ? t("market.too_few", { role: few.role, count: few.minimum }) : "");
    if (Object.keys(found).length > 0 || few) return;
    setBusy(true);
    try {
      const made = await post(
        `${tenant()}/subscriptions`,
        { app, plan, configuration },
        { subscriptionId: id, requestId: request },
      );
      if (made.state === "SUBSCRIPTION_STATE_PENDING") {
        await post(`${made.name}:acceptBinding`, {
          roles: [...assets].map(([role, chosen]) => ({ role, assets: [...chosen] })),
          etag: made.etag,
        });
      }
      go(`/apps/${id}`);
    } catch (failure) {
      setProblem(failure.message);
      setWrong(fromFields(failure));
      setBusy(false);
    }
  };
  const name = local(listing.displayName);
  return html`<${PageHead}
      title=${t("market.subscribe_to", { name })}
      crumbs=${[[t("nav.market"), "/market"], [name, `/market/${app}`], [t("market.subscribe")]]}
    />
    <form class="stack narrow" onSubmit=${submit} novalidate>
      <fieldset class="card stack tight">
        <legend>${t("market.plan")}</legend>
        ${offered(listing).map(
          (each) =>
            html`<label class="tick"
              ><input
                type="radio"
                name="plan"
                value=${planId(each)}
                checked=${plan === planId(each)}
                onChange=${() => setPlan(planId(each))}
              />
              <span class="grow"
                ><strong>${planName(each)}</strong>
                ${price(each) !== planName(each) && html`<span class="dim">${price(each)}</span>`}</span
              ></label
            >`,
        )}
      </fieldset>
      <fieldset class="card stack">
        <legend>${t("market.machines_to_use")}</legend>
        <p class="dim">${t("market.machines_hint")}</p>
        ${proposal.roles.map((role) => html`<${Fits} key=${role.role} role=${role} chosen=${assets.get(role.role)} toggle=${(asset) => toggle(role.role, asset)} />`)}
      </fieldset>
      <fieldset class="card stack">
        <legend>${t("market.settings")}</legend>
        <${Field} label=${t("market.id")} hint=${t("market.id_hint")} wrong=${wrong["#id"]}
          >${(bound) => html`<input class="input" name="subscription" ...${bound} value=${id} onInput=${(event) => setId(event.target.value)} />`}<//
        >
        <${SchemaForm}
          schema=${{ type: "object", ...schema }}
          value=${configuration}
          change=${setConfiguration}
          wrong=${wrong}
        />
      </fieldset>
      <${Note}>${t("market.granted", { tags, machines })}<//>
      ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
      <div class="row">
        <button class="button primary" data-do="go" disabled=${busy}>
          ${busy ? t("market.subscribing") : t("market.subscribe")}</button
        ><a class="button" href="/market/${app}">${t("core.cancel")}</a>
      </div>
    </form>`;
}

/** What the service found wrong, at its fields: `subscription.configuration.shifts[0]` is `shifts.0` here. */
function fromFields(failure) {
  if (!(failure instanceof Problem)) return {};
  return Object.fromEntries(
    failure.fields.map(({ field, description }) => [
      field.replace(/^.*configuration\.?/, "").replace(/\[(\d+)\]/g, ".$1"),
      description,
    ]),
  );
}
