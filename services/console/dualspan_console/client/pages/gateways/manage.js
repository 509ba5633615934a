// What is done to a gateway: renamed, replaced by another box, shut out.
import { patch, post } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { may } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { clock, t } from "../../core/words.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Menu } from "../../parts/menu.js";
import { Field } from "../../parts/schema_form.js";
import { Note } from "../../parts/states.js";
import { attempt } from "../../parts/toasts.js";

const DIALOGS = { rename: Rename, replace: Replace, revoke: Revoke };

export function Manage({ gateway, again }) {
  const [what, setWhat] = useState("");
  if (!may("onboarding.gateways.manage")) return null;
  const Part = DIALOGS[what];
  const close = () => {
    setWhat("");
    again();
  };
  return html`<${Menu} label=${t("gateways.manage")}>
      <button type="button" data-do="rename" onClick=${() => setWhat("rename")}>
        <${Icon} name="text" />${t("gateways.rename")}
      </button>
      <button type="button" data-do="replace" onClick=${() => setWhat("replace")}>
        <${Icon} name="again" />${t("gateways.replace")}
      </button>
      <button type="button" data-do="revoke" onClick=${() => setWhat("revoke")}>
        <${Icon} name="stop" />${t("gateways.revoke")}
      </button>
    <//>
    ${Part && html`<${Part} gateway=${gateway} close=${close} />`}`;
}

function Rename({ gateway, close }) {
  const [name, setName] = useState(gateway.displayName);
  const [site, setSite] = useState(gateway.site);
  const change = (displayName, place) =>
    patch(gateway.name, { displayName, site: place }, { updateMask: "display_name,site" });
  const save = async () => {
    await attempt(() => change(name, site), t("gateways.renamed"), {
      undo: () => change(gateway.displayName, gateway.site),
    });
    close();
  };
  return html`<${Dialog}
    title=${t("gateways.rename")}
    close=${close}
    actions=${html`<button type="button" class="button" onClick=${close}>${t("core.cancel")}</button
      ><button type="button" class="button primary" onClick=${save}>${t("core.save")}</button>`}
  >
    <div class="stack">
      <${Field} label=${t("connect.name")}
        >${(bound) => html`<input class="input" name="name" ...${bound} value=${name} onInput=${(event) => setName(event.target.value)} />`}<//
      >
      <${Field} label=${t("connect.site")}
        >${(bound) => html`<input class="input" name="site" ...${bound} value=${site} onInput=${(event) => setSite(event.target.value)} />`}<//
      >
    </div>
  <//>`;
}

/** A reason, for the audit log, and what cannot be undone. */
function Why({ title, says, act, button, close, children }) {
  const [why, setWhy] = useState("");
  const [problem, setProblem] = useState("");
  const go = async () => {
    try {
      await act(why);
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  return html`<${Dialog}
    title=${title}
    close=${close}
    actions=${
      !children &&
      html`<button type="button" class="button" onClick=${close}>${t("core.cancel")}</button
        ><button type="button" class="button primary" data-do="really" onClick=${go}>${button}</button>`
    }
  >
    <div class="stack">
      ${
        children ||
        html`<p>${says}</p>
          <${Field} label=${t("connect.why")}
            >${(bound) => html`<input class="input" name="why" ...${bound} value=${why} onInput=${(event) => setWhy(event.target.value)} />`}<//
          >`
      }
      ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
    </div>
  <//>`;
}

function Replace({ gateway, close }) {
  const [made, setMade] = useState(null);
  const act = async (reason) => setMade(await post(`${gateway.name}:replace`, { reason }));
  return html`<${Why}
    title=${t("gateways.replace")}
    says=${t("gateways.replace_says")}
    act=${act}
    button=${t("gateways.replace")}
    close=${close}
    >${
      made &&
      html`<p>${t("gateways.replaced", { until: clock(made.expireTime) })}</p>
        <${Copy} text=${`dualspan-gateway enroll ${made.enrolmentToken}`} label=${t("connect.enrol_command")} />
        <${Copy} text="dualspan-gateway run" label=${t("connect.run_command")} />`
    }<//
  >`;
}

function Revoke({ gateway, close }) {
  const act = async (reason) => {
    await post(`${gateway.name}:revoke`, { reason });
    close();
  };
  return html`<${Why}
    title=${t("gateways.revoke_title", { name: gateway.displayName || idOf(gateway.name) })}
    says=${t("gateways.revoke_says")}
    act=${act}
    button=${t("gateways.revoke")}
    close=${close}
  />`;
}
