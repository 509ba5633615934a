// One's own password. All sessions end with the old one; this browser signs in again with the new one.
import { post } from "../../core/api.js";
import { useSending } from "../../core/sending.js";
import { session, signIn } from "../../core/session.js";
import { html, useState } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Dialog } from "../../parts/dialog.js";
import { Note } from "../../parts/states.js";
import { TextField } from "../../parts/text_field.js";
import { toast } from "../../parts/toasts.js";

const SHORTEST = 10;

export function Password({ close }) {
  const [given, setGiven] = useState({ current: "", next: "" });
  const { actor, email } = session.value;
  const { problem, busy, submit } = useSending(async () => {
    await post(`${actor}:setPassword`, { currentPassword: given.current, newPassword: given.next });
    await signIn(email, given.next);
    toast(t("account.password_changed"));
    close();
  });
  const field = (name, hint, more) =>
    html`<${TextField}
      ...${{ given, hint }}
      label=${t(`account.${name}_password`)}
      name="${name}-password"
      of=${name}
      give=${setGiven}
      more=${{ type: "password", required: true, ...more }}
    />`;
  return html`<${Dialog}
    title=${t("account.change_password")}
    close=${close}
    actions=${html`<button class="button" type="button" onClick=${close}>${t("core.cancel")}</button>
      <button class="button primary" form="password" data-do="change" disabled=${busy}>${t("account.change_password")}</button>`}
  >
    <form id="password" class="stack" onSubmit=${submit}>
      ${problem && html`<${Note} tone="bad" role="alert">${problem.message}<//>`}
      <p class="dim">${t("account.password_says")}</p>
      ${field("current", undefined, { autocomplete: "current-password" })}
      ${field("next", t("account.password_hint"), { autocomplete: "new-password", minlength: SHORTEST })}
    </form>
  <//>`;
}
