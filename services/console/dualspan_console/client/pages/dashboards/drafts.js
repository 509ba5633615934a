// What is composed and not kept yet: it waits here when somebody looks at another page meanwhile.
import { signedIn } from "../../core/session.js";

const drafts = new Map();

/** @returns {{panels: object[], displayName: string, description: string, etag: string} | undefined} */
export const draftOf = (name) => drafts.get(name);
export const keepDraft = (name, draft) => drafts.set(name, draft);
export const dropDraft = (name) => drafts.delete(name);

/** The browser asks before the whole application goes, and these with it; who has signed out does not come back. */
addEventListener("beforeunload", (event) => {
  if (drafts.size > 0 && signedIn.value) event.preventDefault();
});
