// My screen, shown to the visit, with its sound where the browser has it. It owns the tracks. Touches no DOM.

import { faultOf } from "./devices.js";

/** @import {Fault} from "./devices.js" */

/** Why a screen is shown no more: I stopped it here or in the browser's own bar; somebody else shows theirs; I am not in the visit.
 * @typedef {"" | "me" | "taken" | "moved"} Stopped */

/** Whether this browser can show a screen at all: phones cannot. */
export function canShare() {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/** What is read needs few pictures, each of them sharp. The page itself is not offered: it would show itself in itself. */
const asked = /** @type {DisplayMediaStreamOptions} */ ({
  video: { frameRate: { ideal: 15, max: 30 }, width: { max: 1920 }, height: { max: 1200 } },
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  selfBrowserSurface: "exclude",
  surfaceSwitching: "include",
  systemAudio: "include",
});

export class Screen {
  /** @type {MediaStreamTrack | null} */
  screen = null;
  /** @type {MediaStreamTrack | null} */
  screen_audio = null;
  /** What kept it from being shown; "" for nothing, also where the person thought better of it. @type {Fault | ""} */
  fault = "";
  /** Why it is shown no more. @type {Stopped} */
  stopped = "";

  #changed;
  /** The person is being asked. */
  #asking = false;

  /** @param {() => void} changed called after anything here changed */
  constructor(changed) {
    this.#changed = changed;
  }

  get on() {
    return this.screen !== null;
  }

  /** Asks the person what to show, in the tap. Never throws: what failed is in `fault`. @returns {Promise<boolean>} whether it is shown */
  async start() {
    if (this.on || this.#asking) return this.on;
    this.#asking = true;
    this.fault = "";
    this.stopped = "";
    try {
      this.#keep(await navigator.mediaDevices.getDisplayMedia(asked));
    } catch (error) {
      // Closing the browser's dialog is refusing, too; only the system's refusal is worth a word.
      const fault = canShare() ? faultOf(error) : "unsupported";
      this.fault = fault === "denied" ? "" : fault;
    }
    this.#asking = false;
    this.#changed();
    return this.on;
  }

  /** @param {Stopped} why */
  stop(why = "me") {
    if (!this.on) return;
    for (const track of [this.screen, this.screen_audio]) {
      if (!track) continue;
      track.onended = null;
      track.stop();
    }
    this.screen = this.screen_audio = null;
    this.stopped = why;
    this.#changed();
  }

  /** @param {MediaStream} stream */
  #keep(stream) {
    const screen = stream.getVideoTracks()[0] ?? null;
    if (!screen) return stream.getTracks().forEach((track) => track.stop());
    screen.contentHint = "detail"; // letters and fine lines before smooth motion
    screen.onended = () => this.screen === screen && this.stop();
    this.screen = screen;
    const sound = stream.getAudioTracks()[0] ?? null;
    if (!sound) return;
    sound.contentHint = "music";
    sound.onended = () => {
      if (this.screen_audio !== sound) return;
      this.screen_audio = null;
      this.#changed();
    };
    this.screen_audio = sound;
  }
}
