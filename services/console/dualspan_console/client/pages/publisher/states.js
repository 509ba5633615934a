// Where versions stand, in words and tones, and what can be done with them there.
import { t } from "../../core/words.js";

const TONES = { DRAFT: "", SUBMITTED: "info", IN_REVIEW: "info", PUBLISHED: "good", DEPRECATED: "warn", WITHDRAWN: "bad" };
const name = (state) => state.replace("APP_VERSION_STATE_", "");

/** An approved version waits for its publisher, not for a reviewer. */
const isApproved = ({ state, approver }) => name(state) === "IN_REVIEW" && Boolean(approver);
export const toneOf = (version) => (isApproved(version) ? "good" : (TONES[name(version.state)] ?? ""));
export const wordsOf = (version) => t(isApproved(version) ? "publisher.state_APPROVED" : `publisher.state_${name(version.state)}`);
export const isChecked = ({ state }) => name(state) === "SUBMITTED";

/** What comes next, and who has to do it. */
export const nextOf = (version) => t(`publisher.next_${stepsOf(version)[0] ?? name(version.state)}`);

/** What the publisher can do next, the usual thing first. */
export function stepsOf(version) {
  const steps = { DRAFT: ["submit"], IN_REVIEW: isApproved(version) ? ["publish"] : [], PUBLISHED: ["deprecate", "withdraw"], DEPRECATED: ["withdraw"] };
  return steps[name(version.state)] ?? [];
}

/** `tenants/{tenant}/apps/{app}/appVersions/{version}` apart. */
export function partsOf({ name: full }) {
  const [, publisher, , app, , version] = full.split("/");
  return { publisher, app, version };
}
