// The main picture in a small window of its own that stays on top of other windows, for who writes in a record meanwhile.

/** A picture that is missing for longer closes the window: a last face must not stand there (milliseconds). */
const missingFor = 2000;

export class PictureInPicture {
  #main;
  #changed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #missing;

  /** @param {() => HTMLVideoElement | null} main the picture to show @param {() => void} changed it was opened or closed */
  constructor(main, changed) {
    this.#main = main;
    this.#changed = changed;
  }

  /** Whether the browser has it, and there is a picture. */
  get can() {
    return document.pictureInPictureEnabled === true && (this.on || this.#main() !== null);
  }

  get on() {
    return Boolean(document.pictureInPictureElement);
  }

  /** Opens or closes the window; in a tap. */
  async toggle() {
    if (this.on) return this.close();
    await this.#open(this.#main());
  }

  /** The main picture may be another one now. */
  follow() {
    if (!this.on) return;
    const main = this.#main();
    clearTimeout(this.#missing);
    if (!main) this.#missing = setTimeout(() => this.#main() ?? this.close(), missingFor);
    else if (main !== document.pictureInPictureElement) void this.#open(main);
  }

  close() {
    clearTimeout(this.#missing);
    if (this.on) document.exitPictureInPicture().catch(() => undefined);
  }

  /** @param {HTMLVideoElement | null} video */
  async #open(video) {
    if (!video) return;
    video.disablePictureInPicture = false; // else the browser puts a button of its own over every face
    video.addEventListener("enterpictureinpicture", this.#changed, { once: true });
    video.addEventListener("leavepictureinpicture", () => {
      video.disablePictureInPicture = true;
      this.#changed();
    }, { once: true });
    await video.requestPictureInPicture().catch(() => this.#changed());
  }
}
