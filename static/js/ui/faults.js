// Which words explain a camera or microphone that does not come, for this browser. Pure but for reading what the browser calls itself.

/** @import {Device, Fault} from "../devices.js" */

/** @typedef {{title: string, help: string, without: string}} Explained keys of the catalogue */

/**
 * Whose settings hold the answer when a permission was refused.
 * @param {string} agent the browser's user agent
 * @param {number} touches how many fingers the screen feels
 * @returns {"in_app" | "ios" | "ios_app" | "android" | "firefox" | "safari" | "chrome"}
 */
export function browserOf(agent, touches) {
  if (/\bFBA[NV]|Instagram|\bLine\/|WhatsApp|MicroMessenger|Snapchat|; wv\)/.test(agent)) return "in_app";
  // An iPad calls itself a Mac, but has fingers on it.
  if (/iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touches > 1)) {
    return /CriOS|FxiOS|EdgiOS/.test(agent) ? "ios_app" : "ios";
  }
  if (/Firefox\//.test(agent)) return "firefox";
  if (/Android/.test(agent)) return "android";
  if (/Safari\//.test(agent) && !/Chrom(e|ium)\/|Edg\//.test(agent)) return "safari";
  return "chrome";
}

/**
 * What to say about the faults there are; null for none.
 * @param {Partial<Record<Device, Fault>>} faults
 * @param {string} browser from browserOf
 * @returns {Explained | null}
 */
export function explain(faults, browser) {
  const { microphone, camera } = faults;
  const fault = microphone ?? camera;
  if (!fault) return null;
  const known = ["denied", "denied_by_system", "missing", "in_use"].includes(fault) ? fault : "failed";
  const which = microphone && camera ? "both" : microphone ? "microphone" : "camera";
  return {
    title: `fault.${which}.${known}`,
    help: known === "denied" ? `help.denied.${browser}` : `help.${known}`,
    without: `fault.without_${which}`,
  };
}
