// Every word people read stands in the catalogue; nothing in the catalogue is left unread.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { timesOf, Words } from "../js/i18n.js";
import { browserOf, explain } from "../js/ui/faults.js";
import { faultOf } from "../js/devices.js";

const root = new URL("../", import.meta.url);
const read = (name) => readFileSync(new URL(name, root), "utf8");
const catalogue = JSON.parse(read("locales/en.json"));
const html = read("visit.html");
/** Keys that server-rendered pages ask for too, and here nobody. */
const serverOnly = /^(date\.(short|long|full|moment)|language\.(tag|name))$/;
const modules = readdirSync(new URL("js/", root), { recursive: true })
  .filter((name) => name.endsWith(".js") && !["desk.js", "suggest.js", "passkey.js", "lock.js"].includes(name))
  .map((name) => [name, read(`js/${name}`)]);

/** Source without comments and import lines. */
const bare = (source) => source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "").replace(/^import .*$/gm, "");

test("the words in the page are those of the catalogue", () => {
  const unescaped = (text) => text.replaceAll("&amp;", "&").trim();
  let words = 0;
  for (const [, key, text] of html.matchAll(/data-t="([^"]+)"[^>]*>([^<]*)</g)) {
    assert.equal(unescaped(text), catalogue[key], key);
    words++;
  }
  for (const [tag] of html.matchAll(/<[^>]*data-t-label="[^>]*>/g)) {
    const key = /data-t-label="([^"]+)"/.exec(tag)[1];
    assert.equal(/aria-label="([^"]+)"/.exec(tag)?.[1], catalogue[key], key);
  }
  assert.ok(words > 30);
});

test("the short words on a control are among those of its name, for whoever speaks the name to press it (WCAG 2.2, 2.5.3)", () => {
  for (const file of readdirSync(new URL("locales/", root))) {
    const words = JSON.parse(read(`locales/${file}`));
    let pairs = 0;
    for (const [key, short] of Object.entries(words)) {
      const [, name] = /^(.+)[._]short$/.exec(key) ?? [];
      const full = name && !serverOnly.test(key) ? (words[name] ?? words[`${name}.title`]) : undefined;
      if (full === undefined) continue;
      assert.ok(full.toLowerCase().includes(short.toLowerCase()), `${file}: ${key}: ${short} is not in ${full}`);
      pairs++;
    }
    assert.ok(pairs > 5);
  }
});

test("no words stand in the page outside the catalogue", () => {
  const rest = html
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<option value="en" lang="en" selected>English<\/option>/, "") // the server writes every language in its place
    .replace(/<(\w+)[^>]*data-t="[^"]*"[^>]*>[^<]*<\/\1>/g, "")
    .replace(/<[^>]*>/g, " ");
  assert.equal(rest.match(/\p{L}{2,}/gu), null, "text without data-t");
  for (const [tag] of html.matchAll(/<[^>]*(aria-label|placeholder|title|alt)="[^"]*\p{L}[^"]*"[^>]*>/gu)) {
    assert.match(tag, /data-t-label=/, tag);
  }
});

test("no words stand in the modules outside the catalogue", () => {
  for (const [name, source] of modules) {
    for (const [literal] of bare(source).matchAll(/"(?:[^"\\\n]|\\.)*"/g)) {
      const text = literal.slice(1, -1);
      // Two words with a space between, the first with a capital letter, are meant for people. Errors that are thrown are for us.
      assert.ok(!/^\p{Lu}\p{Ll}+ \p{Ll}/u.test(text), `${name}: ${text}`);
    }
  }
});

