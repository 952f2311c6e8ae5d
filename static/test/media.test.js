// The media link on a peer connection made by hand: lines, restarts, what is sent, and what is heard of silence.
import assert from "node:assert/strict";
import test from "node:test";
import { MediaLink } from "../js/media.js";
import { Screen } from "../js/screen.js";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Peer {
  lines = [];
  offers = [];
  signalingState = "stable";
  iceConnectionState = "new";
  stats = new Map();

  addTransceiver(kind, { direction, sendEncodings = [{}] }) {
    const encodings = structuredClone(sendEncodings);
    const sender = { track: null, replaced: 0 };
    sender.replaceTrack = async (track) => void ((sender.track = track), sender.replaced++);
    sender.getParameters = () => ({ encodings });
    sender.setParameters = async ({ encodings: [first] }) => void Object.assign(encodings[0], first);
    const line = { mid: null, kind, direction, sender, receiver: { track: { kind } } };
    this.lines.push(line);
    return line;
  }

  async createOffer({ iceRestart }) {
    this.offers.push(iceRestart);
    return { type: "offer" };
  }

  async setLocalDescription() {
    this.lines.forEach((line, i) => (line.mid = String(i)));
    this.signalingState = "have-local-offer";
    this.localDescription = { sdp: `offer of ${this.lines.length}` };
  }

  async setRemoteDescription() {
    if (this.signalingState !== "have-local-offer") throw new Error("InvalidStateError");
    this.signalingState = "stable";
  }

  async getStats() {
    return this.stats;
  }

  close() {
    this.signalingState = "closed";
  }
}

/** A link, its peer connection, what it told, and the tracks it may send. */
function make({ canSend = true } = {}) {
  let pc;
  globalThis.RTCPeerConnection = class extends Peer {
    constructor() {
      super();
      pc = this;
    }
  };
  globalThis.RTCRtpReceiver = { getCapabilities: () => null };
  const track = (kind) => ({ kind, getSettings: () => ({ width: 1280, height: 720 }) });
  const tracks = { microphone: track("audio"), camera: track("video"), screen: null, screen_audio: null };
  const told = [];
  const events = Object.fromEntries(["silent", "alive", "dead"].map((what) => [what, () => told.push(what)]));
  const link = new MediaLink({ tracks: () => tracks, canSend, events });
  return { link, pc, tracks, told, track };
}

test("lines for a screen are offered when one is shown first, and used again", async () => {
  const { link, pc, tracks, track } = make();
  const first = await link.offer({ audio: 2, video: 2 }, false);
  assert.deepEqual(first.sources, { 0: "microphone", 1: "camera" });
  await link.accept("answer");
  await link.send(true);
  assert.deepEqual(pc.lines.slice(0, 2).map((line) => line.sender.track), [tracks.microphone, tracks.camera]);
  assert.equal(link.lacks, false);

  [tracks.screen, tracks.screen_audio] = [track("video"), track("audio")];
  assert.equal(link.lacks, true);
  const second = await link.offer({ audio: 2, video: 2 }, false);
  assert.deepEqual(second.sources, { 0: "microphone", 1: "camera", 6: "screen", 7: "screen_audio" });
  await link.accept("answer");
  assert.deepEqual(pc.lines.slice(6).map((line) => line.sender.track), [tracks.screen, tracks.screen_audio]);
  assert.equal(pc.lines[6].sender.getParameters().encodings[0].maxFramerate, 15);
  assert.equal(pc.lines[1].sender.getParameters().encodings[0].scaleResolutionDownBy, 2, "the camera makes room");

  const [shown, sound] = [tracks.screen, tracks.screen_audio];
  tracks.screen = tracks.screen_audio = null;
  await link.refresh();
  assert.deepEqual(pc.lines.slice(6).map((line) => line.sender.track), [null, null]);
  [tracks.screen, tracks.screen_audio] = [shown, sound];
  assert.equal(link.lacks, false);
  await link.refresh();
  assert.equal(pc.lines[6].sender.track, shown);
  assert.equal(pc.offers.length, 2);
  assert.deepEqual(link.slots().map(({ mid, kind }) => `${mid} ${kind}`), ["2 audio", "3 audio", "4 video", "5 video"]);
  link.close();
});

