// Plays a hospital's own program with a client library: finds out what the server can do, adds a patient, makes a visit, finds it, moves it, calls it off.
// node client.mjs LIBRARY BASE KEY CLINICIAN NUMBER prints every resource that it was given, a line each.
import assert from "node:assert/strict";

const [library, baseUrl, key, clinician, number] = process.argv.slice(2);
const { Client } = await import(library);
const client = new Client({ baseUrl, bearerToken: key });
const show = (resource) => (console.log(JSON.stringify(resource)), resource);

const statement = show(await client.capabilityStatement());
assert.equal(statement.fhirVersion, "4.0.1");
for (const { type } of statement.rest[0].resource) assert.ok(["Appointment", "Encounter", "Patient", "Practitioner"].includes(type));

const practitioner = show(await client.read({ resourceType: "Practitioner", id: clinician }));
const patient = show(
  await client.create({
    resourceType: "Patient",
    body: { resourceType: "Patient", identifier: [{ value: number }], name: [{ text: "Client Patientname" }], birthDate: "2014-02-28" },
  }),
);
const post = { postSearch: true };
const known = show(await client.search({ resourceType: "Patient", searchParams: { identifier: number }, options: post }));
assert.deepEqual(known.entry.map((e) => e.resource.id), [patient.id]);
patient.telecom = [{ system: "phone", value: "+16175550199" }];
const reachable = show(await client.update({ resourceType: "Patient", id: patient.id, body: patient, options: { headers: { "If-Match": 'W/"1"' } } }));
assert.equal(reachable.meta.versionId, "2");

const starts = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth(), new Date().getUTCDate() + 2, 9));
const identifier = [{ system: "https://hospital.example/appointments", value: number }];
const asked = {
  resourceType: "Appointment",
  status: "booked",
  identifier,
  serviceType: [{ text: "Cardiology" }],
  start: starts.toISOString(),
  minutesDuration: 20,
  participant: [
    { actor: { reference: `Patient/${patient.id}` }, status: "accepted" },
    { actor: { reference: `Practitioner/${practitioner.id}` }, status: "accepted" },
  ],
};
const options = { headers: { "If-None-Exist": `identifier=${identifier[0].system}|${number}` } };
const made = show(await client.create({ resourceType: "Appointment", body: asked, options }));
const { response } = Client.httpFor(made);
assert.equal(response.status, 201);
assert.match(made.extension[0].extension.find((e) => e.url === "address").valueUrl, /\/v#.{22}$/);
assert.equal(show(await client.create({ resourceType: "Appointment", body: asked, options })).id, made.id);

const search = { resourceType: "Appointment", searchParams: { patient: `Patient/${patient.id}`, status: "booked", _count: 1 } };
for (const options of [{}, post]) {
  const found = show(await client.search({ ...search, options }));
  assert.deepEqual(found.entry.map((e) => e.resource.id), [made.id]);
  assert.equal(client.nextPage({ bundle: found }), undefined);
}
const read = show(await client.read({ resourceType: "Appointment", id: made.id }));
const etag = (r) => Client.httpFor(r).response.headers.get("etag");
delete read.end;
read.start = new Date(starts.getTime() + 3_600_000).toISOString();
const moved = show(await client.update({ resourceType: "Appointment", id: made.id, body: read, options: { headers: { "If-Match": etag(read) } } }));
assert.equal(Date.parse(moved.start), starts.getTime() + 3_600_000);
await assert.rejects(client.update({ resourceType: "Appointment", id: made.id, body: read, options: { headers: { "If-Match": etag(read) } } }), (e) => {
  assert.equal(e.response.status, 412);
  return show(e.response.data).resourceType === "OperationOutcome";
});
const off = show(await client.update({ resourceType: "Appointment", id: made.id, body: { ...moved, status: "cancelled" } }));
assert.equal(off.status, "cancelled");
const encounter = show(await client.read({ resourceType: "Encounter", id: made.id }));
assert.equal(encounter.status, "cancelled");
await assert.rejects(client.search({ resourceType: "Patient", searchParams: { name: "Patientname" } }), (e) => show(e.response.data).issue[0].severity === "error");
await assert.rejects(client.read({ resourceType: "Patient", id: "nobody" }), (e) => e.response.status === 404 && show(e.response.data).issue[0].code === "not-found");
