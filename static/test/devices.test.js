// Opening camera and microphone on machines that lack one, both, or the permission.
import assert from "node:assert/strict";
import test from "node:test";
import { Devices } from "../js/devices.js";

class Track {
  constructor(kind, deviceId) {
    Object.assign(this, { kind, enabled: true, stopped: false, onended: null, settings: { deviceId, facingMode: "user" } });
  }
  stop() {
    this.stopped = true;
  }
  getSettings() {
    return this.settings;
  }
}

/** A machine with some devices; what is not there, or not allowed, is refused as browsers do. */
function machine({ microphone = true, camera = true, refuse = "", states = null } = {}) {
  const asked = [];
  const mediaDevices = {
    asked,
    addEventListener: () => undefined,
    enumerateDevices: async () => [],
    getUserMedia: async ({ audio, video }) => {
      asked.push([audio && "microphone", video && "camera"].filter(Boolean).join("+"));
      const barred = states && ((audio && states.microphone !== "granted") || (video && states.camera !== "granted"));
      if (barred) throw Object.assign(new Error("refused"), { name: "NotAllowedError" });
      if (refuse) throw Object.assign(new Error("refused"), { name: refuse });
      if ((audio && !microphone) || (video && !camera)) throw Object.assign(new Error("missing"), { name: "NotFoundError" });
      const tracks = [audio && new Track("audio", "m"), video && new Track("video", video.facingMode ?? video.deviceId?.exact)].filter(Boolean);
      return {
        getAudioTracks: () => tracks.filter((t) => t.kind === "audio"),
        getVideoTracks: () => tracks.filter((t) => t.kind === "video"),
      };
    },
  };
  const permissions = states && { query: async ({ name }) => ({ state: states[name] }) };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices, permissions }, configurable: true });
  return mediaDevices;
}

test("both are asked for in one question", async () => {
  const { asked } = machine();
  const devices = new Devices(() => undefined);
  await devices.open();
  assert.deepEqual(asked, ["microphone+camera"]);
  assert.deepEqual(devices.media, { microphone: true, camera: true });
  await devices.open();
  assert.equal(asked.length, 1, "what is open is not asked for again");
});

test("a missing camera does not cost the microphone", async () => {
  machine({ camera: false });
  const devices = new Devices(() => undefined);
  await devices.open();
  assert.deepEqual(devices.media, { microphone: true, camera: false });
  assert.deepEqual(devices.faults, { camera: "missing" });
});

test("a refusal is not followed by more questions", async () => {
  const { asked } = machine({ refuse: "NotAllowedError" });
  const devices = new Devices(() => undefined);
  await devices.open();
  assert.equal(asked.length, 1);
  assert.deepEqual(devices.faults, { microphone: "denied", camera: "denied" });
});

test("a forbidden camera does not cost the microphone", async () => {
  const { asked } = machine({ states: { microphone: "granted", camera: "denied" } });
  const devices = new Devices(() => undefined);
  await devices.open();
  assert.deepEqual(asked, ["microphone+camera", "microphone"]);
  assert.deepEqual(devices.media, { microphone: true, camera: false });
  assert.deepEqual(devices.faults, { camera: "denied" });
});

test("what was not asked for because the other is forbidden is asked for alone", async () => {
  for (const [states, alone] of [
    [{ microphone: "denied", camera: "prompt" }, ["camera"]],
    [{ microphone: "denied", camera: "denied" }, []],
    [{ microphone: "prompt", camera: "prompt" }, []],
  ]) {
    const { asked } = machine({ states });
    const devices = new Devices(() => undefined);
    await devices.open();
    assert.deepEqual(asked.slice(1), alone);
    assert.deepEqual(devices.faults, { microphone: "denied", camera: "denied" });
  }
});

test("without secure context there is nothing to ask", async () => {
  machine();
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  const devices = new Devices(() => undefined);
  await devices.open();
  assert.deepEqual(devices.faults, { microphone: "unsupported", camera: "unsupported" });
});

test("muting keeps the track, turning the camera off stops it", async () => {
  machine();
  const devices = new Devices(() => undefined);
  await devices.open();
  const { microphone, camera } = devices;
  await devices.setMicrophone(false);
  assert.deepEqual([microphone.enabled, microphone.stopped, devices.media.microphone], [false, false, false]);
  await devices.setCamera(false);
  assert.deepEqual([camera.stopped, devices.camera], [true, null]);
  await devices.setMicrophone(true);
  await devices.setCamera(true);
  assert.equal(microphone.enabled, true);
  assert.notEqual(devices.camera, camera);
  assert.deepEqual(devices.media, { microphone: true, camera: true });
});

test("a microphone opened while muted says nothing", async () => {
  machine();
  const devices = new Devices(() => undefined);
  devices.wanted = { microphone: true, camera: true };
  const opening = devices.open();
  devices.wanted.microphone = false;
  await opening;
  assert.equal(devices.microphone, null, "whoever changed their mind while the browser asked is not heard");
});

test("flipping lets the old camera go before it asks for the other", async () => {
  machine();
  const devices = new Devices(() => undefined);
  await devices.open();
  const { camera } = devices;
  await devices.flip();
  assert.ok(camera.stopped);
  assert.equal(devices.camera.settings.deviceId, "environment");
  await devices.choose("camera", "desk");
  assert.equal(devices.camera.settings.deviceId, "desk");
});

test("a device pulled out is noticed", async () => {
  machine();
  let changes = 0;
  const devices = new Devices(() => changes++);
  await devices.open();
  const before = changes;
  devices.camera.onended();
  assert.equal(devices.camera, null);
  assert.equal(devices.faults.camera, "in_use");
  assert.ok(changes > before);
});

test("who only watches is asked for nothing", async () => {
  const { asked } = machine();
  const devices = new Devices(() => undefined);
  devices.watchOnly();
  await devices.open();
  assert.deepEqual([asked, devices.media, devices.canSend], [[], { microphone: false, camera: false }, false]);
});
