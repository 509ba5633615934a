// What people do about alarms.
import { post } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { assetOf, upward } from "../../core/production.js";

export const stateOf = ({ state }) => state.replace("ALARM_STATE_", "");
export const priorityOf = ({ priority }) => priority.replace("ALARM_PRIORITY_", "");
export const TONES = { CRITICAL: "bad", HIGH: "bad", MEDIUM: "warn", LOW: "info", UNSPECIFIED: "" };
export const alarmId = ({ name }) => idOf(name);

/** Whether nobody has seen it yet. */
export const acknowledgeable = (alarm) => stateOf(alarm).includes("UNACKNOWLEDGED");
export const acknowledge = ({ name }, comment = "") => post(`${name}:acknowledge`, { comment });

/** The id of a place that nothing stands below, so that the platform can choose its alarms; undefined for others. */
export function machineAt(known, place) {
  const asset = assetOf(known, place);
  return asset && !known.below.has(asset.name) ? place : undefined;
}

/** Whether an asset stands at a place or below it; "" is everywhere. */
export const isBelow = (known, asset, place) => !place || upward(known, asset).includes(place);
