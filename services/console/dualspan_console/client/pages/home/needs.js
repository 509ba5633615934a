// What needs this person now, from every part of the platform that they may see; the most urgent first.
import { get } from "../../core/api.js";
import { assetName, idOf } from "../../core/catalogue.js";
import { may, ofTenant, session } from "../../core/session.js";
import { told } from "../../core/told.js";
import { ago, number, saidBy, t } from "../../core/words.js";
import { SERVICES } from "../admin/services.js";
import { causeOf } from "../apps/states.js";

const DAY_MS = 86400e3;
const SHOWN = 20;
/** How soon: the order of the list. */
const RANK = { bad: 0, warn: 1, info: 2 };

/**
 * @typedef {object} Need
 * @property {string} id @property {"bad" | "warn" | "info"} tone @property {string} icon
 * @property {string} title @property {string} [detail] @property {string} [todo] what to do
 * @property {string} [own] the service's own words, if the title is not
 * @property {string} [link] where @property {string} [linkWords] @property {string} [time]
 * @property {string} [alarm] name of an alarm that can be acknowledged from here
 * @property {string} [notice] name of a notice, likewise
 * @property {object} [command] a write that this person may approve
 */

/** Each asks one question; without its permission it is not asked. Of equal urgency, what expires first is first. */
const SOURCES = [
  { permission: "onboarding.writes.approve", ask: approvals },
  { permission: "analytics.alarms.read", ask: alarms },
  { permission: "onboarding.notices.read", ask: notices },
  { permission: "historian.gaps.read", ask: gaps },
  { permission: "marketplace.subscriptions.read", ask: subscriptions },
  { permission: "marketplace.apps.review", ask: reviews },
  { permission: "marketplace.apps.manage", ask: versions },
  { permission: "platform.status.read", ask: services },
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
  const query = { states: UNSEEN, pageSize: SHOWN };
  const { alarms: found, nextPageToken } = await get(ofTenant("alarms"), query, signal);
  const ids = [...new Set(found.map(({ asset }) => asset).filter(Boolean))];
  const names = new Map(await Promise.all(ids.map(async (id) => [id, await assetName(id, signal)])));
  const shown = found.map((each) => ({
    id: each.name,
    tone: URGENT[each.priority] ?? "warn",
    icon: "bell",
    title: each.message,
    detail: names.get(each.asset),
    todo: each.response,
    time: each.raiseTime,
    alarm: may("analytics.alarms.acknowledge") ? each.name : undefined,
    link: each.asset ? `/assets/${encodeURIComponent(each.asset)}` : "/alarms",
    linkWords: t(each.asset ? "home.see_machine" : "home.see_alarms"),
  }));
  if (!nextPageToken) return shown;
  const link = { link: "/alarms?show=unseen", linkWords: t("home.see_alarms") };
  const title = t("home.more_alarms", { count: SHOWN });
  return [...shown, { id: "more alarms", tone: shown.at(-1).tone, icon: "bell", title, ...link }];
}

/** Who may approve is shown the command itself. */
const ASKED_ELSEWHERE = "WRITE_NEEDS_APPROVAL";

/** Where something of onboarding is looked after: at its gateway. */
const placeOf = (resource) => {
  const gateway = /\/gateways\/([^/]+)/.exec(resource)?.[1];
  return gateway ? `/gateways/${gateway}` : "/gateways";
};

/** The newest notices that nobody has seen yet, however many stand before them that somebody has. */
async function openNotices(signal) {
  const query = { minimumSeverity: "NOTICE_SEVERITY_WARNING", pageSize: 200 };
  const found = [];
  let pageToken = "";
  do {
    const page = await get(ofTenant("notices"), { ...query, pageToken }, signal);
    found.push(
      ...page.notices.filter(({ state, kind }) => state === "NOTICE_STATE_OPEN" && kind !== ASKED_ELSEWHERE),
    );
    pageToken = page.nextPageToken;
  } while (pageToken && found.length <= SHOWN);
  return found;
}

