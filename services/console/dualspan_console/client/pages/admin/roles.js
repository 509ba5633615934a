// Roles: what each may do, in words, and which of them this person may give.
import { hasRole } from "../../core/session.js";
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";

/** As the contract has them; each but the last two may do what the one before it may. */
const ROLES = ["viewer", "operator", "engineer", "admin", "publisher", "platform_admin"];
const named = (role) => `ROLE_${role.toUpperCase()}`;
export const roleWords = (role) => t(`role.${role.replace(/^ROLE_/, "").toLowerCase()}`);

/** What each role may do, for who gives them. */
export const RoleList = () =>
  html`<section class="card stack">
    <h2>${t("admin.roles")}</h2>
    <dl class="facts">${ROLES.map((role) => html`<dt>${t(`role.${role}`)}</dt><dd>${t(`admin.may_${role}`)}</dd>`)}</dl>
  </section>`;

/**
 * Ticks for roles.
 * @param {{roles: string[], choose: (roles: string[]) => void, among?: string[]}} props names such as ROLE_VIEWER
 */
export function RolePicker({ roles, choose, among = ROLES }) {
  const offered = among.filter((role) => role !== "platform_admin" || hasRole("platform_admin"));
  const toggle = (role) => choose(roles.includes(role) ? roles.filter((each) => each !== role) : [...roles, role]);
  return html`<fieldset class="field plain">
    <legend class="label">${t("admin.roles")}</legend>
    ${offered.map(
      (role) =>
        html`<label class="tick tall" key=${role}
          ><input type="checkbox" name="role-${role}" checked=${roles.includes(named(role))} onChange=${() => toggle(named(role))} />
          <span class="grow">${t(`role.${role}`)}<span class="under">${t(`admin.may_${role}`)}</span></span></label
        >`,
    )}
  </fieldset>`;
}
