// The media side of one connection: a peer connection on which only we offer, one send-only line for each thing we send, and receive-only
// lines ("slots"). It owns the peer connection and watches that something still arrives. Touches no DOM.

import { cameraEncoding, screenEncoding } from "./encodings.js";
import { arriving, Arrivals, Silence } from "./health.js";
import { wayIn } from "./relays.js";

/** @import {DataUse, Encoding} from "./encodings.js" */
/** @import {LinkEvents} from "./connection.js" */
/** @import {Counts} from "./negotiation.js" */
/** @import {Source, Sources} from "./protocol.js" */
/** @import {Relay} from "./relays.js" */

/** What I send now. @typedef {Partial<Record<Source, MediaStreamTrack | null>>} Tracks */
/** @typedef {{mid: string, kind: "audio" | "video", track: MediaStreamTrack, receiver: RTCRtpReceiver}} Slot */

/** How often to look whether something arrives, and how often to tell how the line does (milliseconds). */
const lookEvery = 250;
const sampleEvery = 1000;
/** A peer connection that has not come up by then will not (milliseconds). */
const connectLimit = 12_000;
/** A link that goes by a relay is given so long to reach it again before it offers: until then the old way goes on (milliseconds). */
const gatherLimit = 3_000;

/** The codecs every visit speaks; others would only make offers large. @type {Record<string, RegExp>} */
const spoken = { audio: /^audio\/opus$/i, video: /^video\/(vp8|rtx)$/i };

/** @type {Source[]} */
const sources = ["microphone", "camera", "screen", "screen_audio"];

export class MediaLink {
  /** Whether somebody's media should be arriving now; set by the page. */
  expecting = false;
  /** The mids of slots on which something has come, as of the last look. @type {Set<string>} */
  arriving = new Set();
  /** Asked when tracks are attached. @type {() => Tracks} */
  #tracks;
  /** @type {LinkEvents} */
  #events;
  #sampled;
  #pc;
  #canSend;
  #sending = false;
  /** @type {{data: DataUse, people: number}} */
  #visit = { data: "full", people: 1 };
  /** What the senders of pictures were told last. */
  #shaped = { camera: "", screen: "" };
  /** Changes of senders run one after the other. @type {Promise<unknown>} */
  #queue = Promise.resolve();
  /** @type {Partial<Record<Source, RTCRtpTransceiver>>} */
  #lines = {};
  /** @type {RTCRtpTransceiver[]} */
  #slots = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;
  #asking = false;
  #born = performance.now();
  #sampledAt = this.#born;
  #arrivals = new Arrivals();
  /** Since the connection came up first. @type {Silence | null} */
  #silence = null;
  #silent = false;
  /** By which way it goes now. */
  #way = "";
  /** What opens the relays, when that is newer than what the browser was given. @type {Relay[] | null} */
  #newer = null;

  /**
   * @param {{tracks: () => Tracks, canSend: boolean, events: LinkEvents, relays?: Relay[], sampled?: (reports: RTCStatsReport) => void}} options
   *   canSend: false for those who only watch; sampled: is given the browser's counters each second
   */
  constructor({ tracks, canSend, events, relays = [], sampled = () => undefined }) {
    this.#tracks = tracks;
    this.#canSend = canSend;
    this.#events = events;
    this.#sampled = sampled;
    this.#pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: relays });
    this.#pc.oniceconnectionstatechange = () => void this.#look();
  }

  /**
   * An offer with this many slots of each kind in all; ready at once, without candidates.
   * @param {Counts} slots
   * @param {boolean} restart finds new ways through the network
   */
  async offer({ audio, video }, restart) {
    if (this.#canSend && !this.#lines.microphone) {
      this.#lines.microphone = this.#add("audio", { direction: "sendonly" });
      this.#lines.camera = this.#add("video", { direction: "sendonly", sendEncodings: [this.#shape("camera")] });
    }
    if (this.lacks) {
      this.#lines.screen = this.#add("video", { direction: "sendonly", sendEncodings: [this.#shape("screen")] });
      this.#lines.screen_audio = this.#add("audio", { direction: "sendonly" });
      void this.refresh();
    }
    for (let have = this.#count("audio"); have < audio; have++) this.#slots.push(this.#add("audio", { direction: "recvonly" }));
    for (let have = this.#count("video"); have < video; have++) this.#slots.push(this.#add("video", { direction: "recvonly" }));
    const renewing = restart && this.#newer !== null && this.#way === "relay" && !this.#silent;
    if (restart && this.#newer) this.#pc.setConfiguration({ ...this.#pc.getConfiguration(), iceServers: this.#newer });
    if (restart) this.#newer = null;
    await this.#pc.setLocalDescription(await this.#pc.createOffer({ iceRestart: restart }));
    if (renewing) await this.#gathered();
    /** @type {Sources} */
    const map = {};
    for (const source of sources) {
      const mid = this.#lines[source]?.mid;
      if (mid) map[mid] = source;
    }
    return { offer: this.#pc.localDescription?.sdp ?? "", sources: map };
  }

  /** Takes what opens the relays anew, for the next restart. @param {Relay[]} relays @returns {boolean} whether it goes by one, which ends soon */
  renew(relays) {
    this.#newer = relays;
    return this.#way === "relay";
  }

  /** Waits until the browser has a relayed address, or will get none. @returns {Promise<void>} */
  #gathered() {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#pc.removeEventListener("icecandidate", look);
        resolve();
      };
      /** @param {RTCPeerConnectionIceEvent} event */
      const look = ({ candidate }) => (!candidate || candidate.type === "relay") && done();
      const timer = setTimeout(done, gatherLimit);
      this.#pc.addEventListener("icecandidate", look);
    });
  }

