// Who is signed in, and what they may do.
import { get, post, put, remove, setCsrf, whenSignedOut } from "./api.js";
import { computed, signal } from "./view.js";

/** The answer of `GET /v1/session`; null until it is there. */
export const session = signal(null);
export const signedIn = computed(() => session.value?.signedIn === true);

/** `tenants/{tenant}`. */
export const tenant = () => session.value.tenant;
/** A path below the tenant: `ofTenant("assets")`. */
export const ofTenant = (rest) => `${session.value.tenant}/${rest}`;
/** Whether the person may do something; "" needs nothing. */
export const may = (permission) => !permission || (session.value?.permissions ?? []).includes(permission);
export const hasRole = (role) => (session.value?.roles ?? []).includes(role);

function keep(answer) {
  setCsrf(answer.csrf ?? "");
  session.value = answer;
}

whenSignedOut(() => keep({ ...session.value, signedIn: false, csrf: "" }));

export async function loadSession() {
  keep(await get("session"));
}

export async function signIn(email, password) {
  const before = session.value?.actor;
  const answer = await post("session", { email, password });
  // What pages still know is for whoever was here before: another person begins with an application that knows nothing.
  if (before && before !== answer.actor) location.reload();
  else keep(answer);
}

/** Ends the session, and with the page all that it knows. */
export async function signOut() {
  await remove("session");
  keep({ ...session.value, signedIn: false, csrf: "" });
  location.assign("/");
}

/** Remembers a language, and starts again in it. */
export async function chooseLanguage(language) {
  await put("session/language", { language });
  location.reload();
}
