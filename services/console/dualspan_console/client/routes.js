// Every page: its address, what loads it, what a person must be allowed to, and where it stands in the navigation.
//
// A page is added by a line here, a folder `pages/<first part of its address>/` with `page.js`, and words in `words/`.

/**
 * @typedef {object} Route
 * @property {string} path with `{name}` for what varies
 * @property {() => Promise<{default: Function}>} load the page's module; its component gets what varies as props
 * @property {string} [permission] without which neither the page nor its line in the navigation is there
 * @property {boolean} [bare] it has the whole window, without the navigation
 * @property {{section: string, title: string, icon: string}} [nav] keys of words, name of a picture
 */

/** @type {Route[]} */
export const ROUTES = [
  {
    path: "/",
    load: () => import("./pages/home/page.js"),
    nav: { section: "nav.work", title: "nav.home", icon: "home" },
  },
  {
    path: "/explore",
    load: () => import("./pages/explore/page.js"),
    permission: "historian.samples.read",
    nav: { section: "nav.work", title: "nav.explore", icon: "chart" },
  },
  {
    path: "/dashboards",
    load: () => import("./pages/dashboards/page.js"),
    permission: "analytics.dashboards.read",
    nav: { section: "nav.work", title: "nav.dashboards", icon: "grid" },
  },
  { path: "/dashboards/{dashboard}", load: () => import("./pages/dashboards/dashboard.js"), permission: "analytics.dashboards.read" },
  {
    path: "/dashboards/{dashboard}/kiosk",
    load: () => import("./pages/dashboards/kiosk.js"),
    permission: "analytics.dashboards.read",
    bare: true,
  },
  {
    path: "/states",
    load: () => import("./pages/states/page.js"),
    permission: "analytics.kpis.read",
    nav: { section: "nav.production", title: "nav.states", icon: "states" },
  },
  {
    path: "/oee",
    load: () => import("./pages/oee/page.js"),
    permission: "analytics.kpis.read",
    nav: { section: "nav.production", title: "nav.oee", icon: "gauge" },
  },
  {
    path: "/losses",
    load: () => import("./pages/losses/page.js"),
    permission: "analytics.stops.read",
    nav: { section: "nav.production", title: "nav.losses", icon: "pareto" },
  },
  {
    path: "/spc",
    load: () => import("./pages/spc/page.js"),
    permission: "analytics.spc.read",
    nav: { section: "nav.production", title: "nav.spc", icon: "control" },
  },
  {
    path: "/alarms",
    load: () => import("./pages/alarms/page.js"),
    permission: "analytics.alarms.read",
    nav: { section: "nav.production", title: "nav.alarms", icon: "bell" },
  },
  {
    path: "/energy",
    load: () => import("./pages/energy/page.js"),
    permission: "analytics.energy.read",
    nav: { section: "nav.production", title: "nav.energy", icon: "bolt" },
  },
  {
    path: "/plants",
    load: () => import("./pages/plants/page.js"),
    permission: "onboarding.gateways.read",
    nav: { section: "nav.plant", title: "nav.plants", icon: "plant" },
  },
  {
    path: "/gateways",
    load: () => import("./pages/gateways/page.js"),
    permission: "onboarding.gateways.read",
    nav: { section: "nav.plant", title: "nav.gateways", icon: "box" },
  },
  { path: "/gateways/{gateway}", load: () => import("./pages/gateways/gateway.js"), permission: "onboarding.gateways.read" },
  {
    path: "/gateways/{gateway}/connect",
    load: () => import("./pages/gateways/connect.js"),
    permission: "onboarding.gateways.read",
  },
  {
    path: "/assets",
    load: () => import("./pages/assets/page.js"),
    permission: "onboarding.assets.read",
    nav: { section: "nav.plant", title: "nav.assets", icon: "machine" },
  },
  { path: "/assets/{asset}", load: () => import("./pages/assets/asset.js"), permission: "onboarding.assets.read" },
  {
    path: "/tags",
    load: () => import("./pages/tags/page.js"),
    permission: "onboarding.tags.read",
    nav: { section: "nav.plant", title: "nav.tags", icon: "tag" },
  },
  {
    path: "/market",
    load: () => import("./pages/market/page.js"),
    permission: "marketplace.catalogue.read",
    nav: { section: "nav.apps", title: "nav.market", icon: "shop" },
  },
  { path: "/market/{app}", load: () => import("./pages/market/app.js"), permission: "marketplace.catalogue.read" },
  {
    path: "/market/{app}/subscribe",
    load: () => import("./pages/market/subscribe.js"),
    permission: "marketplace.subscriptions.manage",
  },
  {
    path: "/apps",
    load: () => import("./pages/apps/page.js"),
    permission: "marketplace.apps.open",
    nav: { section: "nav.apps", title: "nav.my_apps", icon: "apps" },
  },
  {
    path: "/apps/{subscription}",
    load: () => import("./pages/apps/subscription.js"),
    permission: "marketplace.subscriptions.read",
  },
  {
    path: "/publisher",
    load: () => import("./pages/publisher/page.js"),
    permission: "marketplace.apps.manage",
    nav: { section: "nav.apps", title: "nav.publisher", icon: "desk" },
  },
  {
    path: "/publisher/{app}",
    load: () => import("./pages/publisher/app.js"),
    permission: "marketplace.apps.manage",
  },
  {
    path: "/publisher/{app}/{version}",
    load: () => import("./pages/publisher/version.js"),
    permission: "marketplace.apps.manage",
  },
  {
    path: "/reviews",
    load: () => import("./pages/reviews/page.js"),
    permission: "marketplace.apps.review",
    nav: { section: "nav.apps", title: "nav.reviews", icon: "eye" },
  },
  {
    path: "/reviews/{publisher}/{app}/{version}",
    load: () => import("./pages/reviews/version.js"),
    permission: "marketplace.apps.review",
  },
  {
    path: "/admin/people",
    load: () => import("./pages/admin/users.js"),
    permission: "identity.users.read",
    nav: { section: "nav.admin", title: "nav.people", icon: "person" },
  },
  {
    path: "/admin/tokens",
    load: () => import("./pages/admin/tokens.js"),
    permission: "identity.tokens.manage",
    nav: { section: "nav.admin", title: "nav.tokens", icon: "key" },
  },
  {
    path: "/admin/quotas",
    load: () => import("./pages/admin/quotas.js"),
    permission: "marketplace.subscriptions.manage",
    nav: { section: "nav.admin", title: "nav.quotas", icon: "gauge" },
  },
  {
    path: "/admin/audit",
    load: () => import("./pages/admin/audit.js"),
    permission: "identity.audit.read",
    nav: { section: "nav.admin", title: "nav.audit", icon: "text" },
  },
  {
    path: "/admin/tenants",
    load: () => import("./pages/admin/tenants.js"),
    permission: "identity.tenants.manage",
    nav: { section: "nav.admin", title: "nav.tenants", icon: "site" },
  },
  {
    path: "/admin/tenants/{tenant}",
    load: () => import("./pages/admin/tenant.js"),
    permission: "identity.tenants.manage",
  },
  {
    path: "/admin/platform",
    load: () => import("./pages/admin/platform.js"),
    permission: "platform.status.read",
    nav: { section: "nav.admin", title: "nav.platform", icon: "server" },
  },
  {
    path: "/admin/evidence",
    load: () => import("./pages/admin/evidence.js"),
    permission: "platform.evidence.read",
    nav: { section: "nav.admin", title: "nav.evidence", icon: "chart" },
  },
  { path: "/account", load: () => import("./pages/account/page.js") },
];

/** The order of the navigation's sections. */
export const SECTIONS = ["nav.work", "nav.production", "nav.plant", "nav.apps", "nav.admin"];
