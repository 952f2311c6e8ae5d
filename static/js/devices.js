// My camera and microphone: opening them, what is wrong when that fails, muting, turning off, flipping, changing. It owns the tracks.
// Touches no DOM.

/** @typedef {"microphone" | "camera"} Device */
/** A device that was pulled out, and the name of the one that has taken its place.
 * @typedef {{device: Device | "speaker", label: string}} Replaced */
/** @typedef {"denied" | "denied_by_system" | "missing" | "in_use" | "insecure" | "unsupported" | "failed"} Fault */

/**
 * Why the browser did not give a device.
 * @param {unknown} error what getUserMedia threw
 * @returns {Fault}
 */
export function faultOf(error) {
  const { name = "", message = "" } = /** @type {{name?: string, message?: string}} */ (error ?? {});
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
      return /system/i.test(message) ? "denied_by_system" : "denied";
    case "SecurityError":
      return "insecure";
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "in_use";
    case "TypeError":
      return "unsupported";
    default:
      return "failed";
  }
}

/** A device is replaced by another so often at most (milliseconds). */
const replaceEvery = 3000;

/** Echo and noise are taken out by the browser: families sit in kitchens. @param {string} id @returns {MediaTrackConstraints} */
function microphoneAsked(id) {
  return {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...(id ? { deviceId: { exact: id } } : {}),
  };
}

/** Phones and laptops all manage this; what is more only costs the line. @param {string} id @param {string} facing @returns {MediaTrackConstraints} */
function cameraAsked(id, facing) {
  return {
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30, max: 30 },
    ...(id ? { deviceId: { exact: id } } : { facingMode: facing }),
  };
}

/**
 * Whether this page may use a device.
 * @param {Device} source
 * @returns {Promise<PermissionState | "unknown">} unknown: a browser that cannot say; it will ask
 */
async function permission(source) {
  try {
    return (await navigator.permissions.query({ name: /** @type {PermissionName} */ (source) })).state;
  } catch {
    return "unknown";
  }
}

export class Devices {
  /** @type {MediaStreamTrack | null} */
  microphone = null;
  /** @type {MediaStreamTrack | null} */
  camera = null;
  /** What the person wants, whether or not a device is there. */
  wanted = { microphone: true, camera: true };
  /** False for those who only watch. */
  canSend = true;
  /** @type {Partial<Record<Device, Fault>>} */
  faults = {};
  /** @type {"user" | "environment"} */
  facing = "user";
  /** Chosen devices, "" for the browser's choice. The speaker is for all sound: whoever plays some takes it from here. */
  chosen = { microphone: "", camera: "", speaker: "" };
  /** @type {MediaDeviceInfo[]} */
  list = [];

  /** Called when a device was pulled out and another has taken its place. @type {(replaced: Replaced) => void} */
  replaced = () => undefined;

  #changed;
  /** When each device was last replaced by another (milliseconds): one that goes away again at once is let go. */
  #replacedAt = { microphone: -Infinity, camera: -Infinity };
  /** Openings run one after the other: a phone has one camera at a time. @type {Promise<unknown>} */
  #queue = Promise.resolve();

  /** @param {() => void} changed called after anything here changed */
  constructor(changed) {
    this.#changed = changed;
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.#devicesChanged());
  }

  /** What is sent: a muted microphone still has its track. @returns {{microphone: boolean, camera: boolean}} */
  get media() {
    return { microphone: this.microphone !== null && this.wanted.microphone, camera: this.camera !== null };
  }

  /** Whether a preview must be mirrored, as a looking-glass is. */
  get mirrored() {
    return this.camera?.getSettings().facingMode !== "environment";
  }

  /** Cameras the list names. */
  get cameras() {
    return this.list.filter((each) => each.kind === "videoinput");
  }

  /** Whether the person has let this page use the device already, so that opening it asks nothing. */
  async allowed() {
    const [microphone, camera] = await Promise.all([permission("microphone"), permission("camera")]);
    return microphone === "granted" && camera === "granted";
  }

  /** Reads the list of devices anew. */
  async look() {
    this.list = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.#changed();
  }

