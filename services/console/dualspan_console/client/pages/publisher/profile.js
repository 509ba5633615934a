// Who an enterprise is to the subscribers of its apps.
import { patch } from "../../core/api.js";
import { useSending } from "../../core/sending.js";
import { ofTenant } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/schema_form.js";
import { Note } from "../../parts/states.js";

export function Profile({ publisher, close, again }) {
  const [given, setGiven] = useState({
    en: publisher?.displayName.en ?? "",
    zh: publisher?.displayName.zh ?? "",
    website: publisher?.website ?? "",
    contact: publisher?.contact ?? "",
    signingKey: publisher?.signingKey ?? "",
  });
  const { problem, busy, submit } = useSending(async () => {
    const { en, zh, ...rest } = given;
    await patch(ofTenant("publisher"), { name: ofTenant("publisher"), displayName: { en, zh }, ...rest });
    again();
    close();
  });
  const bind = (name) => ({ name: `publisher-${name}`, value: given[name], onInput: (event) => setGiven({ ...given, [name]: event.target.value }) });
  const field = (name, more = {}) =>
    html`<${Field} label=${t(`publisher.${name}`)}>${(bound) => html`<input class="input" ...${bind(name)} ...${more} ...${bound} />`}<//>`;
  return html`<${Dialog}
    title=${t("publisher.profile")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="profile" data-do="save" disabled=${busy}>${t("core.save")}</button>`}
  >
    <form id="profile" class="stack" onSubmit=${submit}>
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      ${field("en", { required: true })} ${field("zh", { required: true, lang: "zh-CN" })}
      ${field("website", { type: "url", placeholder: "https://" })} ${field("contact", { type: "email" })}
      <${Field} label=${t("publisher.signing_key")} hint=${t("publisher.signing_key_hint")}
        >${(bound) => html`<textarea class="input mono" rows="4" spellcheck="false" ...${bind("signingKey")} ...${bound}></textarea>`}<//
      >
    </form>
  <//>`;
}
