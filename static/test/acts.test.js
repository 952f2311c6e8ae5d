// What a person does in a visit, whatever the connection goes through.
import assert from "node:assert/strict";
import test from "node:test";
import { soon } from "../js/backoff.js";
import { chat, line, placed, resumed, World } from "./world.js";

test("nothing is sent while waiting; everything starts on admission, and stops at once when moved out", async () => {
  const world = new World();
  await world.join("waiting");
  assert.equal(world.link.sending, false);
  world.session.say("too soon");
  assert.deepEqual(world.said, ["join"]);
  await world.receive(placed("visit"));
  assert.equal(world.link.sending, true);
  assert.deepEqual(world.said, ["join", "media", "chat"]);
  world.session.setMedia({ microphone: true, camera: true, screen: true });
  world.socket.onmessage({ data: JSON.stringify(placed("waiting", { why: "private" })) });
  assert.equal(world.link.sending, false, "in the same moment");
  assert.equal(world.session.media.screen, false);
  assert.deepEqual(world.happened.map((h) => h.place), ["waiting", "visit", "waiting"]);
});

const someone = (place, since = "2026-11-24T15:00:00Z") => ({ id: "w", name: "W", role: "guest", place, since, line: "", away: false, lead: false,
  media: { microphone: false, camera: false, screen: false }, signing: false, device: false, hearing: "" });
const waits = { members: [someone("waiting")] };

test("what is asked in the moment of a cut is asked once it is over; what takes longer, or is asked later, is refused", async () => {
  const world = new World();
  await world.join("visit", waits);
  world.socket.onclose({ code: 1006 });
  world.session.admit("w");
  await world.pass(100);
  await world.open();
  await world.receive(resumed("visit", waits));
  assert.deepEqual(world.socket.sent[1], { type: "admit", member: "w" });
  await world.receive({ type: "member", member: someone("visit") });
  world.socket.onclose({ code: 1006 });
  world.session.end();
  await world.pass(3000);
  assert.deepEqual(world.refused, ["end try_later"]);
  world.session.private(true);
  world.session.remove("w");
  assert.deepEqual(world.refused.slice(1), ["private try_later", "remove try_later w"]);
  await world.open();
  await world.receive(resumed("visit"));
  assert.ok(!world.said.includes("end"));
});

test("an act that a dead websocket swallowed is done by the next one, and once only", async () => {
  for (const [members, again] of [[waits.members, true], [[someone("visit")], false], [[someone("waiting", "2026-11-24T15:09:00Z")], false], [[], false]]) {
    const world = new World();
    await world.join("visit", waits);
    world.session.admit("w");
    world.session.admit("w");
    assert.deepEqual(world.said.filter((type) => type === "admit"), ["admit"], "pressed twice");
    assert.ok(world.session.acts.busy("admit", "w") && world.session.acts.busyWith("w"));
    await world.pass(5100);
    assert.equal(world.said.at(-1), "offer", "the connection is doubted");
    await world.pass(2100);
    assert.equal(world.sockets.length, 2);
    await world.open();
    await world.receive(resumed("visit", { members }));
    assert.equal(world.said.includes("admit"), again);
    assert.equal(world.session.acts.busy("admit", "w"), again);
    await world.receive({ type: "member", member: someone("visit") });
    assert.ok(!world.session.acts.busyWith("w"));
    assert.deepEqual(world.refused, []);
  }
});

test("an act that was under way when the connection was lost for long is looked for when it is back, and told of where it was not done", async () => {
  for (const [members, refused] of [[waits.members, ["admit try_later w"]], [[someone("visit")], []]]) {
    const world = new World();
    await world.join("visit", waits);
    world.session.admit("w");
    world.socket.onclose({ code: 1006 });
    await world.pass(3000);
    assert.deepEqual(world.refused, [], "it may have been done");
    await world.open();
    await world.receive(resumed("visit", { members }));
    assert.deepEqual(world.refused, refused);
    assert.ok(!world.said.includes("admit") && !world.session.acts.busyWith("w"));
  }
});

test("each act is over when the room shows it", async () => {
  const noor = { ...someone("visit"), id: "n", role: "interpreter" };
  const doctor = { ...someone("visit"), id: "d", role: "clinician" };
  const shown = [
    [(s) => s.return("n"), { type: "member", member: { ...noor, place: "waiting" } }],
    [(s) => s.decline("w"), { type: "left", member: "w" }],
    [(s) => s.remove("n"), { type: "left", member: "n" }],
    [(s) => s.lead("d"), { type: "member", member: { ...doctor, lead: true } }],
    [(s) => s.sign("n", true), { type: "member", member: { ...noor, signing: true } }],
    [(s) => s.sign("me", true), { type: "signing", on: true }],
    [(s) => s.private(true), { type: "private", since: "2026-11-24T15:10:00Z" }],
    [(s) => s.end(), { type: "error", code: "try_later", message: "", asked: "end", about: "" }],
  ];
  for (const [act, message] of shown) {
    const world = new World();
    await world.join("visit", { members: [someone("waiting"), noor, doctor] });
    act(world.session);
    const sent = world.socket.sent.at(-1);
    assert.ok(world.session.acts.busy(sent.type, sent.member), sent.type);
    await world.receive({ type: "speaking", members: [] });
    assert.ok(world.session.acts.busy(sent.type, sent.member), sent.type);
    await world.receive(message);
    assert.ok(!world.session.acts.busy(sent.type, sent.member), sent.type);
    assert.equal(world.timers.size, 0, "nothing is left to wait for");
  }
});

