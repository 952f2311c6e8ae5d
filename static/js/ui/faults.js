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
 * What a browser and its system are called, for whoever helps: "Chrome 126, Android". Names and numbers only, the same in every language.
 * @param {string} agent the browser's user agent
 * @param {number} touches how many fingers the screen feels
 * @returns {string} at most 60 characters
 */
export function browserName(agent, touches) {
  const browsers = [
    [/\bEdg(?:A|iOS)?\/(\d+)/, "Edge"], [/\bSamsungBrowser\/(\d+)/, "Samsung Internet"], [/\b(?:Firefox|FxiOS)\/(\d+)/, "Firefox"],
    [/(?:Chrome|Chromium|CriOS)\/(\d+)/, "Chrome"], [/\bVersion\/(\d+)[\d.]* .*Safari\//, "Safari"],
  ];
  const systems = [
    [/iPhone|iPod/, "iPhone"], [/iPad/, "iPad"], [/Android/, "Android"], [/Windows/, "Windows"], [/CrOS/, "ChromeOS"],
    [/Macintosh/, touches > 1 ? "iPad" : "macOS"], [/Linux/, "Linux"],
  ];
  const found = browsers.map(([shape, name]) => ({ name, version: /** @type {RegExp} */ (shape).exec(agent)?.[1] })).find(({ version }) => version);
  const system = systems.find(([shape]) => /** @type {RegExp} */ (shape).test(agent))?.[1];
  const inside = browserOf(agent, touches) === "in_app" ? "in-app" : undefined;
  return [found && `${found.name} ${found.version}`, system, inside].filter(Boolean).join(", ").slice(0, 60);
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
    help: known === "denied" || (browser === "in_app" && known === "failed") ? `help.denied.${browser}` : `help.${known}`,
    without: `fault.without_${which}`,
  };
}
