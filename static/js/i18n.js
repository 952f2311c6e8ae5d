// The words people read: looked up by key in one catalogue, with {places} filled in; and times in the reader's own zone. Holds the catalogue and
// nothing else; touches no DOM. platform/words does the same for server-rendered pages.

/** @typedef {Record<string, string | number>} Values */

/** Letters of scripts that are written from right to left, and all others. */
const runsLeft = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;
const runsRight = /(?![\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}])\p{L}/u;

export class Words {
  /** @type {Record<string, string>} */
  catalogue = {};
  locale = "en";
  numbers = new Intl.NumberFormat("en");
  /** @type {(() => void)[]} */
  #followers = [];

  /**
   * @param {Record<string, string>} catalogue flat: key to text
   * @param {string} locale a BCP 47 tag, for plurals and times
   * @param {string} [zone] an IANA time zone; left out: the reader's own
   */
  constructor(catalogue, locale, zone) {
    this.zone = zone;
    this.become(catalogue, locale);
  }

  /** Speaks another language from now on, and lets everybody who shows words show them anew. @param {Record<string, string>} catalogue @param {string} locale */
  become(catalogue, locale) {
    this.catalogue = catalogue;
    this.locale = locale;
    // What CLDR does not know has one plural form, as CLDR's root; Intl would take the browser's own language instead.
    this.known = Intl.DateTimeFormat.supportedLocalesOf(locale).length > 0;
    this.plurals = Intl.PluralRules.supportedLocalesOf(locale).length > 0 ? new Intl.PluralRules(locale) : null;
    this.numbers = new Intl.NumberFormat(this.known ? locale : "en");
    for (const follow of this.#followers) follow();
  }

  /** Has something called whenever the language has changed. @param {() => void} follow */
  follow(follow) {
    this.#followers.push(follow);
  }

  /** The way the language runs. @returns {"ltr" | "rtl"} */
  get direction() {
    return this.has("language.direction") && this.catalogue["language.direction"] === "rtl" ? "rtl" : "ltr";
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
    return text.replace(/\{(\w+)\}(\.(?!\.))?/g, (whole, name, stop = "") => {
      if (!Object.hasOwn(values, name)) return whole;
      // A sentence that ends with "11:50 p.m." has its full stop.
      return this.#put(values[name]) + (String(values[name]).endsWith(".") ? "" : stop);
    });
  }

  /** The text of a key for a number of things; the number is {count}. @param {string} key @param {number} count @param {Values} [values] */
  n(key, count, values = {}) {
    const form = `${key}.${this.plurals?.select(count) ?? "other"}`;
    return this.t(this.has(form) ? form : `${key}.other`, { ...values, count });
  }

  /** A value as it stands in a text: numbers in the language's own digits; what runs the other way kept apart, so that its neighbours keep
   * their places (https://www.w3.org/International/articles/inline-bidi-markup/uba-basics#isolates).
   * @param {string | number} value
   */
  #put(value) {
    if (typeof value === "number") return this.numbers.format(value);
    // An address runs its own way anyhow, and whoever copies it must not take a sign along.
    if (/^https?:\/\//.test(value)) return value;
    return (this.direction === "rtl" ? runsRight : runsLeft).test(value) ? `\u2068${value}\u2069` : value;
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
    return String(this.#day(a)) === String(this.#day(b));
  }

  /** Words as they begin a sentence. @param {string} text */
  sentence(text) {
    const [first = "", ...rest] = text;
    return first.toLocaleUpperCase(this.known ? this.locale : "en") + rest.join("");
  }

  /** A day in words. @param {number} at milliseconds */
  date(at) {
    if (this.known) return this.#format(at, { weekday: "long", day: "numeric", month: "long" });
    return this.#named("date.day", at);
  }

  /** The name of the reader's time zone at that time. @param {number} at milliseconds */
  zoneName(at) {
    if (!this.known) {
      const zone = this.zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
      return this.t("zone.city", { city: zone.slice(zone.lastIndexOf("/") + 1).replaceAll("_", " ") });
    }
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

  /** The reader's year, month and day of a time, by parts: the order in which a language writes them changes with the browser's age. @param {number} at */
  #day(at) {
    const parts = new Intl.DateTimeFormat("en", { timeZone: this.zone, calendar: "gregory", year: "numeric", month: "numeric", day: "numeric" }).formatToParts(at);
    return ["year", "month", "day"].map((type) => Number(parts.find((part) => part.type === type)?.value));
  }

  /** A day in a language whose dates the browser does not know: by the catalogue's names and patterns. @param {string} pattern a key @param {number} at */
  #named(pattern, at) {
    const [year, month, day] = this.#day(at);
    const weekday = this.t(`date.weekday.${new Date(Date.UTC(year, month - 1, day)).getUTCDay()}`);
    return this.t(pattern, { weekday, day, month: this.t(`date.month.${month}`), year: String(year) });
  }

  /** @param {number} at @param {Intl.DateTimeFormatOptions} options */
  #format(at, options) {
    // A language that the browser does not know tells the time of day in 24 hours, as the desk does.
    return new Intl.DateTimeFormat(this.known ? this.locale : "en-GB", { timeZone: this.zone, ...options }).format(at);
  }
}

/**
 * The locale whose dates, times and numbers a reader of a language expects: 3:00 pm or 15:00.
 * @param {string} tag of the catalogue
 * @param {readonly string[]} languages the reader's, best first
 */
export function timesOf(tag, languages) {
  /** @param {string} each */
  const parts = (each) => {
    try {
      return new Intl.Locale(each).maximize();
    } catch {
      return null;
    }
  };
  const wanted = parts(tag);
  const own = languages.find((each) => parts(each)?.language === wanted?.language && parts(each)?.script === wanted?.script);
  if (own) return own;
  // Who reads Spanish in the United States has the clock of the United States.
  const region = languages.map((each) => /-([A-Z]{2})\b/.exec(each)?.[1]).find(Boolean);
  return region ? `${tag}-${region}` : tag;
}
