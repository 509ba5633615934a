// What needs this person now, from every part of the platform that they may see; the most urgent first.
import { get } from "../../core/api.js";
import { idOf } from "../../core/catalogue.js";
import { may, ofTenant } from "../../core/session.js";
import { number, t } from "../../core/words.js";

const DAY_MS = 86400e3;
const SHOWN = 20;
/** How soon: the order of the list. */
const RANK = { bad: 0, warn: 1, info: 2 };

/**
 * @typedef {object} Need
 * @property {string} id @property {"bad" | "warn" | "info"} tone @property {string} icon
 * @property {string} title @property {string} [detail] @property {string} [todo] what to do
 * @property {string} [link] where @property {string} [linkWords] @property {string} [time]
 * @property {string} [alarm] name of an alarm that can be acknowledged from here
 * @property {string} [notice] name of a notice, likewise
 */

/** Each asks one question; without its permission it is not asked. */
const SOURCES = [
  { permission: "analytics.alarms.read", ask: alarms },
  { permission: "onboarding.notices.read", ask: notices },
  { permission: "historian.gaps.read", ask: gaps },
  { permission: "onboarding.writes.approve", ask: approvals },
  { permission: "marketplace.subscriptions.read", ask: subscriptions },
  { permission: "marketplace.apps.review", ask: reviews },
];

/**
 * @param {AbortSignal} signal
 * @returns {Promise<{needs: Need[], silent: string[]}>} `silent`: what went wrong with parts that did not answer
 */
export async function findNeeds(signal) {
  const asked = SOURCES.filter(({ permission }) => may(permission));
  const answers = await Promise.allSettled(asked.map(({ ask }) => ask(signal)));
  if (signal.aborted) throw signal.reason;
  const needs = answers.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  const silent = answers.filter(({ status }) => status === "rejected").map(({ reason }) => reason.message);
  return { needs: needs.sort((a, b) => RANK[a.tone] - RANK[b.tone]), silent: [...new Set(silent)] };
}

const URGENT = {
  ALARM_PRIORITY_CRITICAL: "bad",
  ALARM_PRIORITY_HIGH: "bad",
  ALARM_PRIORITY_MEDIUM: "warn",
  ALARM_PRIORITY_LOW: "info",
};
const UNSEEN = [
  "ALARM_STATE_UNACKNOWLEDGED",
  "ALARM_STATE_RETURNED_UNACKNOWLEDGED",
  "ALARM_STATE_LATCHED_UNACKNOWLEDGED",
];

async function alarms(signal) {
  const { alarms: found } = await get(ofTenant("alarms"), { states: UNSEEN, pageSize: SHOWN }, signal);
  return found.map((each) => ({
    id: each.name,
    tone: URGENT[each.priority] ?? "warn",
    icon: "bell",
    title: each.message,
    detail: each.asset,
    todo: each.response,
    time: each.raiseTime,
    alarm: may("analytics.alarms.acknowledge") ? each.name : undefined,
    link: each.asset
      ? `/explore?asset=${encodeURIComponent(each.asset)}&s=${encodeURIComponent(`${each.asset}/${each.property}${each.index ? `:${each.index}` : ""}`)}`
      : undefined,
    linkWords: t("home.see_chart"),
  }));
}

async function notices(signal) {
  const { notices: found } = await get(
    ofTenant("notices"),
    { minimumSeverity: "NOTICE_SEVERITY_WARNING", pageSize: SHOWN },
    signal,
  );
  return found
    .filter(({ state }) => state === "NOTICE_STATE_OPEN")
    .map((each) => ({
      id: each.name,
      tone: each.severity === "NOTICE_SEVERITY_CRITICAL" ? "bad" : "warn",
      icon: each.kind.includes("CERTIFICATE") ? "key" : "warning",
      title: each.text,
      detail: each.resource
        .split("/")
        .slice(2)
        .filter((_, place) => place % 2)
        .join(" / "),
      todo: each.remedy,
      time: each.createTime,
      notice: may("onboarding.notices.acknowledge") ? each.name : undefined,
      link: "/plants",
      linkWords: t("home.see_plants"),
    }));
}