test("another device or another use of data needs no offer; being moved out stops everything", async () => {
  const { link, pc, tracks, track } = make();
  await link.offer({ audio: 1, video: 1 }, false);
  await link.accept("answer");
  await link.send(true);
  tracks.camera = track("video");
  await link.refresh();
  await link.fit(2, "low");
  assert.equal(pc.lines[1].sender.track, tracks.camera);
  assert.deepEqual(pc.lines[1].sender.getParameters().encodings[0], { maxBitrate: 120_000, maxFramerate: 12, scaleResolutionDownBy: 4, active: true });
  await link.fit(2, "full");
  assert.equal(pc.lines[1].sender.getParameters().encodings[0].maxBitrate, 1_500_000);
  assert.deepEqual([pc.offers.length, pc.lines[0].sender.replaced], [1, 1], "what has not changed is left alone");
  await link.send(false);
  assert.deepEqual(pc.lines.slice(0, 2).map((line) => line.sender.track), [null, null]);
  assert.equal(pc.lines[1].sender.getParameters().encodings[0].active, false, "no black picture either");
  link.close();
});

test("who only watches offers slots alone", async () => {
  const { link, pc, tracks, track } = make({ canSend: false });
  tracks.screen = track("video");
  const { sources } = await link.offer({ audio: 1, video: 1 }, false);
  assert.deepEqual([sources, link.lacks, pc.lines.map((line) => line.direction)], [{}, false, ["recvonly", "recvonly"]]);
  link.close();
});

test("silence is told once, and its end once; a restart is asked of the browser", async () => {
  const { link, pc, told } = make();
  await link.offer({ audio: 1, video: 1 }, false);
  await link.accept("answer");
  link.expecting = true;
  pc.iceConnectionState = "connected";
  const pair = { type: "candidate-pair", id: "P", bytesReceived: 0 };
  pc.stats.set("P", pair);
  const arriving = setInterval(() => (pair.bytesReceived += 100), 50);
  await pause(700);
  assert.deepEqual(told, []);
  clearInterval(arriving);
  await pause(2700);
  assert.deepEqual(told, ["silent"]);
  await link.offer({ audio: 1, video: 1 }, true);
  await link.accept("answer");
  await link.accept("one more answer");
  assert.deepEqual(pc.offers, [false, true]);
  await pause(300);
  pair.bytesReceived += 100;
  await pause(400);
  assert.deepEqual(told, ["silent", "alive"]);
  pc.iceConnectionState = "failed";
  pc.oniceconnectionstatechange();
  await pause(50);
  assert.deepEqual(told, ["silent", "alive", "silent"], "what the browser has given up is not waited for");
  link.close();
});

test("a connection that fails before it ever came up is no good", async () => {
  const { link, pc, told } = make();
  await link.offer({ audio: 1, video: 1 }, false);
  await link.accept("answer");
  pc.iceConnectionState = "failed";
  pc.oniceconnectionstatechange();
  await pause(300);
  assert.deepEqual(told, ["dead"]);
  link.close();
});

/** A browser whose person picks a screen, or thinks better of it. */
function browser(error) {
  const track = (kind) => ({ kind, stopped: false, onended: null, stop() { this.stopped = true; } });
  const picked = { video: track("video"), audio: track("audio") };
  const getDisplayMedia = async () => {
    if (error) throw Object.assign(new Error(error.message ?? ""), error);
    return { getVideoTracks: () => [picked.video], getAudioTracks: () => [picked.audio], getTracks: () => [picked.video, picked.audio] };
  };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: error === null ? {} : { getDisplayMedia } }, configurable: true });
  return picked;
}

test("a screen is shown with its sound until it is stopped here or in the browser's own bar", async () => {
  let changes = 0;
  const picked = browser();
  const screen = new Screen(() => changes++);
  assert.equal(await screen.start(), true);
  assert.deepEqual([screen.screen, screen.screen_audio, picked.video.contentHint], [picked.video, picked.audio, "detail"]);
  picked.audio.onended();
  assert.deepEqual([screen.on, screen.screen_audio], [true, null]);
  picked.video.onended();
  assert.deepEqual([screen.on, screen.stopped, picked.video.stopped, changes], [false, "me", true, 3]);
  await screen.start();
  screen.stop("taken");
  screen.stop("me");
  assert.deepEqual([screen.stopped, changes], ["taken", 5]);
});

test("thinking better of it is no fault; a system that forbids it and a browser that cannot are", async () => {
  for (const [error, fault] of [
    [{ name: "NotAllowedError" }, ""],
    [{ name: "NotAllowedError", message: "Permission denied by system" }, "denied_by_system"],
    [{ name: "NotReadableError" }, "in_use"],
    [null, "unsupported"],
  ]) {
    browser(error);
    const screen = new Screen(() => undefined);
    assert.equal(await screen.start(), false);
    assert.equal(screen.fault, fault);
  }
});
