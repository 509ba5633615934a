// Asks how dashboards are shown on a screen at the line: which, one after the other, and for how long each.
import { all } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { duration, t } from "../../core/words.js";
import { Copy } from "../../parts/copy.js";
import { Dialog } from "../../parts/dialog.js";
import { Segments } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { BASIC } from "./kinds.js";
import { kioskAddress } from "./rotation.js";

const LENGTHS = [10, 30, 60, 300];

export function AtTheLine({ found, close }) {
  const [others, setOthers] = useState([]);
  const [seconds, setSeconds] = useState(LENGTHS[1]);
  const loaded = useLoad((signal) => all(ofTenant("dashboards"), "dashboards", { query: { view: BASIC }, signal }), []);
  const address = kioskAddress(idOf(found.name), others, seconds);
  const start = async () => {
    // A browser may refuse, as an iPhone does: the page is the same without.
    await document.documentElement.requestFullscreen?.().catch(() => {});
    go(address);
  };
  const turn = (id) => setOthers((old) => (old.includes(id) ? old.filter((each) => each !== id) : [...old, id]));
  const actions = html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
    <button class="button primary" type="button" data-do="start" onClick=${start}>${t("dashboards.start")}</button>`;
  return html`<${Dialog} title=${t("dashboards.at_the_line")} close=${close} actions=${actions}
    ><div class="stack">
      <p>${t("dashboards.line_hint")}</p>
      <${Loaded} of=${loaded}
        >${(rows) =>
          rows.length > 1 &&
          html`<fieldset>
            <legend>${t("dashboards.in_turn")}</legend>
            ${rows
              .filter(({ name }) => name !== found.name)
              .map(
                ({ name, displayName }) =>
                  html`<label class="tick"><input type="checkbox" name=${idOf(name)} checked=${others.includes(idOf(name))} onChange=${() => turn(idOf(name))} />${displayName}</label>`,
              )}
          </fieldset>`}<//
      >
      ${others.length > 0 && html`<${Segments} of=${LENGTHS.map((each) => [each, duration(each * 1000)])} chosen=${seconds} choose=${setSeconds} label=${t("dashboards.each_for")} />`}
      <p class="dim small">${t("dashboards.line_address")}</p>
      <${Copy} text=${location.origin + address} label=${t("dashboards.address")} />
    </div><//
  >`;
}
