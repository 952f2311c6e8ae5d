// Every language says everything that English says: every key, the same {places}, the plural forms it needs, and dates as CLDR has them.
import assert from "node:assert/strict";
import test from "node:test";
import { Words } from "../js/i18n.js";
import { chosenIn, match } from "../js/language.js";
import { catalogue, shelves, tags, text } from "./house.js";

const catalogues = Object.fromEntries(tags.map((tag) => [tag, catalogue(tag)]));
const { en } = catalogues;
const others = tags.filter((tag) => tag !== "en");

/** Whether the browsers know the language; else its catalogue alone has its dates, and CLDR's root its plurals. */
const known = (tag) => Intl.DateTimeFormat.supportedLocalesOf(tag).length > 0;
const ending = /\.(zero|one|two|few|many|other)$/;
/** The key that a plural form belongs to, "" for a key that has none: English has one and other of each. */
const counted = (key) => {
  const base = key.replace(ending, "");
  return base !== key && `${base}.one` in en && `${base}.other` in en ? base : "";
};
/** The keys in their order, all forms of a plural as one. */
const order = (catalogue) => [...new Set(Object.keys(catalogue).map((key) => counted(key) || key))];
const places = (said) => [...new Set([...said.matchAll(/\{\w+\}/g)].map(([place]) => place))].sort();

test("there are six languages at least, each with its head", () => {
  for (const tag of ["en", "es", "pt", "ar", "ht", "zh-Hans"]) assert.ok(tags.includes(tag), tag);
  for (const [tag, catalogue] of Object.entries(catalogues)) {
    assert.equal(catalogue["language.tag"], tag);
    assert.match(catalogue["language.direction"], /^(ltr|rtl)$/);
    assert.match(catalogue["language.reviewed"], /^(yes|no)$/);
    const { direction } = new Intl.Locale(tag).getTextInfo?.() ?? new Intl.Locale(tag).textInfo ?? {};
    if (direction) assert.equal(catalogue["language.direction"], direction, tag);
  }
});

test("every language has every key, in one order and in the same groups", () => {
  for (const tag of others) {
    const missing = order(en).filter((key) => !order(catalogues[tag]).includes(key));
    const left = order(catalogues[tag]).filter((key) => !order(en).includes(key));
    assert.deepEqual({ missing, left }, { missing: [], left: [] }, tag);
    assert.deepEqual(order(catalogues[tag]), order(en), `${tag}: the order of keys`);
  }
  for (const shelf of shelves) {
    const groups = (tag) => text(shelf, tag).split("\n\n").map((group) => /"([^"]+)":/.exec(group)[1]).map((key) => counted(key) || key);
    for (const tag of others) assert.deepEqual(groups(tag), groups("en"), `${shelf}${tag}: blank lines between groups`);
  }
});

