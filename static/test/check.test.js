// What the counters of a connection test say, and where the test went.
import assert from "node:assert/strict";
import test from "node:test";
import { figuresOf, portIn } from "../js/check.js";

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