  /**
   * Opens what is wanted and not open yet. Never throws: what failed is in `faults`.
   * Both are asked in one question; where that fails each is tried alone, so that a missing camera does not cost the microphone.
   * @returns {Promise<void>}
   */
  open() {
    return this.#next(async () => {
      const needs = {
        microphone: this.wanted.microphone && !this.microphone,
        camera: this.wanted.camera && !this.camera,
      };
      if (!navigator.mediaDevices?.getUserMedia) {
        const fault = globalThis.isSecureContext === false ? "insecure" : "unsupported";
        this.faults = { microphone: fault, camera: fault };
        return;
      }
      if (needs.microphone && needs.camera) {
        const both = await this.#ask(["microphone", "camera"]);
        if (!both) return;
        if (both === "denied" || both === "denied_by_system") return this.#askAllowed();
      }
      if (this.wanted.microphone && !this.microphone) await this.#ask(["microphone"]);
      if (this.wanted.camera && !this.camera) await this.#ask(["camera"]);
    }).then(() => this.look());
  }

  /** @param {boolean} on */
  async setMicrophone(on) {
    this.wanted.microphone = on;
    if (this.microphone) this.microphone.enabled = on;
    else if (on) await this.open();
    this.#changed();
  }

  /** Off stops the camera, so that its light goes out. @param {boolean} on */
  async setCamera(on) {
    this.wanted.camera = on;
    if (on) {
      await this.open();
    } else {
      delete this.faults.camera;
      this.#keep("camera", null);
    }
    this.#changed();
  }

  /** The other camera of a phone. */
  async flip() {
    this.facing = this.facing === "user" ? "environment" : "user";
    this.chosen.camera = "";
    await this.#reopen("camera");
  }

  /** @param {Device} source @param {string} id */
  async choose(source, id) {
    this.chosen[source] = id;
    await this.#reopen(source);
  }

  /** All sound comes from there. @param {string} id "" for the browser's choice */
  chooseSpeaker(id) {
    this.chosen.speaker = id;
    this.#changed();
  }

  /** Who only watches is asked for no device, now or later. */
  watchOnly() {
    this.canSend = false;
    this.wanted = { microphone: false, camera: false };
    this.faults = {};
    this.stop();
  }

  /** Lets go of everything. */
  stop() {
    this.#keep("microphone", null);
    this.#keep("camera", null);
    this.#changed();
  }

  /**
   * After both were refused in one: asks alone for what is allowed, or was not asked for because the other is forbidden. Where the
   * refusal was the person's answer to one question, asking each alone would only ask again.
   */
  async #askAllowed() {
    const [microphone, camera] = await Promise.all([permission("microphone"), permission("camera")]);
    /** @param {string} mine @param {string} other */
    const worth = (mine, other) => mine === "granted" || (mine === "prompt" && other === "denied");
    if (worth(microphone, camera)) await this.#ask(["microphone"]);
    if (worth(camera, microphone)) await this.#ask(["camera"]);
  }

  /** @param {Device} source */
  #reopen(source) {
    if (!this.wanted[source]) return Promise.resolve();
    // Phones open one camera at a time: the old one must be let go first.
    return this.#next(async () => {
      this.#keep(source, null);
      const gone = (await this.#ask([source])) === "missing" && this.chosen[source] !== "";
      if (!gone) return;
      this.chosen[source] = "";
      await this.#ask([source]);
    }).then(() => this.look());
  }

  /**
   * Asks the browser once.
   * @param {Device[]} sources
   * @returns {Promise<Fault | undefined>}
   */
  async #ask(sources) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: sources.includes("microphone") && microphoneAsked(this.chosen.microphone),
        video: sources.includes("camera") && cameraAsked(this.chosen.camera, this.facing),
      });
      for (const source of sources) {
        const track = (source === "microphone" ? stream.getAudioTracks() : stream.getVideoTracks())[0] ?? null;
        if (track && !this.wanted[source]) track.stop(); // changed their mind while the browser asked
        else this.#keep(source, track);
        delete this.faults[source];
      }
      return undefined;
    } catch (error) {
      const fault = faultOf(error);
      for (const source of sources) this.faults[source] = fault;
      return fault;
    }
  }

  /** @param {Device} source @param {MediaStreamTrack | null} track */
  #keep(source, track) {
    const before = this[source];
    this[source] = track;
    if (before) {
      before.onended = null;
      before.stop();
    }
    if (!track) return;
    if (source === "microphone") track.enabled = this.wanted.microphone;
    track.onended = () => {
      if (this[source] !== track) return;
      this[source] = null; // pulled out, or taken away by the system
      this.faults[source] = "in_use";
      this.#changed();
      void this.#replace(source);
    };
  }

  /** Another device takes the place of one that is gone: the browser's choice. @param {Device} source */
  async #replace(source) {
    const now = performance.now();
    if (now - this.#replacedAt[source] < replaceEvery) return;
    this.#replacedAt[source] = now;
    this.chosen[source] = "";
    await this.#reopen(source);
    const label = this[source]?.label;
    if (label !== undefined) this.replaced({ device: source, label });
  }

  /** Something was plugged in or pulled out. */
  async #devicesChanged() {
    await this.look();
    const { list, chosen } = this;
    if (chosen.speaker && list.length > 0 && !list.some((each) => each.kind === "audiooutput" && each.deviceId === chosen.speaker)) {
      this.chooseSpeaker("");
      const label = list.find((each) => each.kind === "audiooutput" && each.deviceId === "default")?.label ?? "";
      this.replaced({ device: "speaker", label });
    }
    // What was missing may be there now. It is opened where that asks nothing.
    for (const source of /** @type {const} */ (["microphone", "camera"])) {
      if (this.canSend && this.faults[source] === "missing" && (await permission(source)) === "granted") await this.#reopen(source);
    }
  }

  /** @param {() => Promise<void>} work @returns {Promise<void>} */
  #next(work) {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}
