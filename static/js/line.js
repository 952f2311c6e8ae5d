// How my line does, judged from the browser's counters, and whose line it is when somebody's picture suffers. Pure: counters, their times and
// what the room says of the others come in from outside.

/** @import {Quality} from "./protocol.js" */

/** What one slot has received so far. `again`: packets that were sent again.
 * @typedef {{kind: string, packets: number, lost: number, again: number, bytes: number, jitter: number, freezes: number, frames: number}} Received */

/** The counters of one moment. `rtt` and `jitter` in milliseconds; `sent` and `lost`: packets so far, as the server counts what is
 * missing; `room`: what the line carries toward the server, bits a second; `pinched`: pictures are sent smaller because of the line; null: not known.
 * @typedef {{at: number, rtt: number | null, sent: number, lost: number, room: number | null, pinched: boolean, slots: Map<string, Received>}} Sample */

/** Somebody else in the visit: their slots, whether a picture of theirs should be moving, and what their own page says of their line.
 * @typedef {{id: string, mids: string[], moving: boolean, line: Quality, away: boolean}} Other */

/** @typedef {"theirs" | "mine" | "unknown"} Whose */

/** So many samples are looked at together, a second apart. */
const window = 4;
/** A line is called worse after so many judgements in a row, and better after so many. */
const worseAfter = 2;
const betterAfter = 5;
/** What is wrong only with what comes from the one other person may be their line, of which we hear a little later. */
const worseByOneAfter = 6;
/** A browser begins with a low guess of what a line carries, and finds out in so many samples. */
const guessing = 8;
/** A line that has been bad for so long cannot carry video (milliseconds). */
const hopelessAfter = 6000;

/** From here a talk halts, and from here it is hard to hold. */
const weak = { rtt: 500, loss: 0.05, jitter: 100, room: 250_000 };
const bad = { rtt: 1200, loss: 0.15, jitter: 400, room: 100_000 };
/** Shares of fewer packets than this say nothing. */
const fewPackets = 20;

const order = ["good", "weak", "bad"];

/**
 * @param {Iterable<any>} reports of RTCPeerConnection.getStats()
 * @param {number} at milliseconds
 * @returns {Sample}
 */
export function sampleOf(reports, at) {
  /** @type {Sample} */
  const sample = { at, rtt: null, sent: 0, lost: 0, room: null, pinched: false, slots: new Map() };
  const all = [...reports];
  const chosen = all.find((each) => each.type === "transport")?.selectedCandidatePairId;
  for (const each of all) {
    switch (each.type) {
      case "candidate-pair":
        if (chosen ? each.id !== chosen : !(each.selected || (each.nominated && each.state === "succeeded"))) break;
        if (each.currentRoundTripTime > 0) sample.rtt = 1000 * each.currentRoundTripTime;
        if (each.availableOutgoingBitrate > 0) sample.room = each.availableOutgoingBitrate;
        break;
      case "remote-inbound-rtp":
        sample.lost += Math.max(0, each.packetsLost ?? 0);
        if (sample.rtt === null && each.roundTripTime > 0) sample.rtt = 1000 * each.roundTripTime;
        break;
      case "outbound-rtp":
        sample.sent += each.packetsSent ?? 0;
        sample.pinched ||= each.qualityLimitationReason === "bandwidth";
        break;
      case "inbound-rtp":
        if (typeof each.mid === "string") sample.slots.set(each.mid, receivedOf(each));
    }
  }
  return sample;
}

/** @param {any} report @returns {Received} */
function receivedOf(report) {
  return {
    kind: report.kind,
    packets: report.packetsReceived ?? 0,
    lost: report.packetsLost ?? 0,
    again: report.retransmittedPacketsReceived ?? 0,
    bytes: report.bytesReceived ?? 0,
    jitter: 1000 * (report.jitter ?? 0),
    freezes: report.freezeCount ?? 0,
    frames: report.framesDecoded ?? 0,
  };
}

export class Line {
  /** How my line does. @type {Quality} */
  mine = "";
  /** Whose picture halts, and whose line that is. @type {Map<string, Whose>} */
  halting = new Map();

  /** @type {Sample[]} */
  #samples = [];
  /** How many samples the link has given. */
  #count = 0;
  /** How the last judgements in a row differ from `mine`. @type {{worse: number, better: number}} */
  #runs = { worse: 0, better: 0 };
  /** Since when each judgement was bad (milliseconds), 0 where the last was not. */
  #badSince = 0;
  #proposed = false;

  /** The counters begin anew: another link plays. */
  restart() {
    this.#samples = [];
    this.#count = 0;
    this.halting = new Map();
  }

