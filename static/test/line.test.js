// How a line is judged, from tables of counters a second apart.
import assert from "node:assert/strict";
import test from "node:test";
import { cameraEncoding } from "../js/encodings.js";
import { Arrivals, Silence, silentLimit } from "../js/health.js";
import { Line, sampleOf } from "../js/line.js";

const good = { rtt: 40, lossOut: 0, room: 1_500_000, pinched: false };

/** Plays seconds of a line: each `{for: seconds, …what it is like}`; others' slots are a and b, two lines each. Gives the words in a row. */
function play(line, scenes, others = [other("a"), other("b")]) {
  const counts = play.counts.get(line) ?? new Map(["a0", "a1", "b0", "b1"].map((mid) => [mid, { kind: mid.endsWith("0") ? "audio" : "video", packets: 0, lost: 0, again: 0, bytes: 0, jitter: 2, freezes: 0, frames: 0 }]));
  play.counts.set(line, counts);
  const words = [];
  for (const scene of scenes) {
    for (let i = 0; i < scene.for; i++) {
      for (const [mid, count] of counts) {
        const loss = scene.loss?.[mid[0]] ?? 0;
        count.packets += 50 * (1 - loss);
        count.lost += 50 * loss;
        count.jitter = scene.jitter ?? 2;
        if (count.kind === "video") {
          count.frames += scene.stopped?.includes(mid[0]) ? 0 : 25;
          count.freezes += scene.freezes?.includes(mid[0]) ? 1 : 0;
        }
      }
      play.now += 1000;
      const { rtt, lossOut, room, pinched } = { ...good, ...scene };
      counts.sent = (counts.sent ?? 0) + 70;
      counts.missing = (counts.missing ?? 0) + 70 * lossOut;
      const slots = new Map([...counts].map(([mid, count]) => [mid, { ...count }]));
      line.take({ at: play.now, rtt, sent: counts.sent, lost: counts.missing, room, pinched, slots }, scene.others ?? others, scene.silent ?? false);
      if (line.mine && words.findLast((word) => word !== "proposes") !== line.mine) words.push(line.mine);
      if (line.proposes(play.now)) words.push("proposes");
    }
  }
  return words;
}
play.now = 1_000_000;
play.counts = new WeakMap();

const other = (id, more) => ({ id, mids: [`${id}0`, `${id}1`], moving: true, line: "good", away: false, ...more });

test("my line is judged by delay, loss and room, with patience", () => {
  const cases = [
    ["nothing is wrong", [{ for: 20 }], ["good"]],
    ["one bad second is no news", [{ for: 8 }, { for: 1, rtt: 2000 }, { for: 8 }], ["good"]],
    ["what I send is lost", [{ for: 8 }, { for: 5, lossOut: 0.25 }], ["good", "bad"]],
    ["what I send is lost a little", [{ for: 8 }, { for: 5, lossOut: 0.07 }], ["good", "weak"]],
    ["what I receive is lost, from everybody", [{ for: 8 }, { for: 8, loss: { a: 0.08, b: 0.1 } }], ["good", "weak"]],
    ["what I receive is lost, from one", [{ for: 8 }, { for: 8, loss: { a: 0.3 } }], ["good"]],
    ["delay", [{ for: 8 }, { for: 6, rtt: 700 }], ["good", "weak"]],
    ["much delay", [{ for: 8 }, { for: 6, rtt: 3000 }], ["good", "bad"]],
    ["delay that differs from packet to packet", [{ for: 8 }, { for: 8, jitter: 150 }], ["good", "weak"]],
    ["my picture is small because of my line", [{ for: 8 }, { for: 14, room: 60_000, pinched: true }], ["good", "bad", "proposes"]],
    ["the browser's first guess is low", [{ for: 6, room: 90_000, pinched: true }, { for: 8 }], ["good"]],
    ["my picture is small, but not because of my line", [{ for: 8 }, { for: 8, room: 60_000 }], ["good"]],
    ["nothing arrives", [{ for: 8 }, { for: 4, silent: true }], ["good", "bad"]],
    ["better is believed later than worse, step by step", [{ for: 8 }, { for: 5, rtt: 2000 }, { for: 30 }], ["good", "bad", "weak", "good"]],
    ["nobody else is there", [{ for: 8, others: [] }], ["good"]],
  ];
  for (const [what, scenes, words] of cases) {
    const said = play(new Line(), scenes);
    assert.deepEqual(said, words, what);
  }
});

test("pictures of everybody that stop are my line; of one, theirs or nobody knows whose", () => {
  const line = new Line();
  play(line, [{ for: 8 }, { for: 6, stopped: ["a", "b"] }]);
  assert.equal(line.mine, "weak");
  assert.deepEqual([...line.halting], [["a", "mine"], ["b", "mine"]]);

  const one = new Line();
  play(one, [{ for: 8 }, { for: 6, stopped: ["a"] }]);
  assert.deepEqual([one.mine, ...one.halting], ["good", ["a", "unknown"]]);
  play(one, [{ for: 5, stopped: ["a"], others: [other("a", { line: "bad" }), other("b")] }]);
  assert.deepEqual([one.mine, ...one.halting], ["good", ["a", "theirs"]]);
  play(one, [{ for: 2, others: [other("a", { away: true, moving: false }), other("b")] }]);
  assert.deepEqual([...one.halting], [["a", "theirs"]]);
  play(one, [{ for: 5 }]);
  assert.equal(one.halting.size, 0);
});

