// What alarms are called where the platform tells their names alone, as in its record.
import { all } from "../../core/api.js";
import { catalogue, idOf, nameOf } from "../../core/catalogue.js";
import { assetOf } from "../../core/production.js";
import { ofTenant } from "../../core/session.js";
import { html } from "../../core/view.js";

/**
 * Rules and assets by id, for `Named`.
 * @param {AbortSignal} signal
 * @returns {Promise<{known: object, rules: Map<string, object>}>}
 */
export async function readNames(signal) {
  const [known, rules] = await Promise.all([catalogue(), all(ofTenant("alarmRules"), "alarmRules", { signal })]);
  return { known, rules: new Map(rules.map((rule) => [idOf(rule.name), rule])) };
}

/** An alarm's id is the rule's, the asset's, the index and the level with dots between them. */
export function Named({ alarm, names: { known, rules } }) {
  const [rule, asset] = idOf(alarm).split(".");
  const about = assetOf(known, asset);
  if (!rules.has(rule)) return html`<span class="mono wrap-any">${idOf(alarm)}</span>`;
  return html`<span class="leaf wrap-any" title=${idOf(alarm)}>${rules.get(rule).displayName}</span>
    <span class="under">${about ? nameOf(about) : asset}</span>`;
}
