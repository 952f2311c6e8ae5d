// What the page says and does outside the call, in its pure parts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Lateness } from "../js/late.js";
import { blocksOf, sameLanguage } from "../js/ui/consent.js";
import { variantOf } from "../js/ui/ends.js";
import { browserName } from "../js/ui/faults.js";
import { adviceFor } from "../js/ui/linecheck.js";
import { dialled } from "../js/ui/phone.js";
import { isLate, reasonOf } from "../js/ui/waiting.js";

const catalogue = JSON.parse(readFileSync(new URL("../locales/en.json", import.meta.url), "utf8"));

test("a telephone dials what people write", () => {
  const cases = [
    ["+1 (555) 010-0199", "tel:+15550100199"], ["0555 / 010 01", "tel:055501001"], ["555.0100", "tel:5550100"], ["555–0100", "tel:5550100"],
    ["555 0100 ext. 12", "tel:5550100,12"], ["555 0100 x7", "tel:5550100,7"], ["", ""], ["front desk", ""], ["+ 1 + 2", "tel:+12"],
  ];
  for (const [phone, href] of cases) assert.equal(dialled(phone), href, phone);
});

test("every end has words for everybody it can happen to", () => {
  for (const state of ["left", "ended", "declined", "replaced", "revoked", "gone", "broken"]) {
    for (const role of ["patient", "guardian", "guest", "interpreter", "clinician", "observer"]) {
      for (const visited of [true, false]) {
        const variant = variantOf(state, { role, visited });
        assert.ok(catalogue[`message.${state}.${variant}.title`] ?? catalogue[`message.${state}.title`], `${state} ${variant}`);
      }
    }
  }
  assert.equal(variantOf("ended", { role: "patient", visited: false }), "unseen");
  assert.equal(variantOf("ended", { role: "patient", visited: true }), "");
  assert.equal(variantOf("left", { role: "clinician", visited: true }), "clinician");
  assert.equal(variantOf("ended", { role: "interpreter", visited: false }), "helper");
});

test("a text of consent is drawn as paragraphs, headings and lists, and as nothing else", () => {
  const text = "# What it is\n\nOne line\nand its rest.\n\n- first\n- second,\n  longer\n\n<b>Plain</b> *stays* plain.\n";
  assert.deepEqual(blocksOf(text), [
    { kind: "heading", text: "What it is" },
    { kind: "text", text: "One line and its rest." },
    { kind: "list", items: ["first", "second, longer"] },
    { kind: "text", text: "<b>Plain</b> *stays* plain." },
  ]);
  assert.deepEqual(blocksOf("Before:\n- one\n- two\nafter"), [{ kind: "text", text: "Before:" }, { kind: "list", items: ["one", "two after"] }]);
  assert.deepEqual(blocksOf("  \n\n "), []);
});

test("why somebody waits is told by what the room says, and to clinicians by what they can guess", () => {
  assert.deepEqual(["", "private", "returned"].map((why) => reasonOf(why, "guardian")), ["usual", "private", "returned"]);
  assert.deepEqual(["", "private", "returned"].map((why) => reasonOf(why, "clinician")), ["device", "private", "returned"]);
  for (const reason of ["usual", "private", "returned", "device"]) {
    for (const part of ["title", "known", "stay"]) assert.ok(catalogue[`waiting.${reason}.${part}`], `${reason} ${part}`);
  }
});

test("waiting is called long from the time of the visit on, and private time has more", () => {
  const minutes = (n) => n * 60_000;
  const start = minutes(1000);
  assert.equal(isLate("usual", start - minutes(30), start, start + minutes(9)), false, "who comes early waits for nothing late");
  assert.equal(isLate("usual", start - minutes(30), start, start + minutes(10)), true);
  assert.equal(isLate("usual", start + minutes(20), start, start + minutes(25)), false, "who comes late has not waited");
  assert.equal(isLate("private", start + minutes(5), start, start + minutes(20)), false);
  assert.equal(isLate("private", start + minutes(5), start, start + minutes(30)), true);
  assert.equal(isLate("device", start, start, start + minutes(60)), false);
});

test("a browser is named shortly, for whoever helps", () => {
  const cases = [
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1", 5, "Safari 17, iPhone"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 CriOS/126.0 Mobile/15E148 Safari/604.1", 5, "Chrome 126, iPhone"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15", 5, "Safari 17, iPad"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15", 0, "Safari 17, macOS"],
    ["Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36; wv)", 5, "Chrome 126, Android, in-app"],
    ["Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36", 5, "Samsung Internet 25, Android"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", 0, "Firefox 128, Linux"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", 0, "Edge 126, Windows"],
    ["something else", 0, ""],
  ];
  for (const [agent, touches, name] of cases) assert.equal(browserName(agent, touches), name);
  assert.ok(browserName(`Firefox/${"9".repeat(90)}`, 0).length <= 60);
});

test("there is advice for every line that does not do well, wherever the page is open", () => {
  for (const state of ["busy", "ok", "poor", "blocked", "unknown"]) assert.ok(catalogue[`line.${state}`]);
  for (const where of [adviceFor("in_app", true), adviceFor("ios", true), adviceFor("chrome", false)]) {
    for (const state of ["poor", "blocked"]) assert.ok(catalogue[`line.${state}.${where}`], `${state} ${where}`);
  }
});

test("a text of consent in another language than the page's is said to be so", () => {
  assert.ok(sameLanguage("es", "es-MX"));
  assert.ok(sameLanguage("zh-Hans", "zh"));
  assert.ok(!sameLanguage("en", "ar"));
});

test("whoever waits is told once that it takes longer, and nobody is told after the page is done with it", async () => {
  const told = [];
  const answers = [null, 20];
  const lateness = new Lateness(() => told.push(lateness.minutes));
  lateness.follow(async () => answers.pop() ?? null);
  lateness.follow(async () => 90);
  await new Promise(setImmediate);
  assert.deepEqual([told, answers], [[20], [null]], "one asks at a time");
  lateness.stop();
  let answer;
  lateness.follow(() => new Promise((resolve) => (answer = resolve)));
  lateness.stop();
  answer(30);
  await new Promise(setImmediate);
  assert.deepEqual([told, lateness.minutes], [[20], 0]);
});
