// Money on statements.
import { language, t } from "../../core/words.js";

/** An amount in minor units, as the currency is written. */
export function amount({ currency, minorUnits }) {
  const format = new Intl.NumberFormat(language === "zh" ? "zh-CN" : "en", { style: "currency", currency });
  return format.format(Number(minorUnits) / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** Sums of a statement's lines of one subscription, by currency. */
export function costOf(statement, subscription) {
  const sums = new Map();
  for (const line of statement.lines) {
    if (line.subscription === subscription && line.amount?.currency)
      sums.set(line.amount.currency, (sums.get(line.amount.currency) ?? 0) + Number(line.amount.minorUnits));
  }
  return [...sums].map(([currency, minorUnits]) => ({ currency, minorUnits }));
}

export const amounts = (list) => (list.length === 0 ? t("apps.nothing") : list.map(amount).join(" + "));
