// What the counters of a connection test say, and where the test went.
import assert from "node:assert/strict";
import test from "node:test";
import { figuresOf, portIn } from "../js/check.js";
import { outcomeOf, Report } from "../js/report.js";

/** Samples of five seconds, 5 a second, of a line that loses a share each way and carries so much. */
function samples({ rtt = 30, lossOut = 0, lossBack = 0, kbps = 800, sound = true }) {
  return Array.from({ length: 25 }, (_, i) => {
    const slot = (kind, perSecond, bytes) => {
      const sent = (i / 5) * perSecond;
      const lost = Math.round(sent * lossBack);
      const repaired = kind === "video" ? lost : 0;
      return { kind, packets: Math.round(sent) - lost + repaired, lost: lost - repaired, again: repaired, bytes: (i / 5) * bytes, jitter: 1, freezes: 0, frames: 0 };
    };
    const slots = new Map([["2", slot("audio", sound ? 50 : 0, 4000)], ["3", slot("video", 100, (kbps * 1000) / 8)]]);
    return { at: 1000 + 200 * i, rtt, sent: 30 * i, lost: 30 * i * lossOut, room: null, pinched: false, slots };
  });
}

test("a line is judged by delay, loss either way, and by what it carries", () => {
  const cases = [
    [{}, { network: "ok", rtt_ms: 30, loss_pct: 0, kbps: 800 }],
    [{ rtt: 450 }, { network: "poor", rtt_ms: 450, loss_pct: 0, kbps: 800 }],
    [{ lossOut: 0.08 }, { network: "poor", rtt_ms: 30, loss_pct: 8, kbps: 800 }],
    [{ lossBack: 0.1 }, { network: "poor", rtt_ms: 30, loss_pct: 10, kbps: 800 }],
    [{ lossBack: 0.1, sound: false }, { network: "poor", rtt_ms: 30, loss_pct: 10, kbps: 800 }],
    [{ lossBack: 0.02 }, { network: "ok", rtt_ms: 30, loss_pct: 2, kbps: 800 }],
    [{ kbps: 90 }, { network: "poor", rtt_ms: 30, loss_pct: 0, kbps: 90 }],
  ];
  for (const [line, want] of cases) assert.deepEqual(figuresOf(samples(line)), want, JSON.stringify(line));
  const unknown = samples({}).map((each) => ({ ...each, rtt: null }));
  assert.equal(figuresOf(unknown).rtt_ms, -1);
});

test("who looks after a network is told the host and port for UDP", () => {
  const answer = "v=0\r\na=candidate:1 1 tcp 2105458943 198.51.100.7 8443 typ host tcptype passive\r\na=candidate:2 1 udp 2130706431 198.51.100.7 8443 typ host\r\n";
  assert.deepEqual(portIn(answer), { host: "198.51.100.7", port: 8443 });
  assert.equal(portIn("v=0\r\n"), null);
});

/** A result of the device check. */
const found = (more = {}) => ({ camera: "ok", microphone: "ok", speaker: "unknown", network: "ok", rtt_ms: 40, loss_pct: 0, browser: "Chrome 126, Android", ...more });

test("the hospital is told the last of what a device check found, and again until it knows", async () => {
  const sent = [];
  let answers = [false, true];
  const report = new Report(async (check) => (sent.push(check.camera), answers.shift() ?? true), async () => undefined);
  const first = report.tell(found({ camera: "fault" }));
  const second = report.tell(found({ camera: "ok" }));
  assert.deepEqual([await first, await second], [true, true]);
  assert.deepEqual(sent, ["fault", "ok"], "what was overtaken is not told");
  assert.equal(await report.tell(found()), true);
  assert.equal(sent.length, 2, "nothing is told twice");
  answers = [false, false, false, false, false];
  assert.equal(await report.tell(found({ network: "blocked" })), false);
  assert.equal(await report.tell(found({ network: "blocked" })), true, "it is tried again when asked to");
});

test("a device check has gone well, needs help, or is not done", () => {
  assert.equal(outcomeOf(found()), "fine");
  assert.equal(outcomeOf(found({ network: "poor" })), "fine");
  for (const more of [{ camera: "fault" }, { microphone: "fault" }, { speaker: "fault" }, { network: "blocked" }]) assert.equal(outcomeOf(found(more)), "help");
  for (const more of [{ camera: "unknown" }, { microphone: "unknown" }, { network: "unknown" }]) assert.equal(outcomeOf(found(more)), "part");
});
