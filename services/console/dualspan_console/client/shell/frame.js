// The frame: sign-in or the side and the page of the address.
import { bindKey } from "../core/keys.js";
import { place } from "../core/router.js";
import { signedIn } from "../core/session.js";
import { html, useEffect, useRef, useState } from "../core/view.js";
import { t } from "../core/words.js";
import { Icon } from "../parts/icons.js";
import { PageHead } from "../parts/layout.js";
import { Boundary } from "../parts/states.js";
import { Toasts } from "../parts/toasts.js";
import { Brand, Side, routeOf } from "./navigation.js";
import { Palette, openPalette } from "./palette.js";
import { SignIn } from "./sign_in.js";

export function Application({ base }) {
  if (!signedIn.value) return html`<${SignIn} base=${base} /><${Toasts} />`;
  return html`<${Frame} base=${base} />`;
}

function Frame({ base }) {
  const [open, setOpen] = useState(false);
  const { page, at, busy, isBare } = usePage(place.value.path);
  useEffect(() => bindKey("ctrl+k", openPalette), []);
  if (isBare) return html`<main id="main" class="bare" tabindex="-1"><${Boundary}>${page}<//></main><${Toasts} />`;
  return html`<a class="skip button" href="#main" onClick=${toMain}>${t("nav.skip")}</a>
    ${busy && html`<div class="bar-of-load" role="progressbar" aria-label=${t("core.asking")}></div>`}
    <div class="shell" onKeyDown=${(event) => event.key === "Escape" && setOpen(false)}>
      <header class="top">
        <button
          class="button quiet icon"
          type="button"
          aria-label=${t("nav.menu")}
          aria-expanded=${open}
          aria-controls="side"
          onClick=${() => setOpen(!open)}
        >
          <${Icon} name="menu" /></button
        ><${Brand} base=${base} /><span class="grow"></span>
        <button class="button quiet icon" type="button" aria-label=${t("nav.jump")} onClick=${openPalette}>
          <${Icon} name="search" />
        </button>
      </header>
      <${Side} base=${base} open=${open} close=${() => setOpen(false)} />
      ${open && html`<button class="side-veil" aria-label=${t("core.close")} onClick=${() => setOpen(false)}></button>`}
      <main id="main" tabindex="-1">${page && html`<${Boundary} key=${at}>${page}<//>`}</main>
    </div>
    <${Palette} /><${Toasts} />`;
}

function toMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** The page of a path, and `at`, whose page it is: the last one stays until the next one's module is there. */
function usePage(path) {
  const [state, setState] = useState({ page: null, at: "", busy: true });
  const wanted = useRef("");
  useEffect(() => {
    wanted.current = path;
    const found = routeOf(path);
    if (!found)
      return setState({
        page: html`<${Nothing} title=${t("core.no_page")} words=${t("core.no_page_hint")} />`,
        at: path,
        busy: false,
      });
    if (!found.allowed)
      return setState({
        page: html`<${Nothing} title=${t("core.not_allowed")} words=${t("core.not_allowed_hint")} />`,
        at: path,
        busy: false,
      });
    setState((old) => ({ ...old, busy: true }));
    found.route.load().then(
      ({ default: Page }) => {
        if (wanted.current !== path) return;
        setState({ page: html`<${Page} ...${found.values} />`, at: path, busy: false, isBare: found.route.bare === true });
      },
      () => newRelease(),
    );
    return undefined;
  }, [path]);
  return state;
}

/** A module is not there any more: the platform has a newer release, whose first page is another. */
function newRelease() {
  const last = Number(sessionStorage.getItem("reloaded") ?? 0);
  if (Date.now() - last < 10000) return;
  sessionStorage.setItem("reloaded", String(Date.now()));
  location.reload();
}

function Nothing({ title, words }) {
  return html`<${PageHead} title=${title} says=${words} />
    <p><a class="button" href="/">${t("core.go_home")}</a></p>`;
}
