// The queue's page, kept right whatever becomes of its connection.
import assert from "node:assert/strict";
import test from "node:test";
import { Queue } from "../js/queue.js";

/** A page whose server, clock and connection a test has in hand. */
class Desk {
  constructor() {
    globalThis.document = { activeElement: null, getElementById: () => null };
    this.root = { id: "queue", dataset: { version: "1", events: "/queue/events?show=all" }, nodes: ["one"], marks: [],
      contains: () => false, querySelectorAll: () => this.root.marks, replaceChildren: (...nodes) => (this.root.nodes = nodes) };
    this.sources = [];
    this.timers = [];
    this.lost = [];
    this.shown = 0;
    this.asked = [];
    this.now = Date.parse("2026-11-24T15:07:30Z");
    this.queue = new Queue(this.root, {
      open: (url) => {
        const source = { url, heard: {}, closed: false, addEventListener: (kind, f) => (source.heard[kind] = f), close: () => (source.closed = true) };
        this.sources.push(source);
        return source;
      },
      fetch: () => new Promise((resolve) => this.asked.push(resolve)),
      lost: (on) => this.lost.push(on),
      shown: () => this.shown++,
      after: (ms, f) => this.timers.push({ ms, f }),
      cancel: () => {},
      random: () => 1,
      now: () => this.now,
    });
  }

  get source() {
    return this.sources.at(-1);
  }

  tell(version) {
    this.source.heard.queue({ data: JSON.stringify({ version, waiting: 0 }) });
  }

  async answer(version, nodes) {
    this.asked.shift()(version && { getElementById: () => ({ dataset: { version }, childNodes: nodes }) });
    for (let i = 0; i < 10; i++) await null;
  }
}

test("a page is put in place when it is another, and only then", async () => {
  const desk = new Desk();
  desk.queue.connect();
  assert.equal(desk.source.url, "/queue/events?show=all");
  desk.tell("1");
  assert.deepEqual([desk.asked.length, desk.lost.at(-1)], [0, false]);
  desk.tell("2");
  await desk.answer("2", ["two"]);
  assert.deepEqual([desk.root.nodes, desk.root.dataset.version, desk.shown], [["two"], "2", 1]);
});

test("what changes while the page is fetched is fetched after it", async () => {
  const desk = new Desk();
  desk.queue.connect();
  desk.tell("2");
  desk.tell("3");
  desk.tell("4");
  assert.equal(desk.asked.length, 1);
  await desk.answer("2", ["two"]);
  assert.equal(desk.asked.length, 1);
  await desk.answer("4", ["four"]);
  assert.deepEqual([desk.root.nodes, desk.asked.length], [["four"], 0]);
});

test("a lost connection is said, tried again ever more slowly, and forgotten when all is right", async () => {
  const desk = new Desk();
  desk.queue.connect();
  const waits = [];
  for (let i = 0; i < 9; i++) {
    desk.source.heard.error();
    assert.equal(desk.lost.at(-1), true);
    const { ms, f } = desk.timers.pop();
    waits.push(ms);
    f();
  }
  assert.deepEqual(waits, [150, 500, 1000, 2000, 4000, 8000, 16000, 32000, 32000]);
  desk.sources[0].heard.error();
  assert.equal(desk.timers.length, 0, "a connection given up before is lost no more");
  assert.ok(desk.sources.slice(0, -1).every((each) => each.closed));
  desk.tell("1");
  assert.equal(desk.lost.at(-1), false);
  desk.source.heard.error();
  assert.equal(desk.timers.pop().ms, 150);
});

test("a page that can't be had is asked for again", async () => {
  const desk = new Desk();
  desk.queue.connect();
  desk.tell("2");
  await desk.answer(null);
  assert.deepEqual([desk.lost.at(-1), desk.source.closed, desk.root.nodes], [true, true, ["one"]]);
  desk.timers.pop().f();
  desk.tell("2");
  await desk.answer("2", ["two"]);
  assert.deepEqual([desk.lost.at(-1), desk.root.nodes], [false, ["two"]]);
});

test("minutes go on", () => {
  const desk = new Desk();
  desk.root.marks = [{ dataset: { since: "2026-11-24T15:00:00Z", words: "{n} min" }, textContent: "0 min" }];
  desk.queue.count();
  assert.equal(desk.root.marks[0].textContent, "7 min");
  desk.now = 0;
  desk.queue.count();
  assert.equal(desk.root.marks[0].textContent, "0 min");
});
