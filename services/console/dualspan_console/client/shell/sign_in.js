// Signing in. Whatever address was asked for is where one is afterwards.
import { Problem } from "../core/api.js";
import { chooseLanguage, session, signIn } from "../core/session.js";
import { switchTheme } from "../core/theme.js";
import { html, useEffect, useState } from "../core/view.js";
import { language, t } from "../core/words.js";
import { Icon } from "../parts/icons.js";
import { Field } from "../parts/schema_form.js";
import { Note } from "../parts/states.js";
import { attempt } from "../parts/toasts.js";

/** What a refusal says; of one that names nothing, that the pair is wrong. */
function refusal(problem) {
  if (!(problem instanceof Problem)) return t("core.failed");
  return problem.status === 401 || problem.status === 400
    ? t("sign_in.wrong")
    : problem.status === 429
      ? t("sign_in.too_many")
      : problem.message;
}

export function SignIn({ base }) {
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = `${t("sign_in.title")} · DualSpan`;
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setBusy(true);
    setWrong("");
    try {
      await signIn(form.get("email"), form.get("password"));
    } catch (problem) {
      setWrong(refusal(problem));
      setBusy(false);
    }
  };
  return html`<main class="sign-in">
    <section class="card">
      <div class="who-we-are">
        <img src="${base}/icon.svg" alt="" width="44" height="44" />
        <h1>${t("nav.product")}</h1>
        <p class="dim">${t("sign_in.tagline")}</p>
      </div>
      <form onSubmit=${submit}>
        ${wrong && html`<${Note} tone="bad" role="alert">${wrong}<//>`}
        <${Field} label=${t("sign_in.email")}
          >${(bound) => html`<input class="input" name="email" type="email" autocomplete="username" required autofocus ...${bound} />`}<//
        >
        <${Field} label=${t("sign_in.password")}
          >${(bound) => html`<input class="input" name="password" type="password" autocomplete="current-password" required ...${bound} />`}<//
        >
        <button class="button primary" disabled=${busy}>${busy ? t("sign_in.busy") : t("sign_in.title")}</button>
        ${(session.value?.oidc ?? []).map(
          ({ id, displayName }) =>
            html`<a
              class="button"
              href=${`/v1/session/oidc/${encodeURIComponent(id)}?back=${encodeURIComponent(location.pathname + location.search)}`}
            >
              ${t("sign_in.with", { name: displayName })}</a
            >`,
        )}
      </form>
      <div class="foot">
        <button
          class="button quiet"
          type="button"
          data-do="language"
          lang=${language === "zh" ? "en" : "zh-CN"}
          onClick=${() => attempt(() => chooseLanguage(language === "zh" ? "en" : "zh"))}
        >
          <${Icon} name="language" />${t("nav.other_language")}
        </button>
        <button class="button quiet" type="button" data-do="theme" onClick=${switchTheme}>
          <${Icon} name="theme" />${t("nav.theme")}
        </button>
      </div>
    </section>
  </main>`;
}
