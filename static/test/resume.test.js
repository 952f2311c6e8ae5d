// Back to a visit when something was lost, with a network, timers and chance made by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { urgent, urgentFor } from "../js/backoff.js";
import { joined, resumed, settle, World } from "./world.js";

const answer = { type: "answer", answer: "answer-2" };

test("a websocket that is lost is taken up, and nothing else is", async () => {
  const world = new World();
  await world.join();
  const { link } = world;
  world.session.setMedia({ microphone: false, camera: true, screen: false });
  await world.cut();
  assert.deepEqual(world.socket.sent, [{ type: "resume", token: "token-1" }]);
  await world.receive(resumed("visit"), { type: "slots", slots: [] }, { type: "speaking", members: [] });
  assert.deepEqual(world.states, ["joining", "in"], "too short to be worth a word");
  assert.deepEqual(world.socket.sent[1], { type: "media", media: { microphone: false, camera: true, screen: false } });
  assert.equal(world.links.length, 1);
  assert.ok(!link.closed && link.sending);
  assert.equal(world.timers.size, 0);
  await world.cut();
  assert.equal(world.socket.sent[0].token, "token-2", "each word is used once");
});

test("a websocket that stays lost is told of after a second and a half, with the room as it was", async () => {
  const world = new World();
  await world.join();
  await world.receive({ type: "speaking", members: ["me"] });
  world.socket.onclose({ code: 1006 });
  await world.pass(1400);
  assert.deepEqual([world.session.state, world.session.room.speaking.length], ["in", 1]);
  await world.pass(200);
  assert.deepEqual([world.session.state, world.session.room.speaking.length], ["reconnecting", 0]);
  assert.equal(world.now - world.session.lostAt, 1600);
  await world.open();
  await world.receive(resumed("visit"));
  assert.deepEqual(world.states, ["joining", "in", "reconnecting", "in"]);
  assert.equal(world.session.lostAt, 0);
});

test("sockets that do not open are followed by others, one or two seconds apart, until the place is held no more", async () => {
  const world = new World();
  await world.join();
  world.socket.onclose({ code: 1006 });
  await world.pass(44_000);
  const tries = world.sockets.length - 1;
  assert.ok(tries >= 15, `${tries} tries`);
  for (const socket of world.sockets.slice(1, -1)) assert.equal(socket.closed, "no code", "one that does not open keeps others from opening");
  assert.equal(world.links.length, 1);
  assert.ok(!world.link.closed);
  await world.pass(10_000);
  assert.equal(world.links.length, 2, "everything is built anew");
  assert.ok(!world.links[0].closed, "the old link plays until the new one is in");
  await world.open();
  assert.equal(world.socket.sent[0].type, "join");
  await world.receive(joined("visit"));
  assert.ok(world.links[0].closed && !world.links[1].closed);
  assert.deepEqual(world.linked, world.links);
});

test("on a slow line sockets are given the time they took before", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  await settle();
  await world.pass(900);
  await world.open();
  await world.receive(joined("visit"));
  world.socket.onclose({ code: 1006 });
  await world.pass(4000);
  assert.equal(world.sockets.length, 2);
  await world.pass(1000);
  assert.equal(world.sockets.length, 3);
});

test("a websocket that does not answer is given up, and closed only when another has taken its place", async () => {
  const world = new World();
  await world.join();
  const { socket, link } = world;
  link.events.silent();
  await settle();
  assert.deepEqual([world.session.state, socket.sent.at(-1).type, link.offers.at(-1)], ["reconnecting", "offer", "restart 3"]);
  await world.pass(2100);
  assert.equal(world.sockets.length, 2);
  assert.equal(socket.closed, null, "a close frame would end our place");
  await world.open();
  await world.receive(resumed("visit"));
  assert.notEqual(socket.closed, null);
  assert.deepEqual([world.said, link.offers.length], [["resume", "media", "offer"], 3]);
  assert.equal(link.offers.at(-1), "restart 3", "still silent: new ways through the network are asked for at once");
});

test("while nothing arrives ICE is restarted every three seconds, until something does", async () => {
  const world = new World();
  await world.join();
  const { link } = world;
  link.events.silent();
  for (let i = 0; i < 4; i++) {
    await world.pass(100);
    await world.receive(answer);
    await world.pass(2900);
  }
  await world.receive(answer);
  assert.equal(link.offers.filter((offer) => offer.startsWith("restart")).length, 5);
  link.events.alive();
  await world.pass(10_000);
  assert.equal(link.offers.length, 6);
  assert.deepEqual(world.states, ["joining", "in", "reconnecting", "in"]);
  assert.deepEqual([world.sockets.length, world.links.length, world.timers.size], [1, 1, 0]);
});