test("no key stands twice", () => {
  for (const tag of tags) {
    const keys = shelves.flatMap((shelf) => [...text(shelf, tag).matchAll(/^ {2}"([^"]+)":/gm)].map(([, key]) => key));
    assert.deepEqual(keys.filter((key, i) => keys.indexOf(key) !== i), [], tag);
  }
});

test("every text has the places of the English one", () => {
  for (const tag of tags) {
    for (const [key, said] of Object.entries(catalogues[tag])) {
      assert.equal(said, said.trim(), `${tag}: ${key}`);
      assert.notEqual(said, "", `${tag}: ${key}`);
      const base = counted(key);
      // "One day" says its number itself.
      const wanted = places(base ? en[`${base}.other`] : en[key] ?? "");
      const without = base ? wanted.filter((place) => place !== "{count}" || /\.(other|few|many)$/.test(key)) : wanted;
      const got = places(said);
      assert.ok(String(got) === String(wanted) || String(got) === String(without), `${tag}: ${key}: ${said}`);
    }
  }
});

test("every text that counts has the forms its language needs, and no others", () => {
  for (const tag of tags) {
    const rules = Intl.PluralRules.supportedLocalesOf(tag).length > 0 ? new Intl.PluralRules(tag) : null;
    const forms = [...new Set([...Array(201).keys(), 1_000_000].map((count) => rules?.select(count) ?? "other"))].sort();
    for (const base of new Set(Object.keys(en).map(counted).filter(Boolean))) {
      const got = Object.keys(catalogues[tag]).filter((key) => counted(key) === base).map((key) => ending.exec(key)[1]);
      assert.deepEqual(got.sort(), forms, `${tag}: ${base}`);
      const words = new Words(catalogues[tag], tag);
      for (const count of [0, 1, 2, 3, 11, 100]) assert.doesNotMatch(words.n(base, count, { time: "" }), /^[a-z]+(\.[a-z]+)+$|\{count\}/, `${tag}: ${base} ${count}`);
    }
  }
});

test("texts are in their language", () => {
  const letters = { ar: /\p{Script=Arabic}/u, "zh-Hans": /\p{Script=Han}/u };
  for (const tag of others) {
    const same = Object.keys(en).filter((key) => en[key] === catalogues[tag][key] && /\p{L}{2,}.*\p{L}{2,} .*\p{L}{2,}/u.test(en[key].replace(/\{\w+\}/g, "")));
    assert.deepEqual(same, [], `${tag}: still English`);
    if (!letters[tag]) continue;
    for (const [key, said] of Object.entries(catalogues[tag])) {
      if (key.startsWith("language.") || !/\p{L}/u.test(en[key]?.replace(/\{\w+\}/g, "") ?? "")) continue;
      if (/^(date|time)\./.test(key)) continue; // a pattern may be all signs
      assert.match(said, letters[tag], `${tag}: ${key}`);
    }
  }
});

test("the dates of server-rendered pages are those of CLDR", () => {
  const patterns = { "date.full": { weekday: "long", day: "numeric", month: "long", year: "numeric" }, "date.long": { day: "numeric", month: "long", year: "numeric" }, "date.short": { day: "numeric", month: "long" }, "date.day": { weekday: "long", day: "numeric", month: "long" } };
  for (const tag of tags.filter(known)) {
    // Which digits Arabic writes depends on the engine's age; the server writes these.
    const words = new Words(catalogues[tag], `${tag === "en" ? "en-GB" : tag}-u-nu-latn`, "UTC");
    for (let month = 1; month <= 12; month++) {
      const at = Date.UTC(2026, month - 1, month + 10, 12);
      const weekday = words.t(`date.weekday.${new Date(at).getUTCDay()}`);
      for (const [key, options] of Object.entries(patterns)) {
        const said = words.t(key, { weekday, day: month + 10, month: words.t(`date.month.${month}`), year: "2026" });
        // Where English puts a comma after the weekday CLDR has changed its mind more than once.
        const plain = (date) => (tag === "en" ? date.replace(",", "") : date).replace(/[\u00a0\u202f]/g, " ");
        assert.equal(plain(said), plain(new Intl.DateTimeFormat(words.locale, { timeZone: "UTC", ...options }).format(at)), `${tag}: ${key}`);
      }
    }
  }
});

test("a language that browsers do not know has its dates, plurals and zones from its catalogue", () => {
  const words = new Words(catalogues.ht, "ht-US", "America/New_York");
  const at = Date.parse("2026-11-24T20:05:00Z");
  assert.equal(words.date(at), "madi 24 novanm");
  assert.equal(words.time(at), "15:05");
  assert.equal(words.zoneName(at), "lè New York");
  assert.equal(words.n("time.minutes", 1), "1 minit");
  assert.equal(words.moment(at, at), "jodi a a 15:05");
});

test("what runs the other way keeps its place", () => {
  const arabic = new Words(catalogues.ar, "ar");
  assert.equal(arabic.t("check.who", { name: "Sam Example" }), catalogues.ar["check.who"].replace("{name}", "\u2068Sam Example\u2069"));
  assert.equal(arabic.t("check.who", { name: "سامي" }), catalogues.ar["check.who"].replace("{name}", "سامي"));
  assert.equal(arabic.t("check.who", { name: "https://example.org/v#AA" }), catalogues.ar["check.who"].replace("{name}", "https://example.org/v#AA"));
  assert.equal(arabic.direction, "rtl");
  assert.equal(new Words(en, "en").t("people.you", { name: "سامي" }), "\u2068سامي\u2069 (you)");
});

test("a language is found by what people and browsers call it", () => {
  for (const [asked, want] of [["es-MX", "es"], ["ES", "es"], ["zh-CN", "zh-Hans"], ["zh", "zh-Hans"], ["zh-TW", ""], ["pt-BR", "pt"], ["ht", "ht"], ["fr", ""], ["", ""], ["no such!", ""]]) {
    assert.equal(match(asked, tags), want, asked);
  }
  assert.equal(chosenIn("a=b; housecall_language=zh-Hans; c=d"), "zh-Hans");
  assert.equal(chosenIn("not_housecall_language=es"), "");
  assert.equal(chosenIn("housecall_language=<b>"), "");
});

test("everybody who shows words is told of another language", () => {
  const words = new Words(en, "en");
  const seen = [];
  words.follow(() => seen.push(words.t("action.again")));
  words.become(catalogues.es, "es");
  assert.deepEqual(seen, [catalogues.es["action.again"]]);
});
