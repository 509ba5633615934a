// Signing in. Whatever address was asked for is where one is afterwards.
import { Problem, get } from "../core/api.js";
import { go, query } from "../core/router.js";
import { chooseLanguage, signIn } from "../core/session.js";
import { switchTheme } from "../core/theme.js";
import { html, useEffect, useState } from "../core/view.js";
import { language, t, tOr } from "../core/words.js";
import { Icon } from "../parts/icons.js";
import { Field } from "../parts/schema_form.js";
import { Note } from "../parts/states.js";
import { attempt } from "../parts/toasts.js";

/** Where identity providers lead back to when they let nobody in. */
const LED_BACK = "/sign-in";
const TYPED_MS = 300;
const ADDRESS = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;

/** Why an identity provider let nobody in, as the address says. */
const ledBack = () =>
  query.value.get("problem") ? tOr(`sign_in.problem_${query.value.get("problem")}`, t("sign_in.problem_OIDC_REFUSED")) : "";

/** The identity providers of the enterprise that an e-mail address belongs to. */
function useProviders(email) {
  const [providers, setProviders] = useState([]);
  useEffect(() => {
    if (!ADDRESS.test(email)) return setProviders([]);
    const abort = new AbortController();
    const find = () =>
      get("oidcProviders:find", { email }, abort.signal).then(
        ({ oidcProviders }) => !abort.signal.aborted && setProviders(oidcProviders),
        // Whoever has a password can sign in all the same.
        () => !abort.signal.aborted && setProviders([]),
      );
    const timer = setTimeout(find, TYPED_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [email]);
  return providers;
}

/** `tenants/{tenant}/oidcProviders/{provider}` as the address that leads there; the platform's own, not a page's. */
function leadsTo({ name }) {
  const [, tenant, , provider] = name.split("/");
  return `/v1/session/oidc/${encodeURIComponent(tenant)}/${encodeURIComponent(provider)}`;
}

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
  const [wrong, setWrong] = useState(ledBack);
  const [email, setEmail] = useState("");
  const providers = useProviders(email.trim());
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
      if (location.pathname === LED_BACK) go("/", { replace: true });
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
          >${(bound) => html`<input class="input" name="email" type="email" autocomplete="username" required autofocus onInput=${({ target }) => setEmail(target.value)} ...${bound} />`}<//
        >
        <${Field} label=${t("sign_in.password")}
          >${(bound) => html`<input class="input" name="password" type="password" autocomplete="current-password" required ...${bound} />`}<//
        >
        <button class="button primary" disabled=${busy}>${busy ? t("sign_in.busy") : t("sign_in.title")}</button>
        ${providers.map(
          (each) =>
            html`<a class="button" key=${each.name} data-provider=${each.name} href=${leadsTo(each)}
              ><${Icon} name="key" />${t("sign_in.with", { name: each.displayName })}</a
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
