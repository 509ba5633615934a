// The publisher's desk: who we are to subscribers, our apps at all their versions, and handing in another.
import { all, get, post } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { useSending } from "../../core/sending.js";
import { ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { local, t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { PageHead } from "../../parts/layout.js";
import { Field } from "../../parts/schema_form.js";
import { Empty, Loaded, Note } from "../../parts/states.js";
import { readFolder } from "./folder.js";
import { Profile } from "./profile.js";
import { Versions } from "./versions.js";

/** Who we are; null until that was said. */
async function readPublisher(signal) {
  try {
    return await get(ofTenant("publisher"), {}, signal);
  } catch (problem) {
    if (problem.status === 404) return null;
    throw problem;
  }
}

async function read(signal) {
  const [publisher, versions] = await Promise.all([
    readPublisher(signal),
    all(ofTenant("appVersions"), "appVersions", { signal }),
  ]);
  return { publisher, versions };
}

export default function Desk() {
  const loaded = useLoad(read, []);
  const [open, setOpen] = useState("");
  const close = () => setOpen("");
  const known = loaded.data?.publisher;
  const actions = html`<button class="button" data-do="profile" onClick=${() => setOpen("profile")}>${t("publisher.profile")}</button>
    <button class="button primary" data-do="hand-in" disabled=${!known} onClick=${() => setOpen("hand-in")}>
      <${Icon} name="plus" />${t("publisher.hand_in")}
    </button>`;
  return html`<${PageHead} title=${t("nav.publisher")} says=${known ? t("publisher.says", { name: local(known.displayName) }) : ""} actions=${actions} />
    <${Loaded} of=${loaded}>${(data) => html`<${Shown} ...${data} introduce=${() => setOpen("profile")} />`}<//>
    ${open === "profile" && html`<${Profile} publisher=${known} close=${close} again=${loaded.again} />`}
    ${open === "hand-in" && html`<${HandIn} close=${close} />`}`;
}

function Shown({ publisher, versions, introduce }) {
  if (!publisher) {
    const action = html`<button class="button primary" data-do="introduce" onClick=${introduce}>${t("publisher.profile")}</button>`;
    return html`<div class="card">
      <${Empty} icon="desk" title=${t("publisher.nobody")} action=${action}><p>${t("publisher.nobody_hint")}</p><//>
    </div>`;
  }
  if (versions.length === 0)
    return html`<div class="card">
      <${Empty} icon="apps" title=${t("publisher.none")}
        ><p>${t("publisher.none_hint")}</p>
        <p><code>dualspan apps new</code></p><//
      >
    </div>`;
  return html`<section class="card flush"><${Versions} versions=${versions} /></section>`;
}

/** A version from a folder on this disk; it is kept as a draft and its checks begin. */
function HandIn({ close }) {
  const [found, setFound] = useState(null);
  const [unread, setUnread] = useState(null);
  const choose = async (event) => {
    try {
      setFound(await readFolder(event.target.files));
      setUnread(null);
    } catch (problem) {
      setFound(null);
      setUnread(problem);
    }
  };
  const { problem, busy, submit } = useSending(async () => {
    const { app, version, manifest, pictures } = found;
    const made = await post(ofTenant(`apps/${app}/appVersions`), { manifest, pictures }, { appVersionId: version });
    await post(`${made.name}:submit`);
    go(`/publisher/${app}/${version}`);
  });
  const wrong = problem ?? unread;
  return html`<${Dialog}
    title=${t("publisher.hand_in")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="hand-in" data-do="send" disabled=${busy || !found}>${t("publisher.send")}</button>`}
  >
    <form id="hand-in" class="stack" onSubmit=${submit}>
      <p class="dim">${t("publisher.hand_in_says")}</p>
      ${wrong && html`<${Note} tone="bad" role="alert">${wrong.message}<//>`}
      <${Field} label=${t("publisher.folder")} hint=${t("publisher.folder_hint")}
        >${(bound) => html`<input class="input" type="file" name="folder" webkitdirectory onChange=${choose} ...${bound} />`}<//
      >
      ${found && html`<${Note} tone="good">${t("publisher.found", { app: found.app, version: found.version, count: found.pictures.length })}<//>`}
    </form>
  <//>`;
}
