// The relays that a server names for getting through networks which let out little, and how long what opens them is good. Pure.

/** @typedef {{urls: string[], username: string, credential: string}} Relay as an RTCIceServer */

/** What opens a relay is good for ten minutes; new ones are fetched well before, so that a try or two may fail (milliseconds). */
export const freshFor = 7 * 60_000;
/** After a try that failed (milliseconds). */
export const againAfter = 20_000;

/** Reads `ice` of a reply. @param {unknown} ice @returns {Relay[]} */
export function relaysIn(ice) {
  if (!Array.isArray(ice)) return [];
  return ice
    .filter((each) => Array.isArray(each?.urls) && each.urls.length > 0)
    .map(({ urls, username, credential }) => ({ urls: urls.map(String), username: String(username), credential: String(credential) }));
}

/**
 * By which way sound and pictures go, from the browser's counters.
 * @param {Iterable<any>} reports of RTCPeerConnection.getStats()
 * @returns {"udp" | "tcp" | "relay" | ""} "" while there is none
 */
export function wayIn(reports) {
  const all = [...reports];
  const chosen = all.find((each) => each.type === "transport")?.selectedCandidatePairId;
  const pair = all.find((each) => each.type === "candidate-pair" && (chosen ? each.id === chosen : each.selected || (each.nominated && each.state === "succeeded")));
  const local = all.find((each) => each.type === "local-candidate" && each.id === pair?.localCandidateId);
  if (!local) return "";
  if (local.candidateType === "relay" || local.relayProtocol) return "relay";
  return local.protocol === "tcp" ? "tcp" : "udp";
}
