// Every page: its address, what loads it, what a person must be allowed to, and where it stands in the navigation.
//
// A page is added by a line here, a folder `pages/<first part of its address>/` with `page.js`, and words in `words/`.

/**
 * @typedef {object} Route
 * @property {string} path with `{name}` for what varies
 * @property {() => Promise<{default: Function}>} load the page's module; its component gets what varies as props
 * @property {string} [permission] without which neither the page nor its line in the navigation is there
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
    path: "/plants",
    load: () => import("./pages/plants/page.js"),
    permission: "onboarding.gateways.read",
    nav: { section: "nav.plant", title: "nav.plants", icon: "plant" },
  },
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
  { path: "/account", load: () => import("./pages/account/page.js") },
];

/** The order of the navigation's sections. */
export const SECTIONS = ["nav.work", "nav.plant", "nav.apps"];
