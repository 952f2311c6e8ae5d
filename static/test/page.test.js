// The page as a whole: what it weighs, what it loads, its colours, and small pure parts.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { runInNewContext } from "node:vm";
import { codeIn, visitPathIn } from "../js/address.js";
import { readRedeemed } from "../js/api.js";
import { idleLimit, Silence, silentLimit } from "../js/health.js";
import { readDate } from "../js/ui/birth.js";
import { Unread } from "../js/ui/chat.js";
import { initials } from "../js/ui/stage.js";

const root = new URL("../", import.meta.url);
const read = (name) => readFileSync(new URL(name, root), "utf8");
const html = read("visit.html");

/** Every module that one needs, itself included, as paths below js/. */
function needed(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const [, to] of read(name).matchAll(/^import [^"]*"(\.[^"]+)";$/gm)) {
    needed(new URL(to, new URL(name, root)).href.slice(root.href.length), seen);
  }
  return seen;
}

test("the page asks for exactly the modules it needs, all at once", () => {
  const asked = [...html.matchAll(/<(?:link rel="modulepreload" href|script src)="\/static\/(js\/[^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual(asked.sort(), [...needed("js/visit.js"), "js/old.js"].sort());
  const ours = readdirSync(new URL("js/", root), { recursive: true }).filter((name) => name.endsWith(".js") && !["added.js", "after.js", "anew.js", "files.js", "sending.js", "desk.js", "suggest.js", "passkey.js", "lock.js", "queue.js"].includes(name));
  assert.deepEqual(ours.map((name) => `js/${name}`).sort(), [...new Set(asked)].sort(), "no module lies about unused");
});

/** What old.js shows when the page has loaded. */
function shownByOld(started, modules) {
  const state = {};
  const sections = { opening: { hidden: false }, unsupported: { hidden: true }, unloaded: { hidden: true } };
  const body = { hasAttribute: () => started, setAttribute: (name, value) => (state[name] = value) };
  const document = { body, getElementById: (id) => sections[id], createElement: () => (modules ? { noModule: false } : {}) };
  runInNewContext(read("js/old.js"), { window: { addEventListener: (_, call) => call() }, document });
  return [state["data-state"], Object.keys(sections).filter((name) => !sections[name].hidden)];
}

test("a browser is called too old only where it knows no modules", () => {
  assert.deepEqual(shownByOld(true, true), [undefined, ["opening"]]);
  assert.deepEqual(shownByOld(false, true), ["unloaded", ["unloaded"]]);
  assert.deepEqual(shownByOld(false, false), ["unsupported", ["unsupported"]]);
});

test("nothing in the page needs a weaker content security policy", () => {
  assert.doesNotMatch(html, /\son\w+=|\sstyle=|<style|javascript:/i);
  assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/);
  assert.doesNotMatch(html.replaceAll("http://www.w3.org/2000/svg", ""), /https?:\/\//);
  for (const name of [...needed("js/visit.js"), "js/old.js"]) {
    assert.doesNotMatch(read(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("style"|console\./, name);
  }
});

/** Relative luminance, WCAG 2.2. */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);

test("text and edges stand out from their grounds, in light and dark", () => {
  const [light, dark] = read("css/tokens.css").split("@media (prefers-color-scheme: dark)");
  const values = (css) => Object.fromEntries([...css.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, hex]) => [name, hex]));
  const text = [
    ["ink", "paper"], ["ink", "card"], ["ink", "sunken"], ["ink-soft", "paper"], ["ink-soft", "card"], ["ink-soft", "sunken"],
    ["brand", "paper"], ["brand", "card"], ["brand-strong", "brand-soft"], ["brand-strong", "card"], ["on-brand", "brand"], ["on-brand", "brand-strong"],
    ["danger", "paper"], ["danger", "card"], ["danger", "danger-soft"], ["danger-strong", "danger-soft"], ["on-danger", "danger"], ["on-danger", "danger-strong"],
    ["warn", "warn-soft"], ["good", "good-soft"], ["ink", "brand-soft"], ["ink", "good-soft"], ["ink", "warn-soft"], ["ink", "danger-soft"],
    ["stage-ink", "stage"], ["stage-ink", "stage-tile"], ["stage-ink", "stage-raised"], ["stage-soft", "stage-tile"], ["stage-speaking", "stage"],
  ];
  const edges = [["line-strong", "paper"], ["line-strong", "card"], ["focus", "paper"], ["focus", "card"], ["stage-focus", "stage"], ["stage-focus", "stage-tile"], ["stage-speaking", "stage-tile"], ["good", "card"]];
  for (const [scheme, tokens] of Object.entries({ light: values(light), dark: { ...values(light), ...values(dark) } })) {
    for (const [a, b] of text) assert.ok(contrast(tokens[a], tokens[b]) >= 4.5, `${scheme}: ${a} on ${b} ${contrast(tokens[a], tokens[b]).toFixed(2)}`);
    for (const [a, b] of edges) assert.ok(contrast(tokens[a], tokens[b]) >= 3, `${scheme}: ${a} on ${b} ${contrast(tokens[a], tokens[b]).toFixed(2)}`);
    assert.ok(contrast("#ffffff", tokens["stage-danger"]) >= 4.5);
  }
});

test("a code is found in the address, whatever a messenger hung on it", () => {
  const code = "AAAAAAAAAAAAAAAAAAAAA_";
  for (const hash of [`#${code}`, `#${code}.`, `#${code})`, `#${code}%20`, `#${code}%E2%81%A9`, `#${code}\u200f`]) assert.deepEqual(codeIn(hash), { kind: "code", code });
  for (const hash of ["", "#"]) assert.equal(codeIn(hash).kind, "none");
  for (const hash of ["#short", "#AAAAAAAAAAAAAAAAAAAAAA/<b>", "#%E0%A4%A", `#${"A".repeat(200)}`]) assert.equal(codeIn(hash).kind, "garbled");
  assert.equal(visitPathIn("/v/0193a1f0-7c3e/"), "/v/0193a1f0-7c3e/");
  for (const path of ["/v", "/v/", "/v/../x/", "/v/a/b/", "//evil/v/a/"]) assert.equal(visitPathIn(path), undefined);
});

test("every answer of join has its meaning", () => {
  const headers = new Headers({ Date: "Tue, 24 Nov 2026 15:00:10 GMT", "Retry-After": "7" });
  const now = Date.parse("2026-11-24T15:00:00Z");
  const reply = (status, body = {}) => readRedeemed({ status, body, headers }, now);
  assert.deepEqual(reply(403, { code: "birth_date_wrong", tries_left: 2 }), { kind: "birth_date_wrong", triesLeft: 2 });
  assert.deepEqual(reply(425, { code: "too_early", opens_at: "a", starts_at: "b" }), { kind: "too_early", opensAt: "a", startsAt: "b", skew: 10_000 });
  assert.deepEqual(reply(503, { code: "try_later" }), { kind: "later", after: 7000 });
  assert.deepEqual(reply(502), { kind: "later", after: 7000 });
  assert.deepEqual(reply(404), { kind: "not_found" });
  assert.deepEqual(readRedeemed(null, now), { kind: "later", after: 0 });
  const [, first] = readFileSync(new URL("../docs/protocol.md", root), "utf8").split(/^## /m); // sections
  const answers = [...first.matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)];
  assert.ok(answers.length > 5);
  for (const [, status, code] of answers) {
    assert.equal(reply(Number(status), { code }).kind, code === "try_later" ? "later" : code);
  }
});

test("silence is noticed within three seconds where media should come, and not where none should", () => {
  const silence = new Silence(0);
  assert.equal(silence.sample(1, true, 0), false);
  assert.equal(silence.sample(1, true, silentLimit - 1), false);
  assert.equal(silence.sample(1, true, silentLimit), true);
  assert.ok(silentLimit + 250 < 2600, "a look every quarter of a second, and time to spare on a slow phone");
  assert.equal(silence.sample(2, true, 5000), false);
  assert.equal(silence.sample(2, false, 9000), false, "nobody sends any more");
  assert.equal(silence.sample(2, false, 9000 + idleLimit - 1), false);
  assert.equal(silence.sample(2, false, 9000 + idleLimit), true);
});

test("dates of birth are read as people type them", () => {
  const now = Date.parse("2026-11-24T15:00:00Z");
  const cases = [
    [["31", "5", "2012"], "2012-05-31"], [[" 1", "02 ", "2020"], "2020-02-01"], [["29", "2", "2024"], "2024-02-29"],
    [["", "5", "2012"], "empty"], [["31", "6", "2012"], "no_such_day"], [["٣١", "٥", "٢٠١٢"], "2012-05-31"], [["３１", "５", "２０１２"], "2012-05-31"], [["29", "2", "2023"], "no_such_day"], [["0", "5", "2012"], "no_such_day"],
    [["5", "13", "2012"], "no_such_day"], [["x", "5", "2012"], "no_such_day"], [["1", "5", "12"], "no_such_day"], [["1", "5", "2027"], "future"],
  ];
  for (const [typed, want] of cases) {
    const read = readDate(...typed, now);
    assert.equal(read.ok ? read.date : read.why, want, typed.join(" "));
  }
});

test("two letters stand for a name", () => {
  for (const [name, letters] of [["Sample Patient", "SP"], ["Dr. Sample Clinician", "SC"], ["Jo", "J"], ["Ana-Lucía Fernández de la Vega", "AV"], ["李 小龙", "李小"], ["", ""]]) {
    assert.equal(initials(name), letters);
  }
});

test("a line that was seen is not counted again after coming back", () => {
  const line = (id, from) => ({ id, from: { id: from, name: "" }, text: "", at: "" });
  const unread = new Unread();
  const said = [line("1", "a"), line("1", "b"), line("2", "me")];
  assert.equal(unread.count(said, "me"), 2);
  unread.see(said);
  assert.equal(unread.count([], "me"), 0);
  assert.equal(unread.count([...said, line("2", "a")], "me"), 1);
});