async function notices(signal) {
  const found = await openNotices(signal);
  const shown = found.slice(0, SHOWN).map((each) => ({
    id: each.name,
    tone: each.severity === "NOTICE_SEVERITY_CRITICAL" ? "bad" : "warn",
    icon: each.kind.includes("CERTIFICATE") ? "key" : "warning",
    title: saidBy(`notice.${each.kind}`, each.details, each.text),
    own: each.text,
    detail: each.resource
      .split("/")
      .slice(2)
      .filter((_, place) => place % 2)
      .join(" / "),
    todo: saidBy(`notice.${each.kind}_todo`, each.details, each.remedy),
    time: each.createTime,
    notice: may("onboarding.notices.acknowledge") ? each.name : undefined,
    link: placeOf(each.resource),
    linkWords: t("home.see_plants"),
  }));
  if (found.length <= SHOWN) return shown;
  const link = { link: "/gateways", linkWords: t("home.see_plants") };
  const title = t("home.more_notices", { count: SHOWN });
  return [...shown, { id: "more notices", tone: "warn", icon: "warning", title, ...link }];
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
      link: "/gateways",
      linkWords: t("home.see_plants"),
    });
  if (Number(quarantinedFrames) > 0)
    found.push({
      id: "frames",
      tone: "warn",
      icon: "warning",
      title: t("home.frames", { count: Number(quarantinedFrames) }),
      todo: t("home.frames_hint"),
      link: "/gateways",
      linkWords: t("home.see_plants"),
    });
  return found;
}

async function approvals(signal) {
  const { writeCommands } = await get(
    ofTenant("writeCommands"),
    { state: "WRITE_STATE_PENDING_APPROVAL", pageSize: SHOWN },
    signal,
  );
  // Whoever asked is not the second person.
  const others = writeCommands.filter(({ requester }) => requester !== session.value.actor);
  return others.map((each) => ({
    id: each.name,
    tone: "warn",
    icon: "shield",
    title: t("home.approval", { guard: idOf(each.guard) }),
    detail: each.reason,
    todo: t("home.approval_hint", { who: idOf(each.requester), time: ago(each.expireTime) }),
    time: each.createTime,
    command: each,
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
      detail: causeOf(each.cause) || each.reason,
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
      return [{ ...base, tone: "warn", title: t("home.app_quota", { id }), detail: told(each.quotaNotice) }];
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
    link: "/reviews",
    linkWords: t("home.see_review"),
  }));
}

/** What a publisher handed in, and a reviewer has answered. */
async function versions(signal) {
  const { appVersions } = await get(ofTenant("appVersions"), { pageSize: 100 }, signal);
  return appVersions.flatMap((each) => {
    const [app, version] = [each.name.split("/")[3], idOf(each.name)];
    const isApproved = each.state === "APP_VERSION_STATE_IN_REVIEW" && each.approver;
    const isReturned = each.state === "APP_VERSION_STATE_DRAFT" && each.remark;
    if (!isApproved && !isReturned) return [];
    return {
      id: each.name,
      tone: isApproved ? "info" : "warn",
      icon: "apps",
      title: t(isApproved ? "home.version_approved" : "home.version_returned", { app, version }),
      detail: each.remark,
      time: each.stateTime,
      link: `/publisher/${app}/${version}`,
      linkWords: t("home.see_app"),
    };
  });
}

/** Services that do not answer. */
async function services(signal) {
  const answers = await Promise.allSettled(SERVICES.map((each) => get(`services/${each}/status`, {}, signal)));
  return SERVICES.filter((_, place) => answers[place].status === "rejected").map((each) => ({
    id: each,
    tone: "bad",
    icon: "server",
    title: t("home.service_silent", { service: t(`service.${each}`) }),
    todo: t("home.service_hint"),
    link: "/admin/platform",
    linkWords: t("home.see_platform"),
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
      const sum = (field, some = here) => some.reduce((total, each) => total + (each[field] ?? 0), 0);
      // Of a gateway that is not there nothing is known.
      const there = here.filter(({ gateway }) => gateway.state === "GATEWAY_STATE_ONLINE");
      return {
        site,
        gateways: here,
        tone: WORST.find((tone) => tones.includes(tone)) ?? "",
        servers: sum("servers"),
        connected: sum("connectedServers", there),
        tags: sum("tags"),
        active: sum("activeTags", there),
        concerns: here.flatMap(({ concerns }) => concerns).slice(0, 2),
        buffered: number(here.reduce((total, { gateway }) => total + Number(gateway.status?.bufferedFrames ?? 0), 0)),
      };
    });
}
