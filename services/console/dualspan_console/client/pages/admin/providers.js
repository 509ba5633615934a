// Identity providers of an enterprise (OpenID Connect): people sign in where they work.
import { get, post, remove } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { useSending } from "../../core/sending.js";
import { may } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { day, t } from "../../core/words.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { TextField } from "../../parts/text_field.js";
import { attempt } from "../../parts/toasts.js";

/** What a provider must know of the platform before anybody signs in. */
const redirectUri = () => `${location.origin}/v1/session/oidc/callback`;

/** @param {{tenant: string}} props `tenants/{tenant}` */
export function Providers({ tenant }) {
  const loaded = useLoad((signal) => get(`${tenant}/oidcProviders`, {}, signal), [tenant]);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState(null);
  const drop = async () => {
    setRemoving(null);
    await attempt(() => remove(removing.name), t("admin.provider_removed"));
    loaded.again();
  };
  const head = html`<header>
    <h2>${t("admin.providers")}</h2>
    ${may("identity.tenants.manage") && html`<button class="button" data-do="add-provider" onClick=${() => setAdding(true)}>
      <${Icon} name="plus" />${t("admin.add_provider")}</button>`}
  </header>`;
  return html`<section class="card flush">
      ${head}
      <${Loaded} of=${loaded}>${({ oidcProviders }) => html`<${Rows} providers=${oidcProviders} drop=${setRemoving} />`}<//>
    </section>
    ${adding && html`<${Add} tenant=${tenant} close=${() => setAdding(false)} again=${loaded.again} />`}
    ${
      removing &&
      html`<${Dialog}
        title=${t("admin.remove_provider", { name: removing.displayName })}
        close=${() => setRemoving(null)}
        actions=${html`<button class="button" type="button" onClick=${() => setRemoving(null)}>${t("core.keep")}</button>
          <button class="button danger" type="button" data-do="really-remove" onClick=${drop}>${t("admin.remove")}</button>`}
        ><p>${t("admin.remove_provider_words")}</p><//
      >`
    }`;
}

function Rows({ providers, drop }) {
  if (providers.length === 0)
    return html`<${Empty} icon="key" title=${t("admin.no_providers")}><p>${t("admin.no_providers_hint")}</p><//>`;
  const columns = [
    {
      id: "name",
      title: t("admin.provider"),
      sort: ({ displayName }) => displayName,
      cell: ({ displayName, issuer }) => html`<span class="leaf">${displayName}</span><span class="under">${issuer}</span>`,
    },
    {
      id: "domains",
      title: t("admin.email_domains"),
      cell: ({ emailDomains }) => emailDomains.join(", ") || t("admin.nobody_new"),
    },
    { id: "since", title: t("admin.since"), sort: ({ createTime }) => createTime, cell: ({ createTime }) => day(createTime) },
    {
      id: "do",
      title: html`<span class="unseen">${t("admin.actions")}</span>`,
      cell: (provider) =>
        may("identity.tenants.manage") &&
        html`<button
          class="button"
          aria-label=${t("admin.remove_provider", { name: provider.displayName })}
          onClick=${() => drop(provider)}
        >
          ${t("admin.remove")}
        </button>`,
    },
  ];
  return html`<${Table} label=${t("admin.providers")} rows=${providers} rowKey=${({ name }) => idOf(name)} columns=${columns} />`;
}

const NEW = { id: "", displayName: "", issuer: "", clientId: "", clientSecret: "", domains: "" };

function Add({ tenant, close, again }) {
  const [given, setGiven] = useState(NEW);
  const { problem, busy, submit } = useSending(async () => {
    const { id, domains, ...provider } = given;
    const emailDomains = domains.split(/[\s,]+/).filter(Boolean);
    await post(`${tenant}/oidcProviders`, { ...provider, emailDomains }, { oidcProviderId: id });
    again();
    close();
  });
  const field = (name, label, more = {}, hint = undefined) =>
    html`<${TextField} ...${{ label, hint, given }} name="provider-${name}" of=${name} give=${setGiven} more=${{ autocomplete: "off", ...more }} />`;
  return html`<${Dialog}
    title=${t("admin.add_provider")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="provider" data-do="create" disabled=${busy}>${t("admin.add")}</button>`}
  >
    <form id="provider" class="stack" onSubmit=${submit}>
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      <p class="dim small">${t("admin.redirect_words")}</p>
      <${Copy} text=${redirectUri()} label=${t("admin.redirect")} />
      ${field("displayName", t("admin.name"), { required: true, maxlength: 200 })}
      ${field("id", t("admin.provider_id"), { required: true, pattern: "[a-z0-9][a-z0-9\\-]{0,39}" }, t("admin.id_hint"))}
      ${field("issuer", t("admin.issuer"), { required: true, type: "url" }, t("admin.issuer_hint"))}
      ${field("clientId", t("admin.client_id"), { required: true })}
      ${field("clientSecret", t("admin.client_secret"), { type: "password", autocomplete: "new-password" })}
      ${field("domains", t("admin.email_domains"), { placeholder: "acme.example" }, t("admin.email_domains_hint"))}
    </form>
  <//>`;
}
