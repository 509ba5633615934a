// How subscriptions stand, in words and tones.
import { t } from "../../core/words.js";

const TONES = {
  ACTIVE: "good",
  PROVISIONING: "info",
  UPGRADING: "info",
  PENDING: "warn",
  SUSPENDED: "warn",
  CANCELLING: "",
  CANCELLED: "",
  FAILED: "bad",
};
const name = (state) => state.replace("SUBSCRIPTION_STATE_", "");
export const toneOf = (state) => TONES[name(state)] ?? "";
export const wordsOf = (state) => t(`apps.state_${name(state)}`);
/** Something of it is under way: it will be another soon. */
export const isMoving = (state) => ["PROVISIONING", "UPGRADING", "CANCELLING"].includes(name(state));
export const isOver = (state) => ["CANCELLED", "CANCELLING"].includes(name(state));
/** Why it is suspended. */
export const causeOf = (cause) => (cause ? t(`apps.cause_${cause.replace("-", "_")}`) : "");
