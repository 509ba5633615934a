/** The services that answer for themselves, as their addresses have them. */
export const SERVICES = ["identity", "onboarding", "historian", "analytics", "marketplace"];