test("every act has its message", async () => {
  const world = new World();
  await world.join("visit", { private: "2026-11-24T15:10:00Z" });
  const { session } = world;
  for (const act of ["admit", "decline", "return", "remove", "lead"]) session[act]("m");
  session.private(true);
  session.hearing("signal");
  session.sign("m", true);
  session.view("one");
  session.view("one");
  session.line("weak");
  session.check({ camera: "ok" });
  session.end();
  assert.deepEqual(world.socket.sent.slice(1), [
    ...["admit", "decline", "return", "remove", "lead"].map((type) => ({ type, member: "m" })),
    { type: "private", on: true },
    { type: "hearing", answer: "signal" },
    { type: "sign", member: "m", on: true },
    { type: "view", video: "one" },
    { type: "line", line: "weak" },
    { type: "check", check: { camera: "ok" } },
    { type: "end" },
  ]);
  world.session.setMedia({ microphone: true, camera: true, screen: true });
  await world.receive({ type: "media", media: { microphone: true, camera: true, screen: false } });
  assert.deepEqual([world.session.media.screen, world.switched.length], [false, 1]);
});

test("the answer to who can hear comes through whatever is cut, and belongs to one private time", async () => {
  const [one, other] = ["2026-11-24T15:10:00Z", "2026-11-24T15:20:00Z"];
  const world = new World();
  await world.join("visit", { private: one });
  const answered = () => world.socket.sent.filter((m) => m.type === "hearing").map((m) => m.answer);
  world.session.hearing("nobody"); // into a socket that may be dead already
  assert.deepEqual(answered(), ["nobody"]);
  world.socket.onclose({ code: 1006 });
  await world.pass(3000);
  world.session.hearing("signal");
  await world.open();
  await world.receive(resumed("visit", { private: one }));
  assert.deepEqual(answered(), ["signal"]);
  assert.deepEqual(world.refused, [], "the screen says nothing of it");
  await world.cut();
  await world.receive(resumed("visit", { private: other }));
  assert.deepEqual(answered(), []);
});

test("view, line and check are said again wherever the server may not know them", async () => {
  const world = new World();
  world.session.check({ camera: "ok" });
  world.session.view("none");
  await world.join("waiting");
  assert.deepEqual(world.said, ["join", "check"]);
  await world.receive(placed("visit"));
  assert.deepEqual(world.said, ["join", "check", "media", "view"]);
  world.session.line("bad");
  await world.cut();
  await world.receive(resumed("visit"));
  assert.deepEqual(world.said, ["resume", "media", "view", "line"]);
});

test("words said in a gap are sent once it closes, and once only", async () => {
  const world = new World();
  await world.join();
  const first = world.session.say("one");
  world.socket.onclose({ code: 1006 });
  const second = world.session.say("two");
  await world.pass(100);
  await world.open();
  await world.receive(resumed("visit", { chat: [line(first, "one")] }));
  assert.deepEqual(world.socket.sent.filter((m) => m.type === "chat"), [{ type: "chat", id: second, text: "two", private: false }]);
  await world.receive(chat(second, "two"));
  assert.equal(world.session.lines.words.size, 0);
});

test("words written in private time are for nobody else, however late they come", async () => {
  const world = new World();
  await world.join("visit", { private: "2026-11-24T15:10:00Z" });
  world.socket.onclose({ code: 1006 });
  const id = world.session.say("a secret");
  await world.pass(3000);
  await world.open();
  await world.receive(resumed("visit")); // private time has ended meanwhile
  const sent = () => world.socket.sent.filter((m) => m.type === "chat");
  assert.deepEqual(sent(), [{ type: "chat", id, text: "a secret", private: true }]);
  await world.receive({ type: "error", code: "private_over", message: "", asked: "chat", about: id });
  assert.equal(world.session.lines.words.get(id).state, "refused");
  assert.deepEqual(world.refused, [`chat private_over ${id}`]);
  world.session.sayAgain(id); // who sees that private time is over, and wants it said
  assert.deepEqual(sent()[1], { type: "chat", id, text: "a secret", private: false });
});

test("refusals are told with what they are about, garbage ends the visit page's part", async () => {
  const world = new World();
  await world.join();
  await world.receive({ type: "error", code: "not_found", message: "no", asked: "admit", about: "w" });
  assert.deepEqual(world.refused, ["admit not_found w"]);
  await world.receive({ type: "slots", slots: 3 });
  assert.equal(world.session.state, "broken");
});
