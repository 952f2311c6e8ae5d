import assert from "node:assert/strict";
import test from "node:test";
import { Room } from "../js/room.js";

const member = (id, place = "visit", more = {}) => ({
  id,
  name: `Name ${id}`,
  role: "guest",
  place,
  since: "2026-11-24T15:00:00Z",
  media: { microphone: true, camera: true },
  ...more,
});
const joined = (place, members = [], chat = []) => ({
  type: "joined",
  you: { id: "me", name: "Me", role: "clinician" },
  place,
  since: "2026-11-24T15:00:00Z",
  may: ["admit"],
  answer: "",
  members,
  chat,
});

test("a room is what the messages said", () => {
  const room = new Room();
  const told = [];
  const apply = (message) => told.push(...room.apply(message).map((h) => h.what));
  apply(joined("visit", [member("a"), member("me"), member("w", "waiting")]));
  assert.deepEqual(room.others.map((m) => m.id), ["a"]);
  assert.deepEqual(room.waiting.map((m) => m.id), ["w"]);
  apply({ type: "member", member: member("w") });
  assert.deepEqual(room.others.map((m) => m.id), ["a", "w"]);
  apply({ type: "member", member: member("w", "visit", { media: { microphone: false, camera: true } }) });
  apply({ type: "member", member: member("me") });
  apply({ type: "speaking", members: ["w", "a"] });
  apply({ type: "left", member: "w" });
  apply({ type: "left", member: "nobody" });
  assert.deepEqual(room.speaking, ["a"]);
  assert.deepEqual(told, ["moved", "came", "left"]);
});

test("who waits longest stands first", () => {
  const room = new Room();
  room.apply(joined("visit", [member("late", "waiting", { since: "2026-11-24T15:09:00Z" }), member("early", "waiting")]));
  assert.deepEqual(room.waiting.map((m) => m.id), ["early", "late"]);
});

test("back in the waiting room nothing of the visit is kept", () => {
  const room = new Room();
  room.apply(joined("visit", [member("a")], [{ id: "1", from: { id: "a", name: "A" }, text: "hello", at: "2026-11-24T15:00:00Z" }]));
  room.apply({ type: "slots", slots: [{ mid: "2", member: "a", source: "camera" }] });
  room.apply({ type: "place", place: "waiting", since: "2026-11-24T15:01:00Z", may: [], members: [], chat: [] });
  assert.equal(room.members.size + room.slots.size + room.chat.length + room.may.size, 0);
});

test("media is expected only where a slot shows somebody who sends", () => {
  const room = new Room();
  room.apply(joined("visit", [member("a", "visit", { media: { microphone: false, camera: true } })]));
  assert.equal(room.expectsMedia, false);
  room.apply({ type: "slots", slots: [{ mid: "2", member: "a", source: "microphone" }] });
  assert.equal(room.expectsMedia, false);
  room.apply({ type: "slots", slots: [{ mid: "3", member: "a", source: "camera" }] });
  assert.equal(room.expectsMedia, true);
  assert.equal(room.slotOf("a", "camera"), "3");
  assert.equal(room.slotOf("a", "microphone"), undefined);
});

test("a line that comes twice is one line", () => {
  const room = new Room();
  room.apply(joined("visit"));
  const line = { type: "chat", id: "1", from: { id: "a", name: "A" }, text: "hello", at: "2026-11-24T15:00:00Z" };
  assert.equal(room.apply(line).length, 1);
  assert.equal(room.apply(line).length, 0);
  assert.equal(room.apply({ ...line, from: { id: "b", name: "B" } }).length, 1);
});

test("while the connection is lost nobody speaks and no slot shows anybody", () => {
  const room = new Room();
  room.apply(joined("visit", [member("a")]));
  room.apply({ type: "slots", slots: [{ mid: "2", member: "a", source: "camera" }] });
  room.apply({ type: "speaking", members: ["a", "me"] });
  room.disconnect();
  assert.deepEqual([room.speaking, room.slots.size, room.others.length], [[], 0, 1]);
});
