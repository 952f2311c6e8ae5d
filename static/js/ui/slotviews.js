// The elements that play what the slots receive: one video and one audio element each, made in the tap that joins, so that phones let them
// play. It owns these elements. A picture is blank whenever its slot's entry changes, until the first new frame has come: browsers keep the
// last face on screen, and a face must never stand under another's name.

/** @import {Slot} from "../media.js" */
/** @import {Room} from "../room.js" */

/** @typedef {{mid: string, element: HTMLVideoElement, shows: string, blank: boolean, turn: number}} Picture */
/** @typedef {{mid: string, element: HTMLAudioElement}} Sound */

/** Elements made in the tap: nine others and a few to spare. */
const made = 12;
/** How often to look for a frame where the browser does not tell (milliseconds). */
const frameLook = 80;

export class SlotViews {
  /** @type {Picture[]} */
  pictures = [];
  /** @type {Sound[]} */
  sounds = [];
  /** The browser plays no sound before another tap. */
  blocked = false;

  #place;
  #changed;
  #speaker = "";

  /** @param {HTMLElement} place where the videos lie @param {() => void} changed a picture came, went or changed its shape */
  constructor(place, changed) {
    this.#place = place;
    this.#changed = changed;
  }

  /** Makes the elements; called in a tap. */
  unlock() {
    while (this.pictures.length < made) this.#addPicture();
    while (this.sounds.length < made) this.#addSound();
    for (const { element } of [...this.pictures, ...this.sounds]) element.play().catch(() => undefined);
  }

  /** Gives the elements a new connection's tracks. Everything is blank until told otherwise. @param {Slot[]} slots */
  bind(slots) {
    const video = slots.filter((slot) => slot.kind === "video");
    const audio = slots.filter((slot) => slot.kind === "audio");
    while (this.pictures.length < video.length) this.#addPicture();
    while (this.sounds.length < audio.length) this.#addSound();
    this.pictures.forEach((picture, i) => {
      const mid = video[i]?.mid ?? "";
      if (picture.mid === mid && same(picture.element, video[i])) return;
      picture.mid = mid;
      picture.element.dataset.slotMid = mid;
      this.#point(picture, "");
      feed(picture.element, video[i]);
      if (mid) picture.element.play().catch(() => undefined); // muted: it plays once there is something to play
    });
    this.sounds.forEach((sound, i) => {
      sound.mid = audio[i]?.mid ?? "";
      sound.element.dataset.slotMid = sound.mid;
      if (same(sound.element, audio[i])) return;
      feed(sound.element, audio[i]);
      if (sound.mid) this.#play(sound.element);
    });
  }

  /** Points the pictures at whom the room says. @param {Room} room */
  show(room) {
    for (const picture of this.pictures) {
      const entry = room.slots.get(picture.mid);
      const member = entry?.source === "camera" && room.members.get(entry.member);
      const shows = member && member.place === "visit" && member.media.camera ? member.id : "";
      if (shows !== picture.shows) this.#point(picture, shows);
    }
  }

  /** The picture of a member, if any. @param {string} member */
  of(member) {
    return this.pictures.find((picture) => picture.shows === member);
  }

  /** Plays the sound after all; called in a tap. */
  hear() {
    this.blocked = false;
    for (const { element, mid } of this.sounds) if (mid) this.#play(element);
    this.#changed();
  }

  /** @param {string} id of an audio output, "" for the default */
  speaker(id) {
    this.#speaker = id;
    for (const { element } of this.sounds) this.#sink(element);
  }

  /** Takes every track out. */
  clear() {
    this.bind([]);
  }

  /** @param {Picture} picture @param {string} member "" for nobody */
  #point(picture, member) {
    picture.shows = member;
    picture.blank = true;
    picture.element.dataset.blank = "";
    picture.element.hidden = member === "";
    const turn = ++picture.turn;
    if (member) {
      nextFrame(picture.element, () => turn === picture.turn, () => {
        picture.blank = false;
        delete picture.element.dataset.blank;
        this.#changed();
      });
    }
  }

  #addPicture() {
    const element = document.createElement("video");
    element.muted = true; // sound has elements of its own
    element.autoplay = element.playsInline = true;
    element.disablePictureInPicture = true;
    element.className = "picture";
    element.hidden = true;
    element.setAttribute("aria-hidden", "true");
    element.addEventListener("resize", this.#changed);
    this.#place.append(element);
    this.pictures.push({ mid: "", element, shows: "", blank: true, turn: 0 });
  }

  #addSound() {
    const element = document.createElement("audio");
    element.autoplay = true;
    this.#place.append(element);
    this.sounds.push({ mid: "", element });
    this.#sink(element);
  }

  /** @param {HTMLAudioElement} element */
  #play(element) {
    element.play().catch((error) => {
      if (error?.name !== "NotAllowedError" || this.blocked) return;
      this.blocked = true;
      this.#changed();
    });
  }

  /** @param {HTMLAudioElement} element */
  #sink(element) {
    if ("setSinkId" in element && element.sinkId !== this.#speaker) element.setSinkId(this.#speaker).catch(() => undefined);
  }
}

/** @param {HTMLMediaElement} element @param {Slot | undefined} slot */
function same(element, slot) {
  const stream = element.srcObject;
  return (stream instanceof MediaStream ? stream.getTracks()[0] : undefined) === slot?.track;
}

/** @param {HTMLMediaElement} element @param {Slot | undefined} slot */
function feed(element, slot) {
  element.srcObject = slot ? new MediaStream([slot.track]) : null;
}

/**
 * Calls back when the next frame is on screen.
 * @param {HTMLVideoElement} video
 * @param {() => boolean} current whether anybody still waits for it
 * @param {() => void} come
 */
function nextFrame(video, current, come) {
  if ("requestVideoFrameCallback" in video) {
    video.requestVideoFrameCallback(() => current() && come());
    return;
  }
  const element = /** @type {HTMLVideoElement} */ (video);
  const before = element.getVideoPlaybackQuality().totalVideoFrames;
  const timer = setInterval(() => {
    if (!current()) return clearInterval(timer);
    if (element.getVideoPlaybackQuality().totalVideoFrames <= before) return;
    clearInterval(timer);
    come();
  }, frameLook);
}
