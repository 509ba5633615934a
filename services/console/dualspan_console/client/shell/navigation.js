// The side: what there is for this person, and who they are.
import { match, place } from "../core/router.js";
import { chooseLanguage, may, session, signOut } from "../core/session.js";
import { switchTheme } from "../core/theme.js";
import { html } from "../core/view.js";
import { language, t } from "../core/words.js";
import { Icon } from "../parts/icons.js";
import { Menu } from "../parts/menu.js";
import { attempt } from "../parts/toasts.js";
import { ROUTES, SECTIONS } from "../routes.js";
import { openPalette } from "./palette.js";

/** The lines that this person has. */
export const linesFor = () => ROUTES.filter((route) => route.nav && may(route.permission));

const isHere = (path) =>
  path === "/" ? place.value.path === "/" : place.value.path === path || place.value.path.startsWith(`${path}/`);

export const Brand = ({ base }) =>
  html`<a class="brand" href="/"><img src="${base}/icon.svg" alt="" /><span>${t("nav.product")}</span></a>`;

export function Side({ base, open, close }) {
  return html`<div
    class="side ${open ? "open" : ""}"
    id="side"
    onClick=${(event) => event.target.closest("a") && close()}
  >
    <${Brand} base=${base} />
    <button class="jump" type="button" onClick=${openPalette}>
      <${Icon} name="search" />${t("nav.jump")}<kbd>Ctrl K</kbd>
    </button>
    <nav aria-label=${t("nav.main")}>
      ${SECTIONS.map((section) => html`<${Section} key=${section} section=${section} />`)}
    </nav>
    <${Who} />
  </div>`;
}

function Section({ section }) {
  const lines = linesFor().filter(({ nav }) => nav.section === section);
  if (lines.length === 0) return null;
  return html`<h2>${t(section)}</h2>
    <ul>
      ${lines.map(
        ({ path, nav }) =>
          html`<li key=${path}>
            <a href=${path} aria-current=${isHere(path) ? "page" : undefined}
              ><${Icon} name=${nav.icon} />${t(nav.title)}</a
            >
          </li>`,
      )}
    </ul>`;
}

function Who() {
  const { displayName, email, roles } = session.value;
  const name = displayName || email || t("nav.you");
  const label = html`<span class="avatar" aria-hidden="true">${[...name][0].toUpperCase()}</span>
    <span class="grow stack bare"
      ><span class="ellipsis">${name}</span
      ><span class="dim small ellipsis">${roles.map((role) => t(`role.${role}`)).join(", ")}</span></span
    >`;
  return html`<div class="who">
    <${Menu} class="person" label=${label}>
      <button type="button" data-do="theme" onClick=${switchTheme}><${Icon} name="theme" />${t("nav.theme")}</button>
      <button
        type="button"
        data-do="language"
        onClick=${() => attempt(() => chooseLanguage(language === "zh" ? "en" : "zh"))}
        lang=${language === "zh" ? "en" : "zh-CN"}
      >
        <${Icon} name="language" />${t("nav.other_language")}
      </button>
      <a href="/account"><${Icon} name="key" />${t("nav.account")}</a>
      <button
        type="button"
        data-do="sign-out"
        onClick=${() => attempt(signOut)}
      >
        <${Icon} name="leave" />${t("nav.sign_out")}
      </button>
    <//>
  </div>`;
}

/** The page of an address with what varies in it; null if there is none, or none for this person. */
export function routeOf(path) {
  for (const route of ROUTES) {
    const values = match(route.path, path);
    if (values) return { route, values, allowed: may(route.permission) };
  }
  return null;
}
