// What keeps session, devices and the use of data in step, before there is any connection.
import assert from "node:assert/strict";
import test from "node:test";
import { Attendance } from "../js/attendance.js";

globalThis.location = { href: "https://visits.example.org/v/1/" };
globalThis.fetch = async () => {
  throw new TypeError("no network");
};

function make(camera = true) {
  const devices = { canSend: true, camera: null, microphone: null, wanted: { microphone: true, camera }, media: { microphone: true, camera } };
  devices.setCamera = async (on) => {
    devices.wanted.camera = devices.media.camera = on;
    attendance.devicesChanged();
  };
  const page = { changed: () => undefined, happened: () => undefined, refused: () => undefined, propose: () => undefined };
  const attendance = new Attendance({ path: "/v/1/", devices, page });
  return { attendance, devices };
}

test("sound alone turns the camera off, and going back turns it on where it was", async () => {
  const { attendance, devices } = make();
  attendance.start();
  await attendance.use("audio");
  assert.deepEqual([devices.wanted.camera, attendance.session.media.camera], [false, false]);
  await attendance.use("low");
  assert.equal(devices.wanted.camera, true);
  attendance.session.leave();
});

test("a camera that was off stays off", async () => {
  const { attendance, devices } = make(false);
  await attendance.use("audio");
  await attendance.use("full");
  assert.equal(devices.wanted.camera, false);
});

test("who turns the camera on has had enough of sound alone", async () => {
  const { attendance, devices } = make();
  attendance.start();
  await attendance.use("audio");
  await devices.setCamera(true);
  assert.deepEqual([attendance.data, attendance.session.media.camera], ["low", true]);
  attendance.session.leave();
});