  /**
   * Takes the counters of a moment in.
   * @param {Sample} sample
   * @param {Other[]} others in the visit
   * @param {boolean} silent nothing at all arrives
   */
  take(sample, others, silent) {
    const known = ++this.#count > guessing ? sample : { ...sample, room: null };
    this.#samples = [...this.#samples, known].slice(-window);
    const first = this.#samples[0];
    const received = others.map((other) => ({ other, ...during(first, sample, other.mids) }));
    const healthy = received.filter(({ other }) => !suffers(other));
    // What comes badly from all of those whose own line does well comes badly to me.
    const lossIn = least(healthy.filter((each) => each.packets + each.lost >= fewPackets).map((each) => each.lost / (each.packets + each.lost)));
    const jitter = least(healthy.filter((each) => each.packets > 0).map((each) => each.jitter));
    const full = this.#samples.length === window;
    const stopped = healthy.filter((each) => full && each.other.moving && each.frames === 0);
    const own = silent ? "bad" : judge(this.#samples, 0, 0, false);
    const judged = silent ? "bad" : judge(this.#samples, lossIn, jitter, stopped.length > 0 && stopped.length === healthy.length);
    this.#weigh(judged, sample.at, judged !== own && healthy.length === 1 ? worseByOneAfter : worseAfter);
    this.halting = new Map();
    for (const { other, freezes, frames } of received) {
      if (!other.away && !(other.moving && full && (frames === 0 || freezes > 0))) continue;
      this.halting.set(other.id, suffers(other) ? "theirs" : order.indexOf(this.mine) > 0 ? "mine" : "unknown");
    }
  }

  /** Whether to propose going on without video, now: true once, when the line has been bad for long. @param {number} now milliseconds */
  proposes(now) {
    if (this.#proposed || this.#badSince === 0 || now - this.#badSince < hopelessAfter) return false;
    this.#proposed = true;
    return true;
  }

  /** @param {string} judged @param {number} now @param {number} patience judgements that make it worse */
  #weigh(judged, now, patience) {
    const difference = order.indexOf(judged) - order.indexOf(this.mine);
    const runs = this.#runs;
    runs.worse = difference > 0 ? runs.worse + 1 : 0;
    runs.better = difference < 0 ? runs.better + 1 : 0;
    const known = this.mine !== "" || this.#samples.length === window;
    if (known && (this.mine === "" || runs.worse >= patience || runs.better >= betterAfter)) {
      // From bad it is one step to weak: one good moment after another is needed to be called good.
      const step = runs.better >= betterAfter ? order[order.indexOf(this.mine) - 1] : judged;
      this.mine = /** @type {Quality} */ (step);
      this.#runs = { worse: 0, better: 0 };
    }
    if (judged !== "bad") this.#badSince = 0;
    else this.#badSince ||= now;
  }
}

/** @param {Other} other */
const suffers = (other) => other.away || other.line === "weak" || other.line === "bad";

/** @param {number[]} values */
const least = (values) => (values.length > 0 ? Math.min(...values) : 0);

/** What some slots received between two samples. @param {Sample} first @param {Sample} last @param {string[]} mids */
function during(first, last, mids) {
  const sum = { packets: 0, lost: 0, freezes: 0, frames: 0, jitter: 0 };
  for (const mid of mids) {
    const [before, after] = [first.slots.get(mid), last.slots.get(mid)];
    if (!before || !after) continue;
    for (const key of /** @type {const} */ (["packets", "lost", "freezes", "frames"])) sum[key] += Math.max(0, after[key] - before[key]);
    if (after.packets > before.packets) sum.jitter = Math.max(sum.jitter, after.jitter);
  }
  return sum;
}

/**
 * @param {Sample[]} samples
 * @param {number} lossIn @param {number} jitter @param {boolean} stopped no picture moves that should
 * @returns {string}
 */
function judge(samples, lossIn, jitter, stopped) {
  const rtt = median(samples.map((each) => each.rtt).filter((each) => each !== null));
  const [first, last] = [samples[0], samples[samples.length - 1]];
  const sent = last.sent - first.sent;
  const lossOut = sent >= fewPackets ? (last.lost - first.lost) / sent : 0;
  const rooms = samples.map((each) => (each.pinched && each.room !== null ? each.room : Infinity));
  const room = Math.max(...rooms);
  /** @param {typeof weak} limit */
  const beyond = (limit) =>
    rtt >= limit.rtt || lossOut >= limit.loss || lossIn >= limit.loss || jitter >= limit.jitter || room < limit.room;
  if (beyond(bad)) return "bad";
  return stopped || beyond(weak) ? "weak" : "good";
}

/** @param {number[]} values @returns {number} 0 of none */
function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
