// Servers: those that the gateway knows, those that answer in the plant's network, and one that somebody names.
import { all, post } from "../../../core/api.js";
import { idOf } from "../../../core/catalogue.js";
import { useEvery, useLoad } from "../../../core/load.js";
import { useOperation } from "../../../core/operation.js";
import { query, setQuery } from "../../../core/router.js";
import { may, ofTenant } from "../../../core/session.js";
import { told } from "../../../core/told.js";
import { html, useEffect, useState } from "../../../core/view.js";
import { ago, t } from "../../../core/words.js";
import { Icon } from "../../../parts/icons.js";
import { Badge } from "../../../parts/layout.js";
import { Field } from "../../../parts/schema_form.js";
import { Loaded, Note } from "../../../parts/states.js";
import { ServerState } from "../parts.js";
import { bestEndpoint } from "../progress.js";
import { AddServer } from "./add.js";
import { Progress } from "./checks.js";

const REFRESH_MS = 4000;

async function read(gateway, signal) {
  const [servers, found] = await Promise.all([
    all(`${gateway}/servers`, "opcUaServers", { signal }),
    all(`${gateway}/discoveredServers`, "discoveredServers", { signal }),
  ]);
  return { servers, found };
}

export function FindServer({ situation: { gateway } }) {
  const loaded = useLoad((signal) => read(gateway.name, signal), [gateway.name]);
  const url = query.value.get("url");
  useEvery(REFRESH_MS, loaded.renew);
  return html`<${Loaded} of=${loaded}
    >${({ servers, found }) =>
      url !== null
        ? html`<${AddServer}
            key=${url}
            gateway=${gateway.name}
            url=${url}
            servers=${servers}
            found=${found.find((each) => each.discoveryUrl === url)}
          />`
        : html`<${Known} servers=${servers} />
            <${Search} gateway=${gateway.name} again=${loaded.again} />
            <${Found} servers=${found} />`}<//
  >`;
}

const take = (server) => setQuery({ server, url: null, step: null, op: null }, { replace: false });

function Known({ servers }) {
  if (servers.length === 0) return null;
  return html`<section class="card flush" aria-labelledby="known">
    <header><h3 id="known">${t("connect.known")}</h3></header>
    <ul class="lines">
      ${servers.map(
        (each) =>
          html`<li key=${each.name} class="line">
            <span class="grow"
              ><span class="leaf">${each.displayName || idOf(each.name)}</span
              ><span class="under mono">${each.endpointUrl}</span></span
            >
            <${ServerState} status=${each.status} />
            <button type="button" class="button" data-server=${idOf(each.name)} onClick=${() => take(idOf(each.name))}>
              ${t("connect.go_on")}
            </button>
          </li>`,
      )}
    </ul>
  </section>`;
}

function Search({ gateway, again }) {
  const [addresses, setAddresses] = useState("");
  const [multicast, setMulticast] = useState(true);
  const [problem, setProblem] = useState("");
  const name = query.value.get("op") ?? "";
  const operation = useOperation(name && ofTenant(`operations/${name}`));
  useEffect(() => {
    if (operation.done) again();
  }, [operation.done]);
  const search = async (event) => {
    event.preventDefault();
    setProblem("");
    const wanted = addresses.split(/[\s,;]+/).filter(Boolean);
    if (wanted.length === 0 && !multicast) return setProblem(t("connect.say_where"));
    try {
      const begun = await post(`${gateway}/discoveredServers:discover`, { scope: { addresses: wanted, multicast } });
      return setQuery({ op: idOf(begun.name) });
    } catch (failure) {
      return setProblem(failure.message);
    }
  };
  if (!may("onboarding.servers.manage")) return html`<${Note} tone="warn">${t("connect.not_allowed")}<//>`;
  const isRunning = name && !operation.done;
  return html`<form class="card stack" onSubmit=${search} novalidate>
    <h3>${t("connect.search")}</h3>
    <${Field} label=${t("connect.addresses")} hint=${t("connect.addresses_hint")}
      >${(bound) =>
        html`<input
          class="input mono"
          name="addresses"
          placeholder="192.168.1.0/24"
          autocomplete="off"
          ...${bound}
          value=${addresses}
          onInput=${(event) => setAddresses(event.target.value)}
        />`}<//
    >
    <label class="tick"
      ><input type="checkbox" checked=${multicast} onChange=${(event) => setMulticast(event.target.checked)} /><span
        >${t("connect.multicast")}</span
      ></label
    >
    ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
    <div class="row">
      <button class="button primary" data-do="discover" disabled=${isRunning}>
        <${Icon} name="search" />${t("connect.search_now")}
      </button>
      <button
        type="button"
        class="button"
        data-do="by-hand"
        onClick=${() => setQuery({ url: "opc.tcp://" }, { replace: false })}
      >
        ${t("connect.by_hand")}
      </button>
    </div>
    ${isRunning && html`<${Progress} operation=${operation} told=${t("connect.searching")} />`}
    ${name && operation.done && html`<${Outcome} operation=${operation} />`}
  </form>`;
}

function Outcome({ operation: { error, response } }) {
  if (error) return html`<${Note} tone="bad" role="alert">${error}<//>`;
  const count = response.servers.length;
  const values = { count, asked: response.askedAddresses, open: response.openAddresses };
  return html`<${Note} tone=${count > 0 ? "good" : "warn"} role="status">
    <p>${t(count > 0 ? "connect.found" : "connect.found_none", values)}</p>
    ${response.notes.map((each) => html`<p class="small">${told(each)}</p>`)}
  <//>`;
}

const policy = (endpoint) => endpoint.securityPolicyUri.split("#").pop();

function Found({ servers }) {
  if (servers.length === 0) return null;
  return html`<section class="card flush" aria-labelledby="found">
    <header><h3 id="found">${t("connect.found_here")}</h3></header>
    <ul class="lines">
      ${servers.map((each) => html`<${FoundServer} key=${each.discoveryUrl} server=${each} />`)}
    </ul>
  </section>`;
}

function FoundServer({ server }) {
  const best = bestEndpoint(server);
  const software = [server.software?.manufacturerName, server.software?.productName, server.software?.softwareVersion];
  return html`<li class="line" data-found=${server.discoveryUrl}>
    <${Icon} name="server" />
    <span class="grow">
      <span class="leaf">${server.applicationName || server.discoveryUrl}</span>
      <span class="under mono">${server.discoveryUrl}</span>
      <span class="under"
        >${[...software.filter(Boolean), server.seenTime && t("connect.seen", { ago: ago(server.seenTime) })].filter(Boolean).join(" · ")}</span
      >
      ${server.detail && html`<span class="under">${told(server.detail)}</span>`}
    </span>
    ${
      best
        ? html`<${Badge} tone=${best.securityMode === "SECURITY_MODE_NONE" ? "warn" : "good"} title=${policy(best)}
            >${t(`plants.${best.securityMode.replace("SECURITY_MODE_", "")}`)}<//
          >`
        : html`<${Badge} tone="bad">${t("connect.no_way_in")}<//>`
    }
    ${
      server.server
        ? html`<button type="button" class="button" onClick=${() => take(idOf(server.server))}>
            ${t("connect.go_on")}
          </button>`
        : html`<button
            type="button"
            class="button primary"
            data-do="take"
            onClick=${() => setQuery({ url: server.discoveryUrl, op: null }, { replace: false })}
          >
            ${t("connect.take")}
          </button>`
    }
  </li>`;
}
