// What a plan costs, in words.
import { local, money, t } from "../../core/words.js";

/** @param {object} plan */
export function price(plan) {
  const amount = plan.currency ? money(plan.priceMicros, plan.currency) : "";
  const kinds = {
    PLAN_MODEL_FREE: () => t("market.free"),
    PLAN_MODEL_TRIAL: () => t("market.trial", { count: plan.trialDays }),
    PLAN_MODEL_FLAT: () => t("market.flat", { price: amount }),
    PLAN_MODEL_PER_ASSET_HOUR: () => t("market.per_asset_hour", { price: amount }),
  };
  return kinds[plan.model]?.() ?? "";
}

export const planId = (plan) => plan.name.slice(plan.name.lastIndexOf("/") + 1);
export const planName = (plan) => local(plan.displayName) || planId(plan);
/** Those that can be chosen. */
export const offered = (listing) => listing.plans.filter(({ state }) => state === "PLAN_STATE_OFFERED");
