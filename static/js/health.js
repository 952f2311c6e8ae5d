// Tells from counters whether anything still arrives. Browsers notice a dead network after seven seconds; people should be told within three.
// Pure: samples and their times come in from outside.

/** With media on its way, silence this long means that the network is gone (milliseconds). Reports come every second even from quiet peers. */
export const silentLimit = 2200;

/** With nothing on its way only checks of the connection arrive, every few seconds (milliseconds). */
export const idleLimit = 9000;

/** Adds up what arrived over all ways through the network. Ways come and go with a restart of ICE, and their counters with them. */
export class Arrivals {
  #total = 0;
  /** @type {Map<string, number>} */
  #counts = new Map();

  /**
   * @param {Iterable<{type: string, id: string, bytesReceived?: number, responsesReceived?: number, requestsReceived?: number}>} reports
   * @returns {number} never falls
   */
  take(reports) {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const { type, id, bytesReceived = 0, responsesReceived = 0, requestsReceived = 0 } of reports) {
      if (type !== "candidate-pair") continue;
      const count = bytesReceived + responsesReceived + requestsReceived;
      counts.set(id, count);
      this.#total += Math.max(0, count - (this.#counts.get(id) ?? 0));
    }
    this.#counts = counts;
    return this.#total;
  }
}

/**
 * The lines on which something has come.
 * @param {Iterable<{type: string, mid?: string, packetsReceived?: number}>} reports
 * @returns {Set<string>} mids
 */
export function arriving(reports) {
  const mids = new Set();
  for (const { type, mid, packetsReceived = 0 } of reports) {
    if (type === "inbound-rtp" && mid !== undefined && packetsReceived > 0) mids.add(mid);
  }
  return mids;
}

/** Follows one ever-rising counter of what has arrived. */
export class Silence {
  /** @param {number} now milliseconds */
  constructor(now) {
    this.count = -1;
    this.since = now;
    this.tooLong = false;
  }

  /**
   * Takes a sample; says whether the silence has become too long. Then only something that arrives ends it.
   * @param {number} count all that ever arrived
   * @param {boolean} expecting whether media should be arriving
   * @param {number} now milliseconds
   * @returns {boolean}
   */
  sample(count, expecting, now) {
    if (count !== this.count || !expecting !== !this.expecting) this.since = now;
    if (count !== this.count) this.tooLong = false;
    this.count = count;
    this.expecting = expecting;
    this.tooLong ||= now - this.since >= (expecting ? silentLimit : idleLimit);
    return this.tooLong;
  }
}
