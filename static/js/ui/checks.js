// Whether everything works, as a short list: camera, microphone, speaker, connection. It owns the meter and the speaker's question, stands on the
// check screen and goes along into the waiting room; nothing here keeps anybody from joining.

import { el, setText } from "./dom.js";
import { browserName } from "./faults.js";
import { LineCheck } from "./linecheck.js";
import { canMeasure, Meter } from "./meter.js";
import { Row } from "./row.js";
import { SpeakerTest } from "./speakertest.js";
import { watchNetwork } from "../network.js";

/** @import {Devices} from "../devices.js" */
/** @import {Checked, Works} from "../protocol.js" */
/** @import {Measure, TryWays} from "./linecheck.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{measure: Measure, tryWays: TryWays, changed: () => void}} Acts changed: the result is another */

export class Checks {
  #words;
  #devices;
  #acts;
  #meter;
  #camera;
  #microphone;
  #asked = false;
  #metering = false;
  #told = "";
  #title = el("h2", {});

  /** @param {Words} words @param {Devices} devices @param {Acts} acts */
  constructor(words, devices, acts) {
    this.#words = words;
    this.#devices = devices;
    this.#acts = acts;
    this.#camera = new Row("camera", words, "check.camera");
    this.#microphone = new Row("microphone", words, "check.microphone", true);
    this.#meter = new Meter(words, this.#microphone.more, () => this.show());
    this.speaker = new SpeakerTest(words, () => this.show());
    this.line = new LineCheck(words, acts.measure, acts.tryWays, () => this.show());
    this.#title.id = "works-title";
    words.follow(() => this.show());
    watchNetwork({ changed: () => this.line.renew(), shown: () => undefined });
    const rows = [this.#camera, this.#microphone, this.speaker.row, this.line.row].map(({ item }) => item);
    this.element = el("section", { class: "works", "aria-labelledby": "works-title" }, this.#title, el("ul", {}, ...rows));
  }

  /** Stands in a place from now on. @param {HTMLElement} parent @param {HTMLElement} advice where advice about the connection stands */
  place(parent, advice) {
    if (this.element.parentElement !== parent) parent.append(this.element);
    if (this.line.advice.parentElement !== advice) advice.append(this.line.advice);
  }

  /** @param {boolean} asked whether the browser was asked for devices @param {boolean} metering whether the microphone may be measured */
  devices(asked, metering) {
    this.#asked = asked;
    this.#metering = metering;
    this.show();
  }

  show() {
    const words = this.#words;
    const { microphone, camera, media, canSend, faults } = this.#devices;
    setText(this.#title, words.t("works.title"));
    this.#camera.item.hidden = this.#microphone.item.hidden = !canSend;
    const { camera: picture, microphone: sound } = this.result();
    this.#camera.show(picture, words.t(faults.camera ? "works.fault" : camera ? "works.ok" : this.#asked ? "works.off" : "works.unasked"));
    const measured = this.#metering && microphone !== null;
    const heard = measured ? this.#meter.word(!media.microphone) : words.t(faults.microphone ? "works.fault" : microphone ? "works.on" : this.#asked ? "works.off" : "works.unasked");
    this.#microphone.show(sound, heard);
    this.#microphone.more.hidden = !measured;
    this.#meter.follow(measured ? microphone : null);
    this.speaker.speaker = this.#devices.chosen.speaker;
    this.speaker.show(canMeasure(this.#devices.list));
    this.line.show();
    const told = JSON.stringify(this.result());
    if (told === this.#told) return;
    this.#told = told;
    this.#acts.changed();
  }

  /** Lets go of the microphone and the network: the visit needs both. */
  rest() {
    this.#meter.stop();
    this.line.stop();
  }

  /** What the clinician is told. @returns {Checked} */
  result() {
    const { microphone, camera, faults } = this.#devices;
    /** @param {unknown} fault @param {boolean} fine @returns {Works} */
    const works = (fault, fine) => (fault ? "fault" : fine ? "ok" : "unknown");
    return {
      camera: works(faults.camera, camera !== null),
      microphone: works(faults.microphone, microphone !== null && this.#meter.heard),
      speaker: this.speaker.works,
      ...this.line.result,
      browser: browserName(navigator.userAgent, navigator.maxTouchPoints),
    };
  }
}
