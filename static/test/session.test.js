// Into a visit and out of it, with a network, timers and chance made by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { backoff, soon } from "../js/backoff.js";
import { joined, settle, World } from "./world.js";

const answer = { type: "answer", answer: "answer-2" };

test("joining: pass, offer and media go out in the first frame", async () => {
  const world = new World();
  await world.join();
  assert.deepEqual(world.socket.sent[0], {
    type: "join",
    pass: "pass-1",
    offer: "offer-1",
    sources: { 0: "microphone" },
    media: { microphone: true, camera: true, screen: false },
  });
  assert.deepEqual(world.link.answers, ["answer-1"]);
  assert.deepEqual(world.states, ["joining", "in"]);
  assert.equal(world.timers.size, 0, "nothing is left to wait for");
});

test("one offer at a time: a need that comes early waits for the answer", async () => {
  const world = new World();
  world.session.start({ microphone: false, camera: false });
  await world.open();
  await world.receive(joined("visit"), { type: "need", audio: 5, video: 5 }, { type: "need", audio: 6, video: 6 });
  assert.deepEqual(world.link.offers.slice(1), ["offer 6"]);
  await world.receive({ type: "need", audio: 7, video: 7 });
  assert.equal(world.link.offers.length, 2);
  await world.receive(answer);
  assert.deepEqual(world.link.offers.slice(2), ["offer 7"]);
  assert.deepEqual(world.link.answers, ["answer-1", "answer-2"]);
});

test("a wait the server asked for is kept, and can be cut short", async () => {
  const world = new World();
  world.passes = [{ kind: "later", after: 30_000 }];
  world.session.start({ microphone: true, camera: true });
  await world.pass(29_000);
  assert.equal(world.sockets.length, 0);
  world.session.hurry();
  await world.open();
  await world.receive(joined("visit"));
  assert.equal(world.session.state, "in");
  world.session.hurry();
  await settle();
  assert.equal(world.sockets.length, 1, "nothing to hurry once in");
});

test("a join without an answer is given up", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  await world.open();
  await world.pass(12_200);
  assert.equal(world.session.state, "joining");
  assert.ok(world.links[0].closed);
  assert.equal(world.links.length, 2);
});

test("the ends are final", async () => {
  const ends = { 4409: "replaced", 4410: "ended", 4411: "revoked", 4412: "declined", 4400: "broken", 1009: "broken", 1000: "left" };
  for (const [code, state] of Object.entries(ends)) {
    const world = new World();
    await world.join();
    world.socket.onclose({ code: Number(code) });
    assert.equal(world.session.state, state);
    assert.ok(world.link.closed);
    assert.equal(world.timers.size, 0);
  }
  const replies = { over: "ended", revoked: "revoked", gone: "gone", too_early: "gone", consent_needed: "consent_needed" };
  for (const [kind, state] of Object.entries(replies)) {
    const world = new World();
    world.passes = [{ kind }];
    world.session.start({ microphone: true, camera: true });
    await settle();
    assert.equal(world.session.state, state);
  }
});

test("a full room is knocked at again", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  await world.open();
  world.socket.onclose({ code: 4503 });
  assert.equal(world.session.state, "busy");
  await world.pass(5000);
  assert.equal(world.sockets.length, 1);
  await world.pass(5000);
  assert.equal(world.session.state, "busy");
  await world.open();
  await world.receive(joined("waiting"));
  assert.equal(world.session.state, "in");
});

test("a link that waits on too many devices knocks again, and says why", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  await world.open();
  world.socket.onclose({ code: 4413 });
  assert.equal(world.session.state, "crowded");
  await world.pass(10_000);
  assert.equal(world.session.state, "crowded");
  await world.open();
  await world.receive(joined("waiting"));
  assert.equal(world.session.state, "in");
});

test("passes that are refused again and again end it", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  for (let i = 0; i < 3; i++) {
    await world.open();
    world.socket.onclose({ code: 4401 });
    await world.pass(backoff(i, 0.5));
  }
  await world.open();
  world.socket.onclose({ code: 4401 });
  assert.equal(world.session.state, "broken");
});

test("leaving says bye and lets go", async () => {
  const world = new World();
  await world.join();
  world.session.leave();
  assert.deepEqual(world.socket.sent.at(-1), { type: "bye" });
  assert.ok(world.socket.closed === 1000 && world.link.closed);
  assert.equal(world.session.state, "left");
});

test("leaving while a pass is fetched opens nothing", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  world.session.leave();
  await settle();
  assert.equal(world.sockets.length, 0);
});

test("waits grow to a ceiling and are spread by chance", () => {
  for (const [wait, ceiling] of [[backoff, 4000], [soon, 1000]]) {
    for (let n = 0; n < 20; n++) {
      assert.ok(wait(n, 0) <= wait(n, 0.999) && wait(n, 0.999) <= ceiling);
      assert.ok(wait(n + 1, 0.5) >= wait(n, 0.5));
    }
  }
});
