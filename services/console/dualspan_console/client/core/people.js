// Who did something, by name: for those who may see who there is.
import { all } from "./api.js";
import { idOf } from "./catalogue.js";
import { may, ofTenant, session } from "./session.js";
import { signal } from "./view.js";
import { t } from "./words.js";

const names = signal(null);

async function load() {
  names.value = new Map();
  const users = await all(ofTenant("users"), "users").catch(() => []);
  names.value = new Map(users.map(({ name, displayName, email }) => [`users/${idOf(name)}`, displayName || email]));
}

/** What to call whoever the audit log knows as `users/{user}`, `apiTokens/{token}` and the like. */
export function nameOfActor(actor) {
  if (`/${session.value.actor}`.endsWith(`/${actor}`)) return t("core.you");
  if (actor.startsWith("apiTokens/")) return t("core.program");
  if (!names.value && may("identity.users.read")) load();
  return names.value?.get(actor) || `${actor.split("/")[0]}/${idOf(actor).slice(0, 8)}`;
}
