// Versions in a table.
import { go } from "../../core/router.js";
import { html } from "../../core/view.js";
import { dateTime, t } from "../../core/words.js";
import { Badge } from "../../parts/layout.js";
import { Table } from "../../parts/table.js";
import { partsOf, toneOf, wordsOf } from "./states.js";

/** @param {{versions: object[], byApp?: boolean}} props `byApp`: they are of several apps */
export function Versions({ versions, byApp = true }) {
  const address = (version) => `/publisher/${partsOf(version).app}/${partsOf(version).version}`;
  const columns = [
    byApp && {
      id: "app",
      title: t("publisher.app"),
      sort: (version) => partsOf(version).app,
      cell: (version) => html`<a class="leaf" href="/publisher/${partsOf(version).app}">${partsOf(version).app}</a>`,
    },
    {
      id: "version",
      title: t("market.version"),
      cell: (version) => html`<a href=${address(version)}>${partsOf(version).version}</a>`,
    },
    {
      id: "state",
      title: t("publisher.state"),
      sort: wordsOf,
      cell: (version) =>
        html`<${Badge} tone=${toneOf(version)}>${wordsOf(version)}<//>${version.remark && html`<span class="under">${version.remark}</span>`}`,
    },
    { id: "since", title: t("publisher.since"), sort: ({ stateTime }) => stateTime, cell: ({ stateTime }) => dateTime(stateTime) },
  ].filter(Boolean);
  return html`<${Table} label=${t("publisher.versions")} rows=${versions} rowKey=${({ name }) => name} columns=${columns} open=${(version) => go(address(version))} />`;
}