test("loss from somebody whose own line is weak is not held against mine", () => {
  const line = new Line();
  play(line, [{ for: 8 }, { for: 8, loss: { a: 0.3 }, others: [other("a", { line: "weak" })] }]);
  assert.equal(line.mine, "good");
});

test("with one other alone what arrives badly is held against my line later than against theirs", () => {
  const alone = (line) => [other("a", { line })];
  const line = new Line();
  play(line, [{ for: 8, others: alone("good") }, { for: 4, loss: { a: 0.3 }, others: alone("good") }, { for: 10, loss: { a: 0.3 }, others: alone("bad") }]);
  assert.equal(line.mine, "good");
  play(line, [{ for: 8, loss: { a: 0.3 }, others: alone("good") }]);
  assert.equal(line.mine, "bad");
});

test("going on without video is proposed once, when the line has been bad for six seconds", () => {
  const line = new Line();
  const words = play(line, [{ for: 8 }, { for: 6, lossOut: 0.3 }, { for: 20 }, { for: 7, lossOut: 0.3 }, { for: 20 }, { for: 20, lossOut: 0.3 }]);
  assert.deepEqual(words.filter((word) => word === "proposes").length, 1);
  assert.ok(!play(new Line(), [{ for: 8 }, { for: 7, lossOut: 0.3 }]).includes("proposes"), "not before");
});

test("another link begins with counters of its own", () => {
  const line = new Line();
  play(line, [{ for: 10 }]);
  line.restart();
  assert.deepEqual(play(line, [{ for: 10 }]), ["good"]);
});

test("a browser's counters are read", () => {
  const chromium = [
    { type: "transport", id: "T", selectedCandidatePairId: "P2" },
    { type: "candidate-pair", id: "P1", currentRoundTripTime: 9, state: "failed" },
    { type: "candidate-pair", id: "P2", currentRoundTripTime: 0.05, availableOutgoingBitrate: 300_000, nominated: true, state: "succeeded" },
    { type: "remote-inbound-rtp", packetsLost: 10, roundTripTime: 0.06 },
    { type: "remote-inbound-rtp", packetsLost: 2 },
    { type: "outbound-rtp", packetsSent: 300, qualityLimitationReason: "bandwidth" },
    { type: "outbound-rtp", packetsSent: 100 },
    { type: "inbound-rtp", mid: "3", kind: "video", packetsReceived: 10, packetsLost: 1, jitter: 0.004, freezeCount: 2, framesDecoded: 7, bytesReceived: 9, retransmittedPacketsReceived: 1 },
    { type: "inbound-rtp", kind: "video" },
  ];
  assert.deepEqual(sampleOf(chromium, 5), {
    at: 5,
    rtt: 50,
    sent: 400,
    lost: 12,
    room: 300_000,
    pinched: true,
    slots: new Map([["3", { kind: "video", packets: 10, lost: 1, again: 1, bytes: 9, jitter: 4, freezes: 2, frames: 7 }]]),
  });
  const firefox = [
    { type: "candidate-pair", id: "P1", selected: true, state: "succeeded", nominated: true },
    { type: "remote-inbound-rtp", roundTripTime: 0.06 },
    { type: "inbound-rtp", mid: "0", kind: "audio", packetsReceived: 3 },
  ];
  const { rtt, room, slots } = sampleOf(firefox, 5);
  assert.deepEqual([rtt, room, slots.get("0").frames], [60, null, 0]);
  assert.equal(sampleOf([], 5).rtt, null);
});

test("what arrived never falls when ways through the network come and go", () => {
  const arrivals = new Arrivals();
  const pair = (id, bytesReceived) => ({ type: "candidate-pair", id, bytesReceived, responsesReceived: 1 });
  assert.equal(arrivals.take([pair("a", 100), { type: "codec", id: "c" }]), 101);
  assert.equal(arrivals.take([pair("a", 150), pair("b", 0)]), 152);
  assert.equal(arrivals.take([pair("b", 0)]), 152, "a way that is gone");
  assert.equal(arrivals.take([pair("b", 10)]), 162);
});

test("a silence that has become too long ends with something that arrives, and with nothing else", () => {
  const silence = new Silence(0);
  silence.sample(1, true, 0);
  assert.equal(silence.sample(1, true, silentLimit), true);
  assert.equal(silence.sample(1, false, silentLimit + 1), true);
  assert.equal(silence.sample(2, false, silentLimit + 2), false);
});

test("a camera sends what the line is to carry and the others can use", () => {
  const camera = (visit, size = { width: 1280, height: 720 }) => cameraEncoding({ data: "full", people: 2, sharing: false, ...visit }, size);
  assert.deepEqual(camera({}), { maxBitrate: 1_500_000, maxFramerate: 30, scaleResolutionDownBy: 1 });
  assert.deepEqual(camera({ people: 5 }), { maxBitrate: 500_000, maxFramerate: 30, scaleResolutionDownBy: 2 });
  assert.deepEqual(camera({ sharing: true }), camera({ people: 4 }));
  for (const size of [{ width: 1280, height: 720 }, { width: 720, height: 1280 }, { width: 640, height: 480 }, { width: 320, height: 180 }, {}]) {
    const { maxBitrate, maxFramerate, scaleResolutionDownBy: scale } = camera({ data: "low" }, size);
    const { width = 1280, height = 720 } = size;
    assert.ok(maxBitrate <= 120_000 && maxFramerate <= 12);
    assert.ok(Math.max(width, height) / scale <= 320 && Math.min(width, height) / scale <= 180 && scale >= 1, JSON.stringify(size));
  }
});
