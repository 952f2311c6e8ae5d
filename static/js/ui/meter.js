// Shows that the microphone hears something. It owns one AudioContext while it runs, and none otherwise.

import { el } from "./dom.js";

/** @import {Words} from "../i18n.js" */

/** Loudness of ordinary speech on a phone, as the root of the mean square (0 to 1). */
const heardFrom = 0.02;

/**
 * Whether making an AudioContext is safe. Where there is no audio output at all Firefox hangs in it; Chromium can do without one.
 * @param {MediaDeviceInfo[]} devices as listed after permission was given
 */
export function canMeasure(devices) {
  if (typeof AudioContext === "undefined") return false;
  if ("setSinkId" in AudioContext.prototype) return true;
  return !("setSinkId" in HTMLMediaElement.prototype) || devices.some((each) => each.kind === "audiooutput");
}

export class Meter {
  /** Whether the microphone has brought a voice. */
  heard = false;

  #words;
  #changed;
  #bar = el("span", { class: "meter-bar" });
  #bars = el("div", { class: "meter", role: "img" }, this.#bar);
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #frame = 0;

  /** @param {Words} words @param {HTMLElement} place @param {() => void} changed called when a voice is heard for the first time */
  constructor(words, place, changed) {
    this.#words = words;
    this.#changed = changed;
    place.append(this.#bars);
  }

  /** What there is to say. @param {boolean} muted */
  word(muted) {
    this.#bars.setAttribute("aria-label", this.#words.t("check.level"));
    return this.#words.t(muted ? "check.muted" : this.heard ? "check.heard" : "check.say");
  }

  /** Follows a track; the same one again changes nothing. @param {MediaStreamTrack | null} track */
  follow(track) {
    if (track === this.#track) return;
    this.stop();
    if (!track) return;
    this.#track = track;
    // With no output asked for, Chromium needs none; others ignore the wish.
    const options = /** @type {AudioContextOptions} */ ({ sinkId: { type: "none" } });
    const context = new AudioContext("setSinkId" in AudioContext.prototype ? options : undefined);
    this.#context = context;
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    void context.resume().catch(() => undefined);
    const samples = new Float32Array(analyser.fftSize);
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      const level = Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length);
      // Ears hear in decibels: −60 dB is nothing, −10 dB is full.
      const share = Math.min(1, Math.max(0, (20 * Math.log10(level || 1e-6) + 60) / 50));
      this.#bar.style.transform = `scaleX(${share.toFixed(3)})`;
      if (level > heardFrom && !this.heard) {
        this.heard = true;
        this.#changed();
      }
      this.#frame = requestAnimationFrame(draw);
    };
    this.#frame = requestAnimationFrame(draw);
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    void this.#context?.close().catch(() => undefined);
    this.#context = null;
    this.#track = null;
  }
}
