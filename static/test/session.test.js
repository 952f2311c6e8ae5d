// The way through a visit, with a network, timers and chance made by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { backoff, soon, urgent, urgentFor } from "../js/backoff.js";
import { chat, joined, line, placed, resumed, settle, World } from "./world.js";

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

test("what is asked in the moment of a cut is asked once it is over; what takes longer, or is asked later, is refused", async () => {
  const world = new World();
  await world.join();
  world.socket.onclose({ code: 1006 });
  world.session.admit("w");
  await world.pass(100);
  await world.open();
  await world.receive(resumed("visit"));
  assert.deepEqual(world.socket.sent[1], { type: "admit", member: "w" });
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

test("a server that is away while it holds our place is asked again soon", async () => {
  const world = new World();
  await world.join();
  await world.cut();
  world.socket.onclose({ code: 4503 });
  await world.pass(urgent(1, 0.5));
  assert.deepEqual([world.session.state, world.sockets.length], ["in", 3]);
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

test("refusals are told with what they are about, garbage ends the visit page's part", async () => {
  const world = new World();
  await world.join();
  await world.receive({ type: "error", code: "not_found", message: "no", asked: "admit", about: "w" });
  assert.deepEqual(world.refused, ["admit not_found w"]);
  await world.receive({ type: "slots", slots: 3 });
  assert.equal(world.session.state, "broken");
});

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

test("waits grow to a ceiling and are spread by chance", () => {
  for (const [wait, ceiling] of [[backoff, 4000], [soon, 1000]]) {
    for (let n = 0; n < 20; n++) {
      assert.ok(wait(n, 0) <= wait(n, 0.999) && wait(n, 0.999) <= ceiling);
      assert.ok(wait(n + 1, 0.5) >= wait(n, 0.5));
    }
  }
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
