// The command palette: every page, every machine and a few actions, by a few letters.
import { all } from "../core/api.js";
import { go } from "../core/router.js";
import { chooseLanguage, may, ofTenant, signOut } from "../core/session.js";
import { switchTheme } from "../core/theme.js";
import { html, signal, useEffect, useMemo, useRef, useState } from "../core/view.js";
import { language, t } from "../core/words.js";
import { Icon } from "../parts/icons.js";
import { fits, searchWords } from "../parts/tree.js";
import { ROUTES } from "../routes.js";

const MOST_SHOWN = 12;
const shown = signal(false);
let assets = null;

export const openPalette = () => {
  shown.value = true;
};

function commands() {
  const pages = ROUTES.filter((route) => route.nav && may(route.permission)).map(({ path, nav }) => ({
    id: path,
    icon: nav.icon,
    words: t(nav.title),
    where: t("palette.page"),
    act: () => go(path),
  }));
  const actions = [
    { id: "theme", icon: "theme", words: t("nav.theme"), act: switchTheme },
    {
      id: "language",
      icon: "language",
      words: t("nav.other_language"),
      act: () => chooseLanguage(language === "zh" ? "en" : "zh"),
    },
    { id: "account", icon: "key", words: t("nav.account"), act: () => go("/account") },
    { id: "sign-out", icon: "leave", words: t("nav.sign_out"), act: signOut },
  ].map((each) => ({ ...each, where: t("palette.action") }));
  return [...pages, ...actions];
}

async function assetCommands() {
  if (!may("onboarding.assets.read") || !may("historian.samples.read")) return [];
  assets ??= all(ofTenant("assets"), "assets");
  return (await assets).map(({ name, displayName, level }) => {
    const id = name.split("/").pop();
    const icon = { ASSET_LEVEL_SITE: "site", ASSET_LEVEL_AREA: "area", ASSET_LEVEL_LINE: "line" }[level] ?? "machine";
    return {
      id: name,
      icon,
      words: displayName || id,
      search: id,
      where: t("palette.asset"),
      act: () => go(`/explore?asset=${encodeURIComponent(id)}`),
    };
  });
}

export function Palette() {
  return (
    shown.value &&
    html`<${Open}
      close=${() => {
        shown.value = false;
      }}
    />`
  );
}

function Open({ close }) {
  const element = useRef(null);
  const [search, setSearch] = useState("");
  const [at, setAt] = useState(0);
  const [found, setFound] = useState(commands);
  useEffect(() => {
    element.current.showModal();
    assetCommands().then(
      (more) => setFound((old) => [...old, ...more]),
      () => {
        assets = null;
      },
    );
  }, []);
  const rows = useMemo(() => {
    const words = searchWords(search);
    return found.filter((each) => fits(`${each.words} ${each.search ?? ""}`.toLowerCase(), words)).slice(0, MOST_SHOWN);
  }, [found, search]);
  const run = (row) => {
    close();
    row?.act();
  };
  const onKey = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((rows.length + at + step) % Math.max(1, rows.length));
    } else if (event.key === "Enter") run(rows[at]);
  };
  const onInput = (event) => {
    setSearch(event.target.value);
    setAt(0);
  };
  return html`<dialog
    class="palette"
    ref=${element}
    aria-label=${t("nav.jump")}
    onCancel=${close}
    onClick=${(event) => event.target === element.current && close()}
  >
    <input
      class="input"
      role="combobox"
      aria-expanded="true"
      aria-controls="palette-rows"
      aria-activedescendant=${rows[at] ? `palette-${at}` : undefined}
      aria-label=${t("palette.search")}
      placeholder=${t("palette.search")}
      value=${search}
      onInput=${onInput}
      onKeyDown=${onKey}
      autofocus
    />
    <ul id="palette-rows" role="listbox" aria-label=${t("palette.found")}>
      ${rows.map(
        (row, index) =>
          html`<li
            key=${row.id}
            id="palette-${index}"
            role="option"
            aria-selected=${index === at}
            onClick=${() => run(row)}
            onPointerMove=${() => setAt(index)}
          >
            <${Icon} name=${row.icon} /> <span class="ellipsis">${row.words}</span
            ><span class="where">${row.where}</span>
          </li>`,
      )}
    </ul>
    ${rows.length === 0 && html`<p class="dim small none">${t("core.nothing_found")}</p>`}
  </dialog>`;
}
