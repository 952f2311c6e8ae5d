// My own picture before the visit: mirrored as in a looking-glass, with the buttons for microphone and camera under it.

import { el, icon, setText } from "./dom.js";
import { DeviceButtons } from "./devicebuttons.js";

/** @import {Devices} from "../devices.js" */
/** @import {Words} from "../i18n.js" */

export class Preview {
  #words;
  #devices;
  #place;
  #video = el("video", { class: "own", muted: true, playsinline: true, autoplay: true });
  #word = el("p", { class: "preview-word" });
  #buttons;
  #flip = el("button", { type: "button", class: "control flip" });

  /** @param {Words} words @param {Devices} devices @param {HTMLElement} place */
  constructor(words, devices, place) {
    this.#words = words;
    this.#devices = devices;
    this.#video.muted = true;
    this.#video.dataset.tLabel = "preview.label";
    this.#video.setAttribute("aria-label", words.t("preview.label"));
    const bar = el("div", { class: "preview-bar" });
    this.#place = place;
    place.classList.add("preview");
    place.append(this.#video, this.#word, bar);
    this.#buttons = new DeviceButtons(words, devices, bar);
    this.#flip.append(icon("flip"));
    this.#flip.dataset.tLabel = "camera.flip";
    this.#flip.setAttribute("aria-label", words.t("camera.flip"));
    this.#flip.addEventListener("click", () => void devices.flip());
    bar.append(this.#flip);
    this.bar = bar;
  }

  /** @param {boolean} asked whether the browser has been asked for devices yet */
  show(asked) {
    const { camera, cameras, canSend } = this.#devices;
    this.#place.hidden = !canSend;
    showTrack(this.#video, camera, this.#devices.mirrored);
    this.#word.hidden = camera !== null;
    const none = asked && this.#devices.faults.camera;
    setText(this.#word, this.#words.t(none ? "preview.none" : asked ? "preview.off" : "preview.unasked"));
    this.bar.hidden = !asked;
    this.#flip.hidden = !canFlip(camera, cameras.length);
    this.#buttons.show();
  }

  /** Lets go of the picture, when another screen shows it. */
  hide() {
    showTrack(this.#video, null, false);
  }
}

/**
 * Whether there is another camera to turn to: on phones and tablets, where front and back are known.
 * @param {MediaStreamTrack | null} camera
 * @param {number} cameras
 */
export function canFlip(camera, cameras) {
  return camera !== null && cameras > 1 && matchMedia("(pointer: coarse)").matches;
}

/**
 * Puts a track of my own into an element, or takes it out.
 * @param {HTMLVideoElement} video
 * @param {MediaStreamTrack | null} track
 * @param {boolean} mirrored
 */
export function showTrack(video, track, mirrored) {
  video.hidden = track === null;
  video.classList.toggle("mirrored", mirrored);
  const shown = video.srcObject instanceof MediaStream ? video.srcObject.getVideoTracks()[0] : null;
  if (shown === track) return;
  video.srcObject = track ? new MediaStream([track]) : null;
  if (track) video.play().catch(() => undefined); // it plays by itself as soon as it may
}
