// Opening camera and microphone on machines that lack one, both, or the permission.
import assert from "node:assert/strict";
import test from "node:test";
import { Devices } from "../js/devices.js";

class Track {
  constructor(kind, deviceId) {
    Object.assign(this, { kind, label: `${kind} ${deviceId}`, enabled: true, stopped: false, onended: null, settings: { deviceId, facingMode: "user" } });
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
    has: { microphone, camera },
    list: [],
    addEventListener: (_, call) => (mediaDevices.plug = call),
    enumerateDevices: async () => mediaDevices.list,
    getUserMedia: async ({ audio, video }) => {
      asked.push([audio && "microphone", video && "camera"].filter(Boolean).join("+"));
      const barred = states && ((audio && states.microphone !== "granted") || (video && states.camera !== "granted"));
      if (barred) throw Object.assign(new Error("refused"), { name: "NotAllowedError" });
      if (refuse) throw Object.assign(new Error("refused"), { name: refuse });
      if ((audio && !mediaDevices.has.microphone) || (video && !mediaDevices.has.camera)) throw Object.assign(new Error("missing"), { name: "NotFoundError" });
      const id = audio?.deviceId?.exact ?? video?.deviceId?.exact;
      if (id && mediaDevices.gone === id) throw Object.assign(new Error("gone"), { name: "OverconstrainedError" });
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

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("another device takes the place of one that is pulled out, and says so", async () => {
  const { asked } = machine();
  const devices = new Devices(() => undefined);
  const replaced = [];
  devices.replaced = (each) => replaced.push(each);
  await devices.open();
  await devices.choose("microphone", "headset");
  assert.equal(devices.chosen.microphone, "headset");
  const { microphone } = devices;
  microphone.onended();
  assert.equal(devices.microphone, null);
  await settle();
  assert.notEqual(devices.microphone, microphone);
  assert.deepEqual([devices.chosen.microphone, devices.faults, devices.media.microphone], ["", {}, true]);
  assert.deepEqual(replaced, [{ device: "microphone", label: "audio m" }]);
  const before = asked.length;
  devices.microphone.onended();
  await settle();
  assert.equal(asked.length, before, "one that goes away at once is not replaced over and over");
  assert.equal(devices.faults.microphone, "in_use");
});

test("a device that is gone when it is chosen leaves the browser's choice", async () => {
  const media = machine();
  const devices = new Devices(() => undefined);
  await devices.open();
  media.gone = "desk";
  await devices.choose("camera", "desk");
  assert.deepEqual([devices.chosen.camera, devices.media.camera, devices.faults], ["", true, {}]);
});

test("what was missing is opened when it is plugged in, unless that would ask", async () => {
  for (const [state, opened] of [["granted", true], ["prompt", false]]) {
    const media = machine({ microphone: false });
    navigator.permissions = { query: async () => ({ state }) };
    const devices = new Devices(() => undefined);
    await devices.open();
    assert.equal(devices.faults.microphone, "missing");
    media.has.microphone = true;
    media.plug();
    await settle();
    assert.equal(devices.microphone !== null, opened, state);
  }
});

test("a speaker that is pulled out leaves the browser's choice, and says so", async () => {
  const media = machine();
  const devices = new Devices(() => undefined);
  const replaced = [];
  devices.replaced = (each) => replaced.push(each);
  media.list = [{ kind: "audiooutput", deviceId: "default", label: "Default" }, { kind: "audiooutput", deviceId: "desk", label: "Desk" }];
  devices.chooseSpeaker("desk");
  media.plug();
  await settle();
  assert.equal(devices.chosen.speaker, "desk");
  media.list.pop();
  media.plug();
  await settle();
  assert.equal(devices.chosen.speaker, "");
  assert.deepEqual(replaced, [{ device: "speaker", label: "Default" }]);
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
