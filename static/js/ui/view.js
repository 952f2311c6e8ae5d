// How a person wants to see the visit: with their own picture or without, with chat as captions. Kept for this tab alone, so that a reload changes
// nothing. Touches no DOM.

/** @typedef {"self" | "captions"} Switch */
/** @typedef {{getItem: (key: string) => string | null, setItem: (key: string, value: string) => void}} Kept */

const key = "housecall.view";

export class ViewChoices {
  self = true;
  captions = false;

  #kept;

  /** @param {Kept} kept */
  constructor(kept) {
    this.#kept = kept;
    try {
      const { self = true, captions = false } = JSON.parse(kept.getItem(key) ?? "{}");
      Object.assign(this, { self: self === true, captions: captions === true });
    } catch {
      // not ours, or storage is off: everything stays as it is at first
    }
  }

  /** @param {Switch} name @param {boolean} on */
  set(name, on) {
    this[name] = on;
    try {
      this.#kept.setItem(key, JSON.stringify({ self: this.self, captions: this.captions }));
    } catch {
      // storage is full or off: the choice holds until a reload
    }
  }
}
