// Along with a visit that goes over to another server.
import assert from "node:assert/strict";
import test from "node:test";
import { chat, joined, World } from "./world.js";

test("a visit that moves is joined where it lives now, while the old link plays until the new one brings as much", async () => {
  const world = new World();
  const other = { id: "o", name: "O", role: "clinician", place: "visit", since: "", media: { microphone: true, camera: true, screen: false }, line: "",
    away: false, lead: false, signing: false, device: false, hearing: "" };
  const slots = (...mids) => ({ type: "slots", slots: mids.map((mid, i) => ({ mid, member: "o", source: ["microphone", "camera"][i] })) });
  await world.join("visit", { members: [other] });
  await world.receive(slots("2", "3"));
  const [socket, link] = [world.socket, world.link];
  await world.receive({ type: "moved" });
  const said = world.session.say("meanwhile");
  await world.open();
  assert.deepEqual([world.sockets.length, world.links.length, socket.closed, link.closed], [2, 2, null, false]);
  assert.deepEqual([world.socket.sent[0].type, world.socket.sent[0].pass], ["join", "pass-2"]);

  // There, but the other is not yet.
  await world.receive(joined("visit", { token: "token-9" }));
  assert.ok(world.link.sending, "sent on both");
  assert.deepEqual([link.closed, link.sending, world.session.room.members.size, world.linked.length], [false, true, 1, 1]);
  assert.deepEqual(world.socket.sent.length, 1);
  // The other comes, and nothing of them yet; then the sound; then the picture.
  await world.receive({ type: "member", member: other }, slots("5", "6"));
  await world.pass(200);
  world.link.arriving = new Set(["5"]);
  await world.pass(200);
  assert.deepEqual([link.closed, world.session.room.slotOf("o", "camera")], [false, "3"]);
  world.link.arriving = new Set(["5", "6"]);
  await world.pass(200);
  assert.deepEqual([link.closed, socket.closed, world.session.room.slotOf("o", "camera")], [true, "no code", "6"]);
  assert.deepEqual(world.linked, world.links);
  assert.deepEqual(world.socket.sent.filter((m) => m.type === "chat"), [{ type: "chat", id: said, text: "meanwhile", private: false }]);
  assert.deepEqual(world.states, ["joining", "in"], "nobody was told anything");
  assert.ok(world.happened.every((each) => each.what === "moved"), "nobody has left or come");
  await world.receive(chat(said, "meanwhile"));
  assert.equal(world.timers.size, 0);
  await world.cut();
  assert.deepEqual(world.socket.sent[0], { type: "resume", token: "token-9" });
});

test("whoever does not come along is not waited for longer than three seconds", async () => {
  const world = new World();
  const other = { id: "o", name: "O", role: "guest", place: "visit", since: "", media: { microphone: true, camera: false, screen: false }, line: "",
    away: false, lead: false, signing: false, device: false, hearing: "" };
  await world.join("visit", { members: [other] });
  await world.receive({ type: "slots", slots: [{ mid: "2", member: "o", source: "microphone" }] });
  const { link } = world;
  await world.receive({ type: "moved" });
  await world.open();
  await world.receive(joined("visit"));
  await world.pass(2900);
  assert.equal(link.closed, false);
  await world.pass(300);
  assert.ok(link.closed && !world.link.closed && world.link.sending);
  assert.equal(world.session.room.members.size, 0);
});

test("a move that does not succeed at once is tried again, and a move can be followed by another, or by a cut", async () => {
  const world = new World();
  await world.join();
  world.passes = [{ kind: "later", after: 0 }];
  await world.receive({ type: "moved" });
  await world.pass(400);
  assert.ok(!world.links[0].closed);
  await world.open();
  world.socket.onclose({ code: 1001 }); // the room went on meanwhile
  await world.pass(600);
  await world.open();
  await world.receive(joined("visit"));
  assert.ok(world.links[0].closed);
  await world.receive({ type: "moved" });
  await world.open();
  const { link } = world;
  world.socket.onclose({ code: 1006 }); // before it has answered
  await world.pass(600);
  await world.open();
  await world.receive(joined("visit"));
  assert.deepEqual([world.session.state, link.closed, world.link.closed], ["in", true, false]);
  assert.equal(world.links.filter((each) => !each.closed).length, 1);
});
