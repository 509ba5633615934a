// What waits for a reviewer, of all publishers, the oldest first.
import { get } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { go } from "../../core/router.js";
import { html } from "../../core/view.js";
import { ago, t } from "../../core/words.js";
import { PageHead } from "../../parts/layout.js";
import { Empty, Loaded } from "../../parts/states.js";
import { Table } from "../../parts/table.js";
import { partsOf } from "../publisher/states.js";

const addressOf = (given) => {
  const { publisher, app, version } = partsOf(given);
  return `/reviews/${publisher}/${app}/${version}`;
};

export default function Reviews() {
  const loaded = useLoad((signal) => get("reviews", { pageSize: 1000 }, signal), []);
  const columns = [
    {
      id: "app",
      title: t("publisher.app"),
      sort: (each) => partsOf(each).app,
      cell: (each) => html`<a class="leaf" href=${addressOf(each)}>${partsOf(each).app}</a><span class="under">${partsOf(each).version}</span>`,
    },
    { id: "publisher", title: t("market.publisher"), sort: (each) => partsOf(each).publisher, cell: (each) => partsOf(each).publisher },
    { id: "waits", title: t("reviews.waits"), sort: ({ stateTime }) => stateTime, cell: ({ stateTime }) => ago(stateTime) },
  ];
  return html`<${PageHead} title=${t("nav.reviews")} says=${t("reviews.says")} />
    <${Loaded} of=${loaded}
      >${({ appVersions }) =>
        appVersions.length === 0
          ? html`<div class="card"><${Empty} icon="check" title=${t("reviews.none")}><p>${t("reviews.none_hint")}</p><//></div>`
          : html`<section class="card flush">
              <${Table} label=${t("nav.reviews")} rows=${appVersions} rowKey=${({ name }) => name} columns=${columns} open=${(each) => go(addressOf(each))} />
            </section>`}<//
    >`;
}
