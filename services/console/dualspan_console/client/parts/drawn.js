// A drawing with its other form: a table of the same, for those who read better than they see, and for copying.
import { html, useEffect, useRef, useState } from "../core/view.js";
import { t } from "../core/words.js";
import { Segments } from "./layout.js";

/** For what a choice opens further down: it comes into sight whenever another is chosen. */
export function useInSight(needs) {
  const element = useRef(null);
  useEffect(() => element.current.scrollIntoView({ block: "nearest" }), needs);
  return element;
}

/** @param {{title: string, says?: string, table: any, children: any, actions?: any}} props */
export function Drawn({ title, says, table, children, actions }) {
  const [asTable, setAsTable] = useState(false);
  const forms = [
    ["chart", t("production.as_chart")],
    ["table", t("production.as_table")],
  ];
  return html`<section class="card drawn" aria-label=${title}>
    <header>
      <div>
        <h2>${title}</h2>
        ${says && html`<p class="dim small">${says}</p>`}
      </div>
      <div class="row">
        ${actions}<${Segments}
          of=${forms}
          chosen=${asTable ? "table" : "chart"}
          choose=${(id) => setAsTable(id === "table")}
          label=${t("production.form")}
        />
      </div>
    </header>
    ${asTable ? table : children}
  </section>`;
}
