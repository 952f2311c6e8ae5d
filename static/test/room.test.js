import assert from "node:assert/strict";
import test from "node:test";
import { Room } from "../js/room.js";
import { placed, position } from "./world.js";

const member = (id, place = "visit", more = {}) => ({
  id,
  name: `Name ${id}`,
  role: "guest",
  place,
  since: "2026-11-24T15:00:00Z",
  media: { microphone: true, camera: true, screen: false },
  line: "",
  away: false,
  lead: false,
  signing: false,
  device: false,
  hearing: "",
  ...more,
});
const joined = (place, members = [], chat = [], more = {}) => ({
  type: "joined",
  you: { id: "me", name: "Me", role: "clinician" },
  place,
  since: "2026-11-24T15:00:00Z",
  may: ["admit"],
  answer: "",
  members,
  chat,
  why: "",
  told: [],
  private: "",
  started: "",
  token: "",
  ...more,
});
const resumed = (...all) => ({ ...joined(...all), type: "resumed" });
const what = (happenings) => happenings.map((h) => [h.what, h.member?.id ?? h.line?.id ?? h.note?.id ?? h.place, h.on ?? h.me ?? h.why].filter((x) => x !== undefined).join(" "));

test("a room is what the messages said", () => {
  const room = new Room();
  const told = [];
  const apply = (message) => told.push(...room.apply(message).map((h) => h.what));
  apply(joined("visit", [member("a"), member("me"), member("w", "waiting")]));
  assert.deepEqual(room.others.map((m) => m.id), ["a"]);
  assert.deepEqual(room.waiting.map((m) => m.id), ["w"]);
  apply({ type: "member", member: member("w") });
  assert.deepEqual(room.others.map((m) => m.id), ["a", "w"]);
  apply({ type: "member", member: member("w", "visit", { media: { microphone: false, camera: true, screen: false } }) });
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
  room.apply({ type: "place", place: "waiting", since: "2026-11-24T15:01:00Z", may: [], members: [], chat: [], why: "private", told: [], private: "", started: "" });
  assert.equal(room.why, "private");
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

test("a resumed connection leaves slots alone and tells what happened meanwhile", () => {
  const room = new Room();
  const line = (id) => ({ id, from: { id: "a", name: "A" }, text: "hello", at: "2026-11-24T15:00:00Z" });
  room.apply(joined("visit", [member("a"), member("b")], [line("1")]));
  room.apply({ type: "slots", slots: [{ mid: "2", member: "a", source: "camera" }] });
  const now = [member("a", "visit", { away: true }), member("c"), member("w", "waiting")];
  const happened = room.apply(resumed("visit", now, [line("1"), line("2")], { private: "2026-11-24T15:02:00Z" }));
  assert.deepEqual(what(happened), ["private true", "left b", "away a", "came c", "waits w", "said 2"]);
  assert.equal(room.slots.size, 1);
  assert.deepEqual(what(room.apply(resumed("waiting", [], [], { why: "private" }))), ["moved waiting private"]);
  assert.equal(room.slots.size, 0);
});

test("those who listen are told of private time, leaders, signing, screens, and lost connections", () => {
  const room = new Room();
  room.apply(joined("visit", [member("c", "visit", { role: "clinician" }), member("i", "visit", { role: "interpreter" })]));
  assert.equal(room.leader, "me");
  const told = [
    { type: "private", since: "2026-11-24T15:02:00Z" },
    { type: "private", since: "2026-11-24T15:02:00Z" },
    { type: "private", since: "" },
    { type: "member", member: member("c", "visit", { role: "clinician", lead: true }) },
    { type: "member", member: member("c", "visit", { role: "clinician" }) },
    { type: "member", member: member("i", "visit", { signing: true }) },
    { type: "member", member: member("i", "visit", { signing: true, away: true }) },
    { type: "member", member: member("i", "visit", { media: { microphone: true, camera: true, screen: true } }) },
    { type: "member", member: member("p", "visit", { hearing: "signal" }) },
    { type: "member", member: member("p", "visit", { hearing: "nobody" }) },
    { type: "told", id: "n", member: "w", text: "Soon", ready: "", at: "2026-11-24T15:00:00Z" },
  ].flatMap((message) => what(room.apply(message)));
  assert.deepEqual(told, [
    "private true",
    "private false",
    "lead c false",
    "lead me true",
    "signing i true",
    "away i",
    "back i",
    "signing i false",
    "shares i true",
    "came p",
    "hearing p",
    "delivered n",
  ]);
  assert.deepEqual([room.sharer?.id, room.told.length], ["i", 0]);
});

test("who waits is told words once", () => {
  const room = new Room();
  const note = { id: "n", text: "Soon", at: "2026-11-24T15:00:00Z" };
  room.apply(joined("waiting", [], [], { told: [note] }));
  assert.deepEqual(what(room.apply({ type: "told", member: "me", ...note })), []);
  assert.deepEqual(what(room.apply({ type: "told", member: "me", ...note, id: "m" })), ["told m"]);
  assert.deepEqual(room.told.map((each) => each.id), ["n", "m"]);
});

test("the visit has started when the first who had to be admitted comes in", () => {
  const room = new Room();
  room.apply(joined("visit"));
  room.apply({ type: "member", member: member("c", "visit", { role: "clinician" }) });
  room.apply({ type: "member", member: member("p", "waiting") });
  assert.equal(room.started, "");
  room.apply({ type: "member", member: member("p", "visit", { since: "2026-11-24T15:03:00Z" }) });
  assert.equal(room.started, "2026-11-24T15:03:00Z");
});

test("somebody whose connection is lost is not expected to send", () => {
  const room = new Room();
  room.apply(joined("visit", [member("a", "visit", { media: { microphone: false, camera: false, screen: true } })]));
  room.apply({ type: "slots", slots: [{ mid: "2", member: "a", source: "screen_audio" }] });
  assert.equal(room.expectsMedia, true);
  room.apply({ type: "member", member: member("a", "visit", { away: true }) });
  assert.equal(room.expectsMedia, false);
});

test("an interpreter knows whether they sign, whoever said so", () => {
  const room = new Room();
  const here = { ...position("visit"), signing: true };
  room.apply({ type: "joined", you: { id: "me", name: "Me", role: "interpreter" }, token: "t", answer: "a", ...here });
  assert.equal(room.signing, true);
  room.apply({ type: "signing", on: false });
  assert.equal(room.signing, false);
  room.apply({ type: "signing", on: true });
  room.apply(placed("waiting", { why: "returned" }));
  assert.equal(room.signing, false);
});
