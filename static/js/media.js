// The media side of one connection: a peer connection on which only we offer, one send-only line for the microphone and one for the camera,
// and receive-only lines ("slots"). It owns the peer connection and watches that something still arrives. Touches no DOM.

import { Silence } from "./health.js";

/** @import {Device} from "./devices.js" */
/** @import {Source} from "./protocol.js" */

/** @typedef {{microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null}} Tracks */
/** @typedef {{mid: string, kind: "audio" | "video", track: MediaStreamTrack, receiver: RTCRtpReceiver}} Slot */

/** What a camera may send at most, bits a second. */
const cameraBitrate = 1_500_000;
/** In larger visits, where everybody receives many pictures: a quarter of the pixels at this rate. */
const crowdBitrate = 500_000;
const crowdFrom = 4;
/** How often to look whether something arrives (milliseconds). */
const lookEvery = 250;
/** A peer connection that has not come up by then will not (milliseconds). */
const connectLimit = 12_000;

/** The codecs every visit speaks; others would only make offers large. @type {Record<string, RegExp>} */
const spoken = { audio: /^audio\/opus$/i, video: /^video\/(vp8|rtx)$/i };

export class MediaLink {
  /** Whether somebody's media should be arriving now; set by the page. */
  expecting = false;
  /** Asked when tracks are attached. @type {() => Tracks} */
  #tracks;
  #onLost;
  #pc;
  #canSend;
  #sending = false;
  #crowded = false;
  /** @type {Record<Device, RTCRtpTransceiver | null>} */
  #lines = { microphone: null, camera: null };
  /** @type {RTCRtpTransceiver[]} */
  #slots = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;
  #born = performance.now();
  #silence = new Silence(this.#born);

  /**
   * @param {{tracks: () => Tracks, canSend: boolean, onLost: () => void}} options canSend: false for those who only watch
   */
  constructor({ tracks, canSend, onLost }) {
    this.#tracks = tracks;
    this.#canSend = canSend;
    this.#onLost = onLost;
    this.#pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#pc.oniceconnectionstatechange = () => {
      if (["disconnected", "failed"].includes(this.#pc.iceConnectionState)) this.#lost();
    };
    this.#pc.onconnectionstatechange = () => {
      if (this.#pc.connectionState === "failed") this.#lost();
    };
  }

  /**
   * An offer with this many slots of each kind in all; ready at once, without candidates.
   * @param {{audio: number, video: number}} slots
   */
  async offer({ audio, video }) {
    if (this.#canSend && !this.#lines.microphone) {
      this.#lines.microphone = this.#add("audio", { direction: "sendonly" });
      this.#lines.camera = this.#add("video", { direction: "sendonly", sendEncodings: [{ maxBitrate: cameraBitrate }] });
    }
    for (let have = this.#count("audio"); have < audio; have++) this.#slots.push(this.#add("audio", { direction: "recvonly" }));
    for (let have = this.#count("video"); have < video; have++) this.#slots.push(this.#add("video", { direction: "recvonly" }));
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    /** @type {Record<string, Source>} */
    const sources = {};
    for (const source of /** @type {Device[]} */ (["microphone", "camera"])) {
      const mid = this.#lines[source]?.mid;
      if (mid) sources[mid] = source;
    }
    return { offer: this.#pc.localDescription?.sdp ?? "", sources };
  }

  /** @param {string} answer SDP */
  async accept(answer) {
    await this.#pc.setRemoteDescription({ type: "answer", sdp: answer });
    this.#looking ??= setInterval(() => void this.#look(), lookEvery);
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

  /** My devices changed: what is sent follows. */
  async refresh() {
    const tracks = this.#sending ? this.#tracks() : { microphone: null, camera: null };
    await Promise.all(
      /** @type {Device[]} */ (["microphone", "camera"]).map((source) => {
        const sender = this.#lines[source]?.sender;
        return sender && sender.track !== tracks[source] ? sender.replaceTrack(tracks[source]) : undefined;
      }),
    );
  }

  /** Sends a smaller picture where many look at many. @param {number} people in the visit, me too */
  async crowd(people) {
    const crowded = people >= crowdFrom;
    const sender = this.#lines.camera?.sender;
    if (!sender || crowded === this.#crowded) return;
    this.#crowded = crowded;
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings ?? []) {
      encoding.maxBitrate = crowded ? crowdBitrate : cameraBitrate;
      encoding.scaleResolutionDownBy = crowded ? 2 : 1;
    }
    await sender.setParameters(parameters);
  }

  /** Counters of the browser, for tests and for whoever wants to know why. */
  stats() {
    return this.#pc.getStats();
  }

  close() {
    clearInterval(this.#looking);
    this.#pc.oniceconnectionstatechange = this.#pc.onconnectionstatechange = null;
    this.#pc.close();
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
    const now = performance.now();
    if (!["connected", "completed"].includes(this.#pc.iceConnectionState)) {
      if (now - this.#born > connectLimit) this.#lost();
      return;
    }
    let arrived = 0;
    for (const report of (await this.#pc.getStats()).values()) {
      if (report.type !== "candidate-pair") continue;
      arrived += (report.bytesReceived ?? 0) + (report.responsesReceived ?? 0) + (report.requestsReceived ?? 0);
    }
    if (this.#silence.sample(arrived, this.expecting, performance.now())) this.#lost();
  }

  #lost() {
    clearInterval(this.#looking);
    this.#onLost();
  }
}
