// Looking at what a server offers: begun by itself once it is trusted, counted while it goes.
import { Problem, post } from "../../../core/api.js";
import { idOf } from "../../../core/catalogue.js";
import { useOperation } from "../../../core/operation.js";
import { query, setQuery } from "../../../core/router.js";
import { may, ofTenant } from "../../../core/session.js";
import { html, useEffect, useRef, useState } from "../../../core/view.js";
import { dateTime, t } from "../../../core/words.js";
import { Note } from "../../../parts/states.js";
import { Progress } from "./checks.js";

export function Browse({ situation: { server, snapshot }, again }) {
  const [problem, setProblem] = useState("");
  const begun = useRef(false);
  const name = query.value.get("op") ?? "";
  const operation = useOperation(name && ofTenant(`operations/${name}`));
  const isRunning = name && !operation.done;
  const canBegin = may("onboarding.servers.manage");
  const begin = async () => {
    begun.current = true;
    setProblem("");
    try {
      setQuery({ op: idOf((await post(`${server.name}:browse`)).name) });
    } catch (failure) {
      // Somebody else has begun it: the page sees its end as well.
      if (!(failure instanceof Problem && failure.reason === "BROWSE_RUNNING")) setProblem(failure.message);
    }
  };
  useEffect(() => {
    if (!snapshot && !name && !begun.current && canBegin) begin();
  }, []);
  useEffect(() => {
    if (operation.done && !operation.error) again();
  }, [operation.done]);
  const failure = problem || operation.error;
  return html`<p class="dim">${t("connect.browse_says")}</p>
    ${!failure && !snapshot && !isRunning && canBegin && html`<${Progress} operation=${operation} told=${t("connect.browsing")} />`}
    ${!snapshot && !isRunning && !canBegin && html`<${Note} tone="warn">${t("connect.not_allowed")}<//>`}
    ${isRunning && html`<div class="card"><${Progress} operation=${operation} told=${t("connect.browsing")} /></div>`}
    ${
      failure &&
      html`<${Note} tone="bad" role="alert"
        ><p>${failure}</p>
        <p>${t("connect.browse_failed")}</p><//
      >`
    }
    ${snapshot && html`<${Snapshot} snapshot=${snapshot} />`}
    <div class="row">
      ${snapshot && html`<button type="button" class="button primary" onClick=${() => setQuery({ step: "choose", op: null })}>${t("connect.go_on")}</button>`}
      ${
        (snapshot || failure) &&
        canBegin &&
        html`<button type="button" class="button" data-do="browse" disabled=${isRunning} onClick=${begin}>
          ${t("connect.browse_again")}
        </button>`
      }
    </div>`;
}

function Snapshot({ snapshot }) {
  const values = {
    nodes: Number(snapshot.nodes),
    variables: Number(snapshot.variables),
    time: dateTime(snapshot.endTime),
  };
  return html`<${Note} tone="good">${t("connect.browsed", values)}<//>
    ${snapshot.truncated && html`<${Note} tone="warn">${t("connect.truncated")}<//>`}
    ${snapshot.warnings.map((each) => html`<${Note} key=${each} tone="warn">${each}<//>`)}`;
}