test("every key that is asked for is there, and every key is asked for", () => {
  const sources = modules.map(([, source]) => bare(source)).join("\n");
  const used = new Set([...html.matchAll(/data-t(?:-label)?="([^"]+)"/g)].map(([, key]) => key));
  for (const [, quoted] of sources.matchAll(/"([a-z_]+(?:\.[a-z_-]+)*)"/g)) {
    if (quoted in catalogue) used.add(quoted);
  }
  // Keys that are put together: their beginnings, with what can follow.
  const made = [...sources.matchAll(/[`"]([a-z]+(?:\.[a-z_]+)*[._])\$\{/g)].map(([, start]) => start);
  const plural = (key) => key.replace(/\.(zero|one|two|few|many|other)$/, "");
  for (const [, key] of sources.matchAll(/\.n\("([a-z._]+)"/g)) used.add(key);
  for (const key of Object.keys(catalogue).filter((each) => !serverOnly.test(each))) {
    const known = used.has(key) || used.has(plural(key)) || made.some((start) => key.startsWith(start));
    assert.ok(known, `nobody asks for ${key}`);
  }
  for (const [, key] of sources.matchAll(/\.t\("([^"]+)"/g)) assert.ok(key in catalogue, `there is no ${key}`);
  for (const [, key] of sources.matchAll(/\.n\("([^"]+)"/g)) assert.ok(`${key}.other` in catalogue, `there is no ${key}.other`);
  for (const [, key] of html.matchAll(/data-t(?:-label)?="([^"]+)"/g)) assert.ok(key in catalogue, `there is no ${key}`);
});

test("every screen that only says something has its words", () => {
  const states = ["locked", "too-early", "over", "revoked", "not-found", "no-link", "not-agreed", "away", "insecure", "left", "ended", "declined", "replaced", "gone", "broken", "busy"];
  for (const state of states) {
    assert.ok(catalogue[`message.${state}.title`] && catalogue[`message.${state}.body`], state);
  }
});

test("every fault has an explanation for every browser", () => {
  const agents = {
    in_app: ["Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36; wv)", 5],
    ios: ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1", 5],
    ios_app: ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 CriOS/126.0 Mobile/15E148 Safari/604.1", 5],
    android: ["Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", 5],
    firefox: ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", 0],
    safari: ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15", 0],
    chrome: ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", 0],
  };
  for (const [browser, [agent, touches]] of Object.entries(agents)) {
    assert.equal(browserOf(agent, touches), browser);
    for (const fault of ["denied", "denied_by_system", "missing", "in_use", "insecure", "unsupported", "failed"]) {
      for (const faults of [{ camera: fault }, { microphone: fault }, { camera: fault, microphone: fault }]) {
        for (const key of Object.values(explain(faults, browser))) assert.ok(key in catalogue, key);
      }
    }
  }
  assert.equal(browserOf(agents.safari[0], 5), "ios", "an iPad that calls itself a Mac");
  assert.equal(explain({}, "chrome"), null);
});

test("what getUserMedia throws is understood", () => {
  const thrown = (name, message = "") => faultOf({ name, message });
  assert.equal(thrown("NotAllowedError"), "denied");
  assert.equal(thrown("NotAllowedError", "Permission denied by system"), "denied_by_system");
  assert.equal(thrown("NotFoundError"), "missing");
  assert.equal(thrown("OverconstrainedError"), "missing");
  assert.equal(thrown("NotReadableError"), "in_use");
  assert.equal(faultOf(undefined), "failed");
});

test("words are filled in, counted, and never taken for a pattern", () => {
  const words = new Words(catalogue, "en-GB", "Europe/Berlin");
  assert.equal(words.t("knocking.admit", { name: "$& {name}" }), "Admit $& {name}");
  assert.equal(words.n("birth.wrong", 1), catalogue["birth.wrong.one"]);
  assert.match(words.n("birth.wrong", 3), /3 more/);
  assert.equal(words.t("no.such.key"), "no.such.key");
  assert.equal(words.t("toString"), "toString");
});

test("times are the reader's own", () => {
  const at = Date.parse("2026-11-24T15:00:00Z");
  const berlin = new Words(catalogue, "en-GB", "Europe/Berlin");
  const boston = new Words(catalogue, "en-US", "America/New_York");
  assert.equal(berlin.moment(at, at - 3600_000), "today at 16:00");
  assert.equal(berlin.moment(at, at - 24 * 3600_000), "tomorrow at 16:00");
  assert.equal(berlin.zoneName(at), "Central European Standard Time");
  assert.match(boston.moment(at, at - 3 * 24 * 3600_000), /^Tuesday, November 24 at 10:00/);
  assert.equal(timesOf("en", ["de-DE", "en-US"]), "en-US");
  assert.equal(timesOf("en", ["de-DE"]), "en-DE");
  assert.equal(timesOf("es", ["en-US", "es-MX"]), "es-MX");
  assert.equal(timesOf("es", ["en-US"]), "es-US", "the clock of where the reader is");
  assert.equal(timesOf("zh-Hans", ["zh-TW", "zh-CN"]), "zh-CN", "not in other letters");
  assert.equal(timesOf("pt", ["nonsense!", "de"]), "pt");
});

test("when a visit opens and starts is told in one style", () => {
  const words = new Words(catalogue, "en-GB", "UTC");
  const [opens, starts] = [Date.parse("2026-11-24T23:30:00Z"), Date.parse("2026-11-25T00:00:00Z")];
  const hours = 3600_000;
  const at = (time) => words.time(time);
  // Whether English puts a comma after the weekday depends on the engine's age.
  const later = words.opening(opens, starts, opens - 24 * hours);
  assert.deepEqual({ open: later.open.replace(",", ""), start: later.start.replace(",", "") }, { open: `Tuesday 24 November at ${at(opens)}`, start: `Wednesday 25 November at ${at(starts)}` });
  assert.deepEqual(words.opening(opens, starts, opens - hours), { open: `today at ${at(opens)}`, start: `tomorrow at ${at(starts)}` });
  assert.deepEqual(words.opening(starts, starts + hours, opens), { open: at(starts), start: `tomorrow at ${at(starts + hours)}` });
});

test("stretches of time are told in one or two units", () => {
  const words = new Words(catalogue, "en-GB");
  for (const [seconds, told] of [[0, "0 seconds"], [1, "1 second"], [75, "1 minute 15 seconds"], [3600, "1 hour"], [5400, "1 hour 30 minutes"], [3605, "1 hour"], [90_000, "1 day 1 hour"]]) {
    assert.equal(words.span(seconds * 1000), told);
  }
});

test("a sentence has one full stop, also where a time at its end has one", () => {
  const words = new Words({ at: "Starts {at}. Come in.", more: "{at}.. {at}…" }, "es");
  assert.equal(words.t("at", { at: "11:50 p. m." }), "Starts 11:50 p. m. Come in.");
  assert.equal(words.t("at", { at: "15:00" }), "Starts 15:00. Come in.");
  assert.equal(words.t("at"), "Starts {at}. Come in.");
  assert.equal(words.t("more", { at: "a." }), "a... a.…");
});
