// Addresses of an app's pictures.
import { address } from "../../core/api.js";

/** @param {{name: string}} listing @param {string} path as the listing names it */
export const picture = (listing, path) => address(`${listing.name}:picture`, { path });