async function gaps(signal) {
  const { openGaps, quarantinedFrames } = await get(ofTenant("storageStatistics"), {}, signal);
  const found = [];
  if (Number(openGaps) > 0)
    found.push({
      id: "gaps",
      tone: "warn",
      icon: "gap",
      title: t("home.gaps", { count: Number(openGaps) }),
      todo: t("home.gaps_hint"),
    });
  if (Number(quarantinedFrames) > 0)
    found.push({
      id: "frames",
      tone: "warn",
      icon: "warning",
      title: t("home.frames", { count: Number(quarantinedFrames) }),
      todo: t("home.frames_hint"),
    });
  return found;
}

async function approvals(signal) {
  const { writeCommands } = await get(
    ofTenant("writeCommands"),
    { state: "WRITE_STATE_PENDING_APPROVAL", pageSize: SHOWN },
    signal,
  );
  return writeCommands.map((each) => ({
    id: each.name,
    tone: "warn",
    icon: "shield",
    title: t("home.approval", { guard: idOf(each.guard) }),
    detail: each.reason,
    todo: t("home.approval_hint", { id: idOf(each.name) }),
    time: each.createTime,
  }));
}

const TROUBLED = new Set(["SUBSCRIPTION_STATE_FAILED", "SUBSCRIPTION_STATE_SUSPENDED", "SUBSCRIPTION_STATE_PENDING"]);

async function subscriptions(signal) {
  const { subscriptions: found } = await get(ofTenant("subscriptions"), { pageSize: 200 }, signal);
  return found.flatMap((each) => {
    const id = idOf(each.name);
    const base = {
      id: each.name,
      icon: "apps",
      link: `/apps/${id}`,
      linkWords: t("home.see_app"),
      detail: each.reason,
    };
    if (each.state === "SUBSCRIPTION_STATE_FAILED")
      return [{ ...base, tone: "bad", title: t("home.app_failed", { id }) }];
    if (TROUBLED.has(each.state))
      return [
        {
          ...base,
          tone: "warn",
          title: t(each.state.endsWith("PENDING") ? "home.app_pending" : "home.app_suspended", { id }),
        },
      ];
    if (each.healthProblem)
      return [{ ...base, tone: "warn", title: t("home.app_unwell", { id }), detail: each.healthProblem }];
    if (each.quotaNotice)
      return [{ ...base, tone: "warn", title: t("home.app_quota", { id }), detail: each.quotaNotice }];
    const days = each.trialEndTime ? Math.ceil((Date.parse(each.trialEndTime) - Date.now()) / DAY_MS) : Infinity;
    return days <= 5 && days >= 0 ? [{ ...base, tone: "info", title: t("home.trial", { id, count: days }) }] : [];
  });
}

async function reviews(signal) {
  const { appVersions } = await get("reviews", { pageSize: SHOWN }, signal);
  return appVersions.map((each) => ({
    id: each.name,
    tone: "info",
    icon: "eye",
    title: t("home.review", { app: each.name.split("/")[3], version: idOf(each.name) }),
    time: each.stateTime,
    todo: t("home.review_hint"),
  }));
}

/** Figures of the whole: what is connected and stored. */
export async function figures(signal) {
  const [fleet, stored] = await Promise.all([
    may("onboarding.gateways.read") ? get(ofTenant("gatewayHealth"), { pageSize: 1000 }, signal) : { gateways: [] },
    may("historian.gaps.read") ? get(ofTenant("storageStatistics"), {}, signal) : null,
  ]);
  return { gateways: fleet.gateways, stored };
}

const HEALTH = {
  GATEWAY_HEALTH_WELL: "good",
  GATEWAY_HEALTH_ATTENTION: "warn",
  GATEWAY_HEALTH_FAILED: "bad",
  GATEWAY_HEALTH_NONE: "",
};
const WORST = ["bad", "warn", "", "good"];

/** Plants with what stands in them: gateways by their site. */
export function plants(gateways) {
  const sites = new Map();
  for (const each of gateways) sites.set(each.gateway.site, [...(sites.get(each.gateway.site) ?? []), each]);
  return [...sites]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([site, here]) => {
      const tones = here.map(({ health }) => HEALTH[health] ?? "");
      const sum = (field) => here.reduce((total, each) => total + (each[field] ?? 0), 0);
      return {
        site,
        gateways: here,
        tone: WORST.find((tone) => tones.includes(tone)) ?? "",
        servers: sum("servers"),
        connected: sum("connectedServers"),
        tags: sum("tags"),
        active: sum("activeTags"),
        attention: here.flatMap(({ attention }) => attention).slice(0, 2),
        buffered: number(here.reduce((total, { gateway }) => total + Number(gateway.status?.bufferedFrames ?? 0), 0)),
      };
    });
}
