// The ways to the media port out of this network, each tried apart: UDP, TCP, and by the relay inside of TLS. A visit takes the best by itself;
// this is for whoever looks after the network, who can then be told what to open. What was found is remembered for each network.

import { beginCheck, endCheck, relays } from "./api.js";

/** Whether each way leads there; null: not found out. @typedef {{udp: boolean | null, tcp: boolean | null, relay: boolean | null}} Ways */

/** A way that leads anywhere does so by then (milliseconds). */
const tryFor = 5_000;
/** Networks change: what was found is believed for so long (milliseconds), and of so many networks. */
const believedFor = 7 * 24 * 3600_000;
const mostNetworks = 8;
/** Where it is remembered, on this device. The names of networks are hashes that only the server could make. */
const kept = "housecall.ways";

/**
 * @param {string} path "/v/ID/"
 * @param {AbortSignal} signal
 * @returns {Promise<Ways | null>} null: nothing is known. Never throws.
 */
export async function waysOut(path, signal) {
  const told = await relays(path);
  if (!told || signal.aborted) return null;
  const known = recall(read(), told.network, Date.now());
  if (known) return known;
  const [udp, tcp, relay] = await Promise.all([
    leads(path, "udp", {}, signal),
    leads(path, "tcp", {}, signal),
    told.relays.length > 0 ? leads(path, "relay", { iceServers: told.relays, iceTransportPolicy: "relay" }, signal) : null,
  ]);
  const ways = { udp, tcp, relay };
  if (signal.aborted) return null;
  write(remember(read(), told.network, ways, Date.now()));
  return ways;
}

/** @param {string} path @param {keyof Ways} way @param {RTCConfiguration} configuration @param {AbortSignal} signal */
async function leads(path, way, configuration, signal) {
  let id = "";
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", ...configuration });
  try {
    pc.addTransceiver("audio", { direction: "recvonly" });
    await pc.setLocalDescription(await pc.createOffer());
    const began = await beginCheck(path, { offer: pc.localDescription?.sdp ?? "", sources: {} });
    if (!began) return null;
    id = began.id;
    await pc.setRemoteDescription({ type: "answer", sdp: onlyBy(way, began.answer) });
    return await connects(pc, signal);
  } catch {
    return null;
  } finally {
    pc.close();
    if (id) void endCheck(path, id);
  }
}

/** @param {RTCPeerConnection} pc @param {AbortSignal} signal @returns {Promise<boolean | null>} */
function connects(pc, signal) {
  return new Promise((resolve) => {
    /** @param {boolean | null} found */
    const done = (found) => (clearTimeout(timer), resolve(found));
    const timer = setTimeout(() => done(false), tryFor);
    const look = () => ["connected", "completed"].includes(pc.iceConnectionState) && done(true);
    signal.addEventListener("abort", () => done(null), { once: true });
    pc.addEventListener("iceconnectionstatechange", look);
    look();
  });
}

/** An answer with the candidates of one way alone; the relay speaks to the media port by UDP. @param {keyof Ways} way @param {string} sdp */
export function onlyBy(way, sdp) {
  const other = way === "tcp" ? "udp" : "tcp";
  return sdp.replaceAll(new RegExp(`^a=candidate:\\S+ \\d+ ${other} .*\\r?\\n`, "gim"), "");
}

/** @typedef {{network: string, ways: Ways, at: number}} Kept */

/** @param {Kept[]} all @param {string} network @param {number} now */
export function recall(all, network, now) {
  const found = all.find((each) => each.network === network);
  return network !== "" && found && now - found.at < believedFor && now >= found.at ? found.ways : null;
}

/** What leads nowhere at all may be an outage and is not remembered, nor what was not found out. @param {Kept[]} all @param {string} network @param {Ways} ways @param {number} now */
export function remember(all, network, ways, now) {
  const found = Object.values(ways);
  if (network === "" || !found.includes(true) || ways.udp === null || ways.tcp === null) return all;
  return [{ network, ways, at: now }, ...all.filter((each) => each.network !== network)].slice(0, mostNetworks);
}

/** @returns {Kept[]} */
function read() {
  try {
    const all = JSON.parse(localStorage.getItem(kept) ?? "[]");
    return Array.isArray(all) ? all.filter((each) => typeof each?.network === "string" && each.ways && typeof each.at === "number") : [];
  } catch {
    return []; // a browser that keeps nothing, or something that is not ours
  }
}

/** @param {Kept[]} all */
function write(all) {
  try {
    localStorage.setItem(kept, JSON.stringify(all));
  } catch {
    // then it is found out again
  }
}
