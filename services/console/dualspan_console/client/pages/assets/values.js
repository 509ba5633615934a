// All that is measured at a machine, live.
import { idOf } from "../../core/catalogue.js";
import { may } from "../../core/session.js";
import { unitText } from "../../core/units.js";
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Icon } from "../../parts/icons.js";
import { useLatest, Value, When } from "../../parts/latest.js";
import { Table } from "../../parts/table.js";

/** How many of an asset's values the button to Explore takes along. */
const FIRST = 3;

export function Values({ known, asset }) {
  const id = idOf(asset.name);
  const rows = [...known.measured.values()].filter((each) => each.asset === id);
  const values = useLatest(rows.map(({ tagId }) => tagId));
  const numbers = rows.filter(({ kind }) => kind.includes("FLOAT")).slice(0, FIRST);
  const to = (keys) => `/explore?asset=${encodeURIComponent(id)}&s=${encodeURIComponent(keys.join(","))}&last=3600000`;
  const columns = [
    {
      id: "name",
      title: t("assets.value"),
      sort: ({ title }) => title,
      cell: ({ key, title }) => html`<a class="leaf" href=${to([key])}>${title}</a>`,
    },
    {
      id: "now",
      title: t("tags.value"),
      number: true,
      cell: ({ tagId, factor, offset, unit }) =>
        html`<${Value} of=${values.get(tagId)} scale=${(value) => value * factor + offset} />${" "}<span
            class="dim small nowrap"
            >${unitText(unit)}</span
          >`,
    },
    { id: "time", title: t("tags.time"), cell: ({ tagId }) => html`<${When} of=${values.get(tagId)} />` },
  ];
  return html`<section class="card flush">
    <header>
      <h2>${t("assets.measured")}</h2>
      ${
        may("historian.samples.read") &&
        numbers.length > 0 &&
        html`<a class="button" href=${to(numbers.map(({ key }) => key))}
          ><${Icon} name="chart" />${t("nav.explore")}</a
        >`
      }
    </header>
    <${Table} label=${t("assets.measured")} rows=${rows} rowKey=${({ key }) => key} columns=${columns} />
  </section>`;
}
