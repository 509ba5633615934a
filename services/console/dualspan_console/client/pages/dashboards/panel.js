// A panel as it is seen: its title and what it shows.
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";
import { Markdown } from "../../parts/markdown.js";
import { Boundary } from "../../parts/states.js";
import { kindOf, spanOf, titleOf } from "./kinds.js";
import { ChartPanel, ValuePanel } from "./lines.js";
import { AlarmsPanel, OeePanel, StatePanel } from "./plant.js";
import { spanWords } from "./spans.js";

const TextPanel = ({ content }) =>
  content.markdown ? html`<${Markdown} text=${content.markdown} />` : html`<p class="dim">${t("dashboards.text_empty")}</p>`;

const CONTENTS = {
  chart: ChartPanel,
  value: ValuePanel,
  state: StatePanel,
  oee: OeePanel,
  alarms: AlarmsPanel,
  text: TextPanel,
};

/** @param {{panel: object, known: object, tools?: any}} props `tools`: what stands beside the title while it is composed */
export function Panel({ panel, known, tools }) {
  const kind = kindOf(panel);
  const Content = CONTENTS[kind];
  const content = panel[kind];
  const { column, row, width, height } = panel.place;
  const style = { "--from": column + 1, "--wide": width, "--top": row + 1, "--high": height };
  const title = titleOf(panel, known);
  return html`<section class="card panel panel-${kind}" style=${style} data-panel=${panel.id} aria-label=${title}>
    ${
      (tools || kind !== "text" || panel.title) &&
      html`<header>
        <h2 class="ellipsis" title=${title}>${title}</h2>
        ${content.span && !tools && html`<span class="dim small nowrap">${spanWords(spanOf(content))}</span>`}${tools}
      </header>`
    }
    <${Boundary}><div class="panel-body"><${Content} content=${content} known=${known} /></div><//>
  </section>`;
}
