// One point of a control chart: what it is, which rules it breaks, and the way to its samples.
import { may } from "../../core/session.js";
import { iso } from "../../core/production.js";
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";
import { useInSight } from "../../parts/drawn.js";
import { Icon } from "../../parts/icons.js";
import { markOf, panelWords, rounded, ruleWords } from "./rules.js";

/** A point's samples with a little of what was before and after. */
function samplesOf({ known }, chart, asset, { from, to }) {
  const margin = Math.max(60e3, to - from);
  const keys = [chart.property + (chart.propertyIndex ? `:${chart.propertyIndex}` : ""), ...chart.inspected]
    .map((property) => `${asset}/${property}`)
    .filter((key, place, whole) => known.measured.has(key) && whole.indexOf(key) === place);
  const span = `from=${iso(from - margin)}&to=${iso(Math.min(Date.now(), to + margin))}`;
  return `/explore?asset=${encodeURIComponent(asset)}&s=${encodeURIComponent(keys.join(","))}&${span}`;
}

export function Point({ where, chart, asset, row, panels, close }) {
  const card = useInSight([row.from]);
  const broken = row.panels.flatMap((each) => each.broken);
  return html`<section ref=${card} class="card interval" aria-live="polite" aria-label=${t("spc.chosen")}>
    <header>
      <h2>${t("spc.point", { number: row.index + 1 })}</h2>
      <button class="button quiet icon" type="button" aria-label=${t("core.close")} onClick=${close}>
        <${Icon} name="close" />
      </button>
    </header>
    ${
      broken.length > 0 &&
      html`<ul class="stack tight">
        ${broken.map((each) => html`<li class="row"><span class="control-badge">${markOf(each)}</span>${ruleWords(each)}</li>`)}
      </ul>`
    }
    <dl class="facts">
      <dt>${t("states.when")}</dt>
      <dd>${where.clocks.dateTime(row.from)} – ${where.clocks.dateTime(row.to)}</dd>
      ${panels.map(({ title }, place) => {
        const { value, lower, upper } = row.panels[place];
        return html`<dt>${panelWords(title)}</dt>
          <dd>
            ${rounded(value)}${" "}<span class="dim"
              >${t("spc.between", { lower: rounded(lower), upper: rounded(upper) })}</span
            >
          </dd>`;
      })}
      <dt>${t("spc.size")}</dt>
      <dd>${rounded(row.size)}</dd>
      ${
        row.label &&
        html`<dt>${t("spc.label")}</dt>
          <dd>${row.label}</dd>`
      }
      ${
        row.excluded &&
        html`<dt>${t("spc.excluded")}</dt>
          <dd>${row.excluded}</dd>`
      }
    </dl>
    ${
      may("historian.samples.read") &&
      html`<p>
        <a class="button primary" data-do="explore" href=${samplesOf(where, chart, asset, row)}
          ><${Icon} name="chart" />${t("states.explore")}</a
        >
      </p>`
    }
  </section>`;
}