  /** @param {string} answer SDP */
  async accept(answer) {
    if (this.#pc.signalingState === "stable") return; // to an offer that another has replaced
    await this.#pc.setRemoteDescription({ type: "answer", sdp: answer });
    this.#looking ??= setInterval(() => void this.#look(), lookEvery);
  }

  /** Whether my screen is to be sent and no line has been offered for it yet. */
  get lacks() {
    return this.#canSend && Boolean(this.#tracks().screen) && !this.#lines.screen;
  }

  /** What the slots receive, as far as the offers went. @returns {Slot[]} */
  slots() {
    return this.#slots
      .filter((line) => line.mid !== null)
      .map((line) => ({
        mid: /** @type {string} */ (line.mid),
        kind: /** @type {"audio" | "video"} */ (line.receiver.track.kind),
        track: line.receiver.track,
        receiver: line.receiver,
      }));
  }

  /** Attaches my tracks as they are now, or detaches them, so that nothing at all is sent. @param {boolean} on */
  async send(on) {
    this.#sending = on;
    await this.refresh();
  }

  /** My devices or my screen changed: what is sent follows, without another offer. */
  async refresh() {
    const tracks = this.#sending ? this.#tracks() : {};
    await Promise.all(
      sources.map((source) => {
        const sender = this.#lines[source]?.sender;
        const track = tracks[source] ?? null;
        return sender && sender.track !== track ? sender.replaceTrack(track) : undefined;
      }),
    );
    await this.#reshape();
  }

  /** How many look, me too, and how much of the line we may use: the camera's picture follows. @param {number} people @param {DataUse} data */
  async fit(people, data) {
    this.#visit = { people, data };
    await this.#reshape();
  }

  /** Counters of the browser, for tests and for whoever wants to know why. */
  stats() {
    return this.#pc.getStats();
  }

  close() {
    clearInterval(this.#looking);
    this.#pc.oniceconnectionstatechange = null;
    this.#pc.close();
  }

  /** @param {"camera" | "screen"} source @returns {Encoding & {active: boolean}} */
  #shape(source) {
    const { camera, screen } = this.#tracks();
    const encoding = source === "screen" ? screenEncoding : cameraEncoding({ ...this.#visit, sharing: Boolean(screen) }, camera?.getSettings() ?? {});
    // Firefox still sends a black picture a second after its track was taken away, unless it is told to send none.
    return { ...encoding, active: this.#sending && Boolean(this.#tracks()[source]) };
  }

  #reshape() {
    const work = async () => {
      for (const source of /** @type {const} */ (["camera", "screen"])) {
        const sender = this.#lines[source]?.sender;
        const shape = this.#shape(source);
        if (!sender || JSON.stringify(shape) === this.#shaped[source] || this.#pc.signalingState === "closed") continue;
        const parameters = sender.getParameters();
        for (const encoding of parameters.encodings ?? []) Object.assign(encoding, shape);
        await sender.setParameters(parameters);
        this.#shaped[source] = JSON.stringify(shape);
      }
    };
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  /** @param {"audio" | "video"} kind @param {RTCRtpTransceiverInit} init */
  #add(kind, init) {
    const line = this.#pc.addTransceiver(kind, init);
    const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs.filter((codec) => spoken[kind].test(codec.mimeType)) ?? [];
    if (codecs.length > 0 && "setCodecPreferences" in line) line.setCodecPreferences(codecs);
    return line;
  }

  /** @param {"audio" | "video"} kind */
  #count(kind) {
    return this.#slots.filter((line) => line.receiver.track.kind === kind).length;
  }

  async #look() {
    const { iceConnectionState: state, signalingState } = this.#pc;
    const now = performance.now();
    if (!this.#looking || this.#asking || signalingState === "closed") return;
    if (!this.#silence) {
      if (["connected", "completed"].includes(state)) this.#silence = new Silence(now);
      else if (state === "failed" || now - this.#born > connectLimit) this.#dead();
      return;
    }
    this.#asking = true;
    const reports = await this.#pc.getStats().catch(() => null);
    this.#asking = false;
    if (!reports || !this.#looking) return;
    this.arriving = arriving(reports.values());
    const quiet = this.#silence.sample(this.#arrivals.take(reports.values()), this.expecting, performance.now());
    this.#hear(quiet || ["disconnected", "failed"].includes(state));
    if (now - this.#sampledAt < sampleEvery) return;
    this.#sampledAt = now;
    this.#way = wayIn(reports.values());
    this.#sampled(reports);
  }

  /** @param {boolean} silent */
  #hear(silent) {
    if (silent === this.#silent) return;
    this.#silent = silent;
    if (silent) this.#events.silent();
    else this.#events.alive();
  }

  #dead() {
    clearInterval(this.#looking);
    this.#looking = undefined;
    this.#events.dead();
  }
}