test("silence that outlasts the place, or a link that is no good, is mended by joining anew", async () => {
  for (const lose of [
    async (world) => {
      world.link.events.silent();
      for (let i = 0; i < 45; i++) {
        await world.receive(answer);
        await world.pass(1000);
      }
    },
    async (world) => world.link.events.dead(),
    async (world) => {
      await world.cut();
      world.socket.onclose({ code: 4404 });
    },
  ]) {
    const world = new World();
    await world.join();
    await lose(world);
    await world.pass(200);
    await world.open();
    assert.deepEqual([world.socket.sent[0].type, world.socket.sent[0].pass], ["join", "pass-2"]);
    await world.receive(joined("visit"));
    assert.equal(world.session.state, "in");
    assert.ok(world.links[0].closed);
    world.links[0].events.dead();
    assert.equal(world.session.state, "in", "what the old link says no longer counts");
  }
});

test("a network that changes is tried at once: by a restart, or by another socket", async () => {
  const world = new World();
  await world.join();
  world.session.networkChanged();
  await world.receive(answer);
  assert.deepEqual([world.link.offers.at(-1), world.session.state], ["restart 3", "in"]);
  world.socket.onclose({ code: 1006 });
  await world.pass(300);
  const tried = world.sockets.length;
  world.session.networkChanged();
  assert.equal(world.sockets.length, tried + 1);
  await world.open();
  await world.receive(resumed("visit"));
  assert.equal(world.session.state, "in");
});

test("a page that was hidden for long asks whether its socket still lives", async () => {
  const world = new World();
  await world.join();
  world.session.shown(5000);
  await settle();
  assert.equal(world.link.offers.length, 1);
  world.session.shown(60_000);
  await world.pass(2100);
  assert.deepEqual([world.link.offers.at(-1), world.sockets.length], ["offer 3", 2]);
});

test("an offer whose answer was lost with the websocket is made anew", async () => {
  const world = new World();
  await world.join();
  await world.receive({ type: "need", audio: 5, video: 5 });
  await world.cut();
  await world.receive(resumed("visit"));
  assert.deepEqual(world.link.offers, ["offer 3", "offer 5", "offer 5"]);
  await world.receive(answer);
  assert.deepEqual(world.link.answers, ["answer-1", "answer-2"]);
});

test("tries to join go on, often at first, then further and further apart, until the server is back", async () => {
  const world = new World();
  await world.join("visit", { token: "" });
  const enough = 60;
  world.passes = Array.from({ length: enough }, () => ({ kind: "later", after: 0 }));
  world.socket.onclose({ code: 1001 });
  await world.pass(urgent(0, 0.5));
  assert.equal(world.passes.length, enough - 1, "at once");
  await world.pass(urgentFor);
  const often = enough - world.passes.length;
  assert.ok(often >= 20 && often <= 40, `${often} tries in ten seconds`);
  await world.pass(10_000);
  assert.ok(enough - world.passes.length - often <= 4, `${enough - world.passes.length - often} tries in the ten seconds after`);
  world.passes = [];
  await world.pass(4000);
  await world.open();
  await world.receive(joined("visit"));
  assert.equal(world.session.attempt, 0);
});

test("a server that is away while it holds our place is asked again soon", async () => {
  const world = new World();
  await world.join();
  await world.cut();
  world.socket.onclose({ code: 4503 });
  await world.pass(urgent(1, 0.5));
  assert.deepEqual([world.session.state, world.sockets.length], ["in", 3]);
});

const opened = (id) => ({ urls: [`turns:visits.example.org:443?transport=tcp`], username: id, credential: `secret ${id}` });

test("what opens the relays is fetched anew in time, and a link that goes by one finds its way again", async () => {
  const world = new World();
  world.passes.push({ kind: "pass", pass: "pass-1", slots: { audio: 3, video: 3 }, relays: [opened("a")] });
  await world.join();
  assert.deepEqual(world.link.relays, [opened("a")]);
  world.relays.push([opened("b")]);
  await world.pass(7 * 60_000);
  assert.deepEqual(world.link.relays, [opened("b")], "ready for when another way must be found");
  assert.deepEqual(world.link.offers, ["offer 3"], "a link that goes another way is left alone");
  world.link.relayed = true;
  await world.pass(7 * 60_000 + 19_000); // that try finds no server
  assert.deepEqual(world.link.relays, [opened("b")]);
  world.relays.push([opened("c")]);
  await world.pass(2000);
  assert.deepEqual(world.link.relays, [opened("c")]);
  assert.deepEqual(world.link.offers, ["offer 3", "restart 3"]);
  assert.equal(world.said.at(-1), "offer");
  await world.receive(answer);
  world.session.leave();
  assert.equal(world.timers.size, 0, "nothing is left to wait for");
});
