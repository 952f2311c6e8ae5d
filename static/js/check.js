// The connection test: sound and pictures are sent to the media port itself, which shows them back, and the browser's counters say how they
// fared. What is sent is drawn and hummed here, so that no device is asked for. It owns its link and whatever it sends. Touches no DOM but a
// canvas that nobody sees.

import { beginCheck, endCheck, relays } from "./api.js";
import { MediaLink } from "./media.js";
import { sampleOf } from "./line.js";

/** @import {Sample} from "./line.js" */

/** What was measured; whole numbers, -1 where unknown. `where`: host and port that sound and pictures go to; `connect_ms`: until something got
 * through; `kbps`: of pictures that came back.
 * @typedef {{network: "ok" | "poor" | "blocked" | "unknown", rtt_ms: number, loss_pct: number, where: {host: string, port: number} | null,
 *   connect_ms: number, kbps: number}} Measured */

/** What gets through at all does so by then (milliseconds). */
const connectLimit = 6_000;
/** How long to look at the line, and how often (milliseconds). */
const lookFor = 4_000;
const lookEvery = 200;
/** While a line is found out the first second says little of it. */
const settleFor = 1_000;

/** From here on a visit is hard: milliseconds, shares of 100, thousands of bits a second. */
const poorRTT = 400;
const poorLoss = 5;
const poorRate = 150;

/** What is drawn: large enough to fill a line that is too thin for a face, small enough for an old phone. */
const [width, height, rate] = [320, 240, 12];

/** @type {Measured} */
const unmeasured = { network: "unknown", rtt_ms: -1, loss_pct: -1, where: null, connect_ms: -1, kbps: -1 };

/**
 * Measures the line to the media port; takes about five seconds. Never throws.
 * @param {string} path "/v/ID/"
 * @param {AbortSignal} signal
 * @returns {Promise<Measured>}
 */
export async function measure(path, signal) {
  const told = await relays(path);
  const sent = makeTracks();
  let dead = false;
  const link = new MediaLink({
    tracks: () => ({ microphone: sent.sound, camera: sent.picture }),
    canSend: true,
    relays: told?.relays,
    events: { silent: () => undefined, alive: () => undefined, dead: () => (dead = true) },
  });
  let id = "";
  try {
    const began = await beginCheck(path, await link.offer({ audio: 1, video: 1 }, false));
    if (!began || signal.aborted) return unmeasured;
    id = began.id;
    const where = portIn(began.answer);
    await link.accept(began.answer);
    await link.send(true);
    const start = performance.now();
    /** @type {Sample[]} */
    const samples = [];
    for (let through = 0; through === 0 || performance.now() - through < lookFor; ) {
      await pause(lookEvery, signal);
      if (signal.aborted) return unmeasured;
      const sample = sampleOf((await link.stats()).values(), performance.now());
      if (through === 0 && [...sample.slots.values()].some((each) => each.packets > 0)) through = performance.now();
      if (through === 0 && (dead || performance.now() - start > connectLimit)) return { ...unmeasured, network: "blocked", where };
      if (through > 0) samples.push(sample);
    }
    return { ...figuresOf(samples), connect_ms: Math.round(samples[0].at - start), where };
  } catch {
    return unmeasured; // a browser that cannot draw, or a page that is on its way out
  } finally {
    link.close();
    sent.stop();
    if (id) void endCheck(path, id);
  }
}

/**
 * What the counters of a test say.
 * @param {Sample[]} samples from when something got through
 * @returns {Omit<Measured, "where" | "connect_ms">}
 */
export function figuresOf(samples) {
  const last = samples[samples.length - 1];
  const first = samples.find((each) => each.at - samples[0].at >= settleFor) ?? samples[0];
  const rtts = samples.map((each) => each.rtt).filter((each) => each !== null);
  const back = [...last.slots].map(([mid, slot]) => during(first.slots.get(mid), slot));
  // Pictures that were lost are sent again; how many were, is in the sound. Where the browser hums nothing, those sent again count.
  const counted = back.find((each) => each.kind === "audio" && each.packets > 0) ?? back.find((each) => each.packets > 0);
  const lossBack = counted ? (counted.lost + counted.again) / Math.max(1, counted.packets + counted.lost) : 1;
  const seconds = Math.max(0.001, (last.at - first.at) / 1000);
  const kbps = Math.round((8 * (back.find((each) => each.kind === "video")?.bytes ?? 0)) / 1000 / seconds);
  const rtt_ms = rtts.length > 0 ? Math.round([...rtts].sort((a, b) => a - b)[rtts.length >> 1]) : -1;
  const lossOut = Math.max(0, last.lost - first.lost) / Math.max(1, last.sent - first.sent);
  const loss_pct = Math.min(100, Math.round(100 * Math.max(lossOut, lossBack)));
  const poor = rtt_ms >= poorRTT || loss_pct >= poorLoss || kbps < poorRate;
  return { network: poor ? "poor" : "ok", rtt_ms, loss_pct, kbps };
}

/** @param {import("./line.js").Received | undefined} before @param {import("./line.js").Received} after */
function during(before, after) {
  return {
    kind: after.kind,
    packets: after.packets - (before?.packets ?? 0),
    lost: Math.max(0, after.lost - (before?.lost ?? 0)),
    again: after.again - (before?.again ?? 0),
    bytes: after.bytes - (before?.bytes ?? 0),
  };
}

/** The host and port for UDP in an answer. @param {string} sdp @returns {Measured["where"]} */
export function portIn(sdp) {
  const found = /^a=candidate:\S+ \d+ udp \d+ (\S+) (\d+) typ host/im.exec(sdp);
  return found ? { host: found[1], port: Number(found[2]) } : null;
}

/** Something to send: noise to look at, which no encoder makes small, and a hum. */
function makeTracks() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  const noise = pen?.createImageData(width, height);
  const pixels = new Uint32Array(noise?.data.buffer ?? new ArrayBuffer(0));
  let chance = 1;
  const draw = () => {
    if (!pen || !noise) return;
    // A quick generator of numbers (Numerical Recipes): every pixel another colour, none of them transparent.
    for (let i = 0; i < pixels.length; i++) pixels[i] = (chance = (Math.imul(chance, 1664525) + 1013904223) >>> 0) | 0xff000000;
    pen.putImageData(noise, 0, 0);
  };
  draw();
  const timer = setInterval(draw, 1000 / rate);
  const picture = canvas.captureStream?.(rate).getVideoTracks()[0] ?? null;
  const hum = makeHum();
  const stop = () => {
    clearInterval(timer);
    picture?.stop();
    hum?.stop();
  };
  return { picture, sound: hum?.track ?? null, stop };
}

/** Sound that nobody hears. Only where the browser needs no output for it: see canMeasure in ui/meter.js. */
function makeHum() {
  if (typeof AudioContext === "undefined" || !("setSinkId" in AudioContext.prototype)) return null;
  const context = new AudioContext(/** @type {AudioContextOptions} */ ({ sinkId: { type: "none" } }));
  void context.resume().catch(() => undefined); // before the first tap there is no sound
  const tone = new OscillatorNode(context, { frequency: 220 });
  const destination = new MediaStreamAudioDestinationNode(context);
  tone.connect(new GainNode(context, { gain: 0.1 })).connect(destination);
  tone.start();
  const [track] = destination.stream.getAudioTracks();
  const stop = () => {
    track.stop();
    void context.close().catch(() => undefined);
  };
  return { track, stop };
}

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, null);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve(null)), { once: true });
  });
}
