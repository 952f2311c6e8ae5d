// Files on their way, while the network and the server do what they do.
import assert from "node:assert/strict";
import test from "node:test";
import { Sender } from "../js/sending.js";

/** A page that sends, with a clock that is turned by hand, and transfers whose fate the test decides. */
function page() {
  const timers = [];
  const transfers = [];
  const seen = [];
  const sender = new Sender({
    later: (call, ms) => timers.push({ call, ms }) && timers.at(-1),
    forget: (timer) => timers.includes(timer) && timers.splice(timers.indexOf(timer), 1),
    random: () => 1,
    transfer: (file, heard) => {
      const transfer = { file, heard, starts: 0, stopped: false, start: () => transfer.starts++, stop: () => (transfer.stopped = true) };
      transfers.push(transfer);
      return transfer;
    },
    changed: ({ file, stage, why, sent }) => seen.push([file.name, stage, why || sent]),
  }, { most: 1000, types: ["application/pdf", "text/plain"] });
  /** What waits is done, but for the watch over silence, which is `silent`. */
  const pass = () => timers.filter(({ ms }) => ms < 30_000).map((timer) => (timers.splice(timers.indexOf(timer), 1), timer.call(), timer.ms));
  const silent = () => timers.splice(timers.findIndex(({ ms }) => ms === 30_000), 1)[0].call();
  return { sender, timers, transfers, seen, pass, silent };
}
const pdf = (name, size = 100) => ({ name, size, type: "application/pdf" });

test("files are sent one after the other", () => {
  const { sender, transfers, seen } = page();
  const [first, second] = [sender.add(pdf("one")), sender.add(pdf("two"))];
  sender.go();
  sender.go(); // while one is on its way
  assert.equal(transfers.length, 1);
  assert.equal(transfers[0].starts, 1);
  transfers[0].heard.made("id1");
  transfers[0].heard.progress(50);
  assert.deepEqual([first.id, first.sent, second.stage], ["id1", 50, "queued"]);
  transfers[0].heard.done();
  assert.deepEqual([first.stage, second.stage, transfers.length], ["sent", "sending", 2]);
  transfers[1].heard.done();
  assert.equal(sender.busy, false);
  assert.deepEqual(seen.at(-1), ["two", "sent", 0]);
});

test("what was cut goes on by itself where it was, sooner or later", () => {
  const { sender, transfers, seen, pass } = page();
  const file = sender.add(pdf("one"));
  sender.go();
  transfers[0].heard.progress(40);
  const waits = [];
  for (const status of [0, 409, 423]) {
    transfers[0].heard.failed(status, "");
    assert.equal(file.stage, "waiting");
    waits.push(...pass());
    assert.equal(file.stage, "waiting", "nothing is on its way before the server answers");
  }
  assert.equal(transfers.length, 1, "it is the same transfer");
  assert.equal(transfers[0].starts, 4);
  assert.deepEqual(waits, [150, 500, 1000]);
  transfers[0].heard.progress(40);
  assert.deepEqual(seen.at(-1), ["one", "sending", 40]);
  transfers[0].heard.progress(70);
  transfers[0].heard.failed(0, "");
  assert.deepEqual(pass(), [150], "what got on is tried again soon");
});

test("a server that can't take a file just now is not called a lost connection, and is tried again", () => {
  for (const status of [429, 500, 502, 503]) {
    const { sender, transfers, pass } = page();
    const file = sender.add(pdf("one"));
    sender.go();
    transfers[0].heard.failed(status, "");
    assert.equal(file.stage, "away");
    pass();
    transfers[0].heard.progress(40);
    assert.equal(file.stage, "sending");
  }
});

test("a connection that is back is used at once, and once", () => {
  const { sender, transfers, timers } = page();
  sender.add(pdf("one"));
  sender.go();
  transfers[0].heard.failed(0, "");
  sender.go();
  sender.go();
  assert.equal(transfers[0].starts, 2);
  assert.deepEqual(timers.map(({ ms }) => ms), [30_000], "only the watch over silence");
});

test("a network that is gone without a word is noticed", () => {
  const { sender, timers, transfers, pass, silent } = page();
  const file = sender.add(pdf("one"));
  sender.go();
  transfers[0].heard.progress(40);
  assert.equal(timers.length, 1);
  silent();
  assert.deepEqual([file.stage, transfers[0].stopped], ["waiting", true]);
  pass();
  transfers[0].heard.done();
  assert.deepEqual([file.stage, timers.length], ["sent", 0]);
});

test("who has to sign in first is told, and it goes on then", () => {
  for (const status of [401, 403, 200]) {
    const { sender, transfers, pass } = page();
    const file = sender.add(pdf("one"));
    sender.go();
    transfers[0].heard.failed(status, "");
    assert.equal(file.stage, "out");
    pass();
    transfers[0].heard.done();
    assert.equal(file.stage, "sent");
  }
});

test("what the server will not have ends, and the next is sent", () => {
  for (const [status, code, why] of [[413, "too_large", "large"], [422, "too_many", "full"], [422, "not_valid", "gone"], [404, "not_found", "gone"], [410, "", "gone"]]) {
    const { sender, transfers } = page();
    const [first, second] = [sender.add(pdf("one")), sender.add(pdf("two"))];
    sender.go();
    transfers[0].heard.failed(status, code);
    assert.deepEqual([first.stage, first.why, second.stage], ["refused", why, "sending"]);
  }
});

test("what can be told before is not sent at all", () => {
  const { sender } = page();
  assert.equal(sender.add(pdf("none", 0)).why, "empty");
  assert.equal(sender.add(pdf("long", 1001)).why, "large");
  assert.equal(sender.add({ name: "letter", size: 10, type: "application/msword" }).why, "type");
  assert.equal(sender.busy, false);
  assert.equal(sender.add({ name: "unknown", size: 10, type: "" }).stage, "queued");
});

test("a file that is removed is sent no more, and the next goes on", () => {
  const { sender, transfers, pass } = page();
  const [first, second, third] = [sender.add(pdf("one")), sender.add(pdf("two")), sender.add(pdf("three"))];
  sender.go();
  sender.stop(second);
  sender.stop(first);
  assert.deepEqual([transfers[0].stopped, third.stage, transfers.length], [true, "sending", 2]);
  transfers[0].heard.failed(0, ""); // as what was stopped may still say
  assert.deepEqual([transfers[0].starts, pass()], [1, []]);
  transfers[1].heard.failed(0, "");
  sender.stop(third);
  assert.deepEqual([sender.busy, pass()], [false, []]);
});
