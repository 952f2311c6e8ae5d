// The words people read: looked up by key in one catalogue, with {places} filled in; and times in the reader's own zone. Holds the catalogue and
// nothing else; touches no DOM.

/** @typedef {Record<string, string | number>} Values */

export class Words {
  /**
   * @param {Record<string, string>} catalogue flat: key to text
   * @param {string} locale a BCP 47 tag, for plurals and times
   * @param {string} [zone] an IANA time zone; left out: the reader's own
   */
  constructor(catalogue, locale, zone) {
    this.catalogue = catalogue;
    this.locale = locale;
    this.zone = zone;
    this.plurals = new Intl.PluralRules(locale);
  }

  /** Whether there is such a text. @param {string} key */
  has(key) {
    return Object.hasOwn(this.catalogue, key);
  }

  /**
   * The text of a key. A key that is not there gives itself: seen at once, and a test finds it first.
   * @param {string} key
   * @param {Values} [values]
   * @returns {string}
   */
  t(key, values = {}) {
    const text = Object.hasOwn(this.catalogue, key) ? this.catalogue[key] : key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
  }

  /** The text of a key for a number of things; the number is {count}. @param {string} key @param {number} count */
  n(key, count) {
    return this.t(`${key}.${this.plurals.select(count)}`, { count });
  }

  /** A time of day, "3:00 pm" or "15:00". @param {number} at milliseconds */
  time(at) {
    return this.#format(at, { hour: "numeric", minute: "2-digit" });
  }

  /** A time with its day where it needs one. @param {number} at milliseconds @param {number} now milliseconds */
  moment(at, now) {
    const time = this.time(at);
    if (this.sameDay(at, now)) return this.t("time.today", { time });
    if (this.sameDay(at, now + 24 * 3600_000)) return this.t("time.tomorrow", { time });
    return this.t("time.other", { day: this.date(at), time });
  }

  /**
   * When a visit opens and starts, both told in one style: with "today" or "tomorrow", or, where one of them is later, both with their dates.
   * @param {number} opens milliseconds
   * @param {number} starts milliseconds
   * @param {number} now milliseconds
   * @returns {{open: string, start: string}}
   */
  opening(opens, starts, now) {
    const start = this.moment(starts, now);
    if (this.sameDay(opens, starts)) return { open: this.time(opens), start };
    const near = [now, now + 24 * 3600_000].some((day) => this.sameDay(starts, day));
    const open = near ? this.moment(opens, now) : this.t("time.other", { day: this.date(opens), time: this.time(opens) });
    return { open, start };
  }

  /** Whether two times fall on one day of the reader's. @param {number} a milliseconds @param {number} b milliseconds */
  sameDay(a, b) {
    return this.#day(a) === this.#day(b);
  }

  /** Words as they begin a sentence. @param {string} text */
  sentence(text) {
    const [first = "", ...rest] = text;
    return first.toLocaleUpperCase(this.locale) + rest.join("");
  }

  /** A day in words. @param {number} at milliseconds */
  date(at) {
    return this.#format(at, { weekday: "long", day: "numeric", month: "long" });
  }

  /** The name of the reader's time zone at that time. @param {number} at milliseconds */
  zoneName(at) {
    const parts = new Intl.DateTimeFormat(this.locale, { timeZone: this.zone, timeZoneName: "long" }).formatToParts(at);
    return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  }

  /** A stretch of time, in its one or two largest units. @param {number} ms not negative */
  span(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const units = /** @type {[string, number][]} */ ([["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]]);
    const at = units.findIndex(([, length]) => seconds >= length);
    if (at < 0) return this.n("time.seconds", 0);
    const [name, length] = units[at];
    const first = this.n(`time.${name}`, Math.floor(seconds / length));
    const rest = at + 1 < units.length ? Math.floor((seconds % length) / units[at + 1][1]) : 0;
    if (rest === 0) return first;
    return this.t("time.and", { first, second: this.n(`time.${units[at + 1][0]}`, rest) });
  }

  /** @param {number} at */
  #day(at) {
    return this.#format(at, { year: "numeric", month: "2-digit", day: "2-digit" });
  }

  /** @param {number} at @param {Intl.DateTimeFormatOptions} options */
  #format(at, options) {
    return new Intl.DateTimeFormat(this.locale, { timeZone: this.zone, ...options }).format(at);
  }
}

/**
 * The kind of English whose times the reader expects: 3:00 pm or 15:00.
 * @param {readonly string[]} languages the reader's, best first
 */
export function timesOf(languages) {
  return languages.find((each) => /^en\b/i.test(each)) ?? "en-GB";
}
