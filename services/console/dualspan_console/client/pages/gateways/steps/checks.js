// The test of the way to a server: every step with what was found and what to do.
import { post } from "../../../core/api.js";
import { useOperation } from "../../../core/operation.js";
import { told as inOwnWords } from "../../../core/told.js";
import { html, useState } from "../../../core/view.js";
import { t } from "../../../core/words.js";
import { Icon } from "../../../parts/icons.js";
import { Note } from "../../../parts/states.js";
import { Advice } from "../advice.js";

const ICONS = { PASSED: "check", WARNING: "warning", FAILED: "close", SKIPPED: "more" };

/** How work at a gateway goes. */
export function Progress({ operation, told }) {
  const { percent = 0, step = "", nodes } = operation.metadata ?? {};
  const words = nodes === undefined ? inOwnWords(step) || told : t("connect.nodes_so_far", { count: Number(nodes) });
  return html`<div class="stack tight" role="status">
    <progress max="100" value=${percent || undefined} aria-label=${told}></progress>
    <p class="dim small">${words}</p>
  </div>`;
}

/** @param {{gateway: string, settings: () => object}} props `settings`: what to test, as the contract says */
export function ConnectionTest({ gateway, settings }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const operation = useOperation(name);
  const isRunning = name && !operation.done;
  const start = async () => {
    setProblem("");
    setName("");
    try {
      setName((await post(`${gateway}/servers:testConnection`, settings())).name);
    } catch (failure) {
      setProblem(failure.message);
    }
  };
  return html`<div class="stack tight">
    <div>
      <button type="button" class="button" data-do="test" disabled=${isRunning} onClick=${start}>
        ${t("connect.test")}
      </button>
    </div>
    ${problem && html`<${Note} tone="bad" role="alert">${problem}<//>`}
    ${isRunning && html`<${Progress} operation=${operation} told=${t("connect.testing")} />`}
    ${operation.done && operation.error && html`<${Note} tone="bad" role="alert">${operation.error}<//>`}
    ${operation.response && html`<${Checks} checks=${operation.response.checks} />`}
  </div>`;
}

function Checks({ checks }) {
  return html`<ol class="checks" aria-label=${t("connect.test")}>
    ${checks.map((check) => {
      const verdict = check.verdict.replace("CONNECTION_VERDICT_", "");
      return html`<li key=${check.step} class=${verdict.toLowerCase()} data-check=${check.step}>
        <${Icon} name=${ICONS[verdict] ?? "more"} />
        <div class="grow">
          <p>
            <span class="leaf">${t(`connect.${check.step}`)}</span
            ><span class="unseen">: ${t(`connect.verdict_${verdict}`)}</span>
          </p>
          ${
            verdict === "FAILED"
              ? html`<${Advice} words=${[check.finding, check.remedy].filter(Boolean).join("; ")} kind=${check.step} />`
              : html`<p class="dim small">${inOwnWords([check.finding, check.remedy].filter(Boolean).join("; "))}</p>`
          }
        </div>
      </li>`;
    })}
  </ol>`;
}
