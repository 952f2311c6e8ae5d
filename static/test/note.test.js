// A note as it is typed, while the network and the server do what they do.
import assert from "node:assert/strict";
import test from "node:test";
import { Note } from "../js/note.js";

/** A clinician's page with a clock that is turned by hand, and a server that answers when it is told to. */
function desk() {
  let now = 1_000_000;
  let ids = 0;
  const timers = [];
  const sent = [];
  const states = [];
  const note = new Note({
    later: (call, ms) => timers.push({ call, at: now + ms }) && timers.at(-1),
    forget: (timer) => timers.includes(timer) && timers.splice(timers.indexOf(timer), 1),
    now: () => now,
    random: () => 0,
    newID: () => `key${++ids}`,
    save: (write) => new Promise((answer) => sent.push({ ...write, answer })),
    changed: () => states.at(-1) !== note.state && states.push(note.state),
  });
  note.open({ revision: 0, text: "", at: "", signed: false });
  const pass = (ms) => {
    now += ms;
    for (const timer of timers.filter(({ at }) => at <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.call();
    }
  };
  const answer = async (reply) => {
    sent.at(-1).answer(reply);
    await new Promise((resume) => setImmediate(resume));
  };
  return { note, pass, answer, sent, states };
}
const saved = (revision) => ({ kind: "saved", revision, at: "2026-11-24T10:42:00Z" });
const writes = (sent) => sent.map(({ key, base, text }) => [key, base, text]);

test("a note is saved half a second after the last key", async () => {
  const { note, pass, answer, sent } = desk();
  note.type("H");
  pass(400);
  note.type("Hello");
  pass(499);
  assert.equal(sent.length, 0);
  assert.equal(note.state, "typing");
  pass(1);
  assert.deepEqual(writes(sent), [["key1", 0, "Hello"]]);
  assert.equal(note.safe, false);
  await answer(saved(1));
  assert.equal(note.state, "saved");
  assert.equal(note.safe, true);
  assert.equal(note.revision, 1);
});

test("who never pauses has their words saved all the same", () => {
  const { note, pass, sent } = desk();
  for (let i = 1; i <= 10; i++) {
    note.type("x".repeat(i));
    pass(300);
  }
  assert.deepEqual(writes(sent), [["key1", 0, "x".repeat(10)]]);
});

test("what nobody answered is sent again as it was, and then what was typed since", async () => {
  const { note, pass, answer, sent } = desk();
  note.type("one");
  pass(500);
  await answer({ kind: "later" });
  assert.equal(note.state, "waiting");
  note.type("one two");
  pass(5000);
  await answer(saved(1));
  pass(500);
  await answer(saved(2));
  assert.deepEqual(writes(sent), [["key1", 0, "one"], ["key1", 0, "one"], ["key2", 1, "one two"]]);
  assert.equal(note.safe, true);
});

test("a connection that is back is used at once", async () => {
  const { note, pass, answer, sent } = desk();
  note.type("one");
  pass(500);
  await answer({ kind: "later" });
  note.flush();
  assert.equal(sent.length, 2);
  note.flush(); // while it is on its way
  assert.equal(sent.length, 2);
});

test("two devices lose nothing", async () => {
  const { note, pass, answer, sent } = desk();
  note.type("mine");
  pass(500);
  await answer({ kind: "changed", note: { revision: 4, text: "theirs", at: "2026-11-24T10:42:00Z", signed: false } });
  assert.equal(note.state, "changed");
  assert.equal(note.other, "theirs");
  note.type("mine and more");
  pass(10_000);
  assert.equal(sent.length, 1, "nothing is sent over what the other device wrote");
  assert.equal(note.join(), "mine and more\n\ntheirs");
  assert.deepEqual(writes(sent).at(-1), ["key2", 4, "mine and more\n\ntheirs"]);
  await answer(saved(5));
  assert.equal(note.state, "saved");
});

test("the same text from two devices is no trouble", async () => {
  const { note, pass, answer } = desk();
  note.type("same");
  pass(500);
  await answer({ kind: "changed", note: { revision: 2, text: "same", at: "", signed: false } });
  assert.equal(note.state, "saved");
  assert.equal(note.safe, true);
});

test("what can't be saved is said, and another text is tried", async () => {
  const { note, pass, answer, sent } = desk();
  note.type("too long");
  pass(500);
  await answer({ kind: "refused" });
  assert.equal(note.state, "refused");
  assert.equal(note.safe, false);
  note.type("short");
  pass(500);
  assert.deepEqual(writes(sent).at(-1), ["key2", 0, "short"]);
});

test("a signed note takes nothing", () => {
  const { note, pass, sent } = desk();
  note.open({ revision: 3, text: "done", at: "2026-11-24T10:42:00Z", signed: true });
  note.type("more");
  pass(10_000);
  assert.equal(sent.length, 0);
  assert.equal(note.text, "done");
});
