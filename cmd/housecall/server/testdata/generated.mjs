// Validates the description of the API, has a client generated from it, and makes, moves and calls off a visit with that.
// node generated.mjs NODE_MODULES BASE KEY FOLDER
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const [modules, baseUrl, key, folder] = process.argv.slice(2);
const { Validator } = await import(join(modules, "@seriousme/openapi-schema-validator/index.js"));
const { createClient } = await import(join(modules, "@hey-api/openapi-ts/dist/index.js"));

const description = await (await fetch(baseUrl + "/api/openapi.json")).json();
assert.match(description.openapi, /^3\.1\./);
const { valid, errors } = await new Validator().validate(description);
assert.ok(valid, JSON.stringify(errors));
const older = await (await fetch(baseUrl + "/api/openapi-3.0.json")).json();
assert.match(older.openapi, /^3\.0\./);
const judged = await new Validator().validate(structuredClone(older));
assert.ok(judged.valid, JSON.stringify(judged.errors));
const broken = await new Validator().validate({ ...description, paths: { "/x": { get: { responses: "none" } } } });
assert.ok(!broken.valid);

const input = join(folder, "openapi.json");
writeFileSync(input, JSON.stringify(description));
await createClient({
  input,
  output: { path: join(folder, "client"), importFileExtension: ".js" },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
  logs: { level: "silent" },
});
const options = { target: "ES2022", module: "ESNext", moduleResolution: "Bundler", strict: true, skipLibCheck: true, types: [], lib: ["ES2022", "DOM", "DOM.Iterable"], outDir: "made" };
writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["client"] }));
writeFileSync(join(folder, "package.json"), '{"type": "module"}');
execFileSync("node", [join(modules, "typescript/bin/tsc"), "-p", folder], { stdio: "inherit" });

const api = await import(join(folder, "made/index.js"));
const { client } = await import(join(folder, "made/client.gen.js"));
client.setConfig({ baseUrl, auth: key });

// Of an address that nothing is sent to: what is told is looked at where it waits.
const hook = await api.createWebhook({ body: { url: "https://127.0.0.1/" } });
assert.equal(hook.response.status, 201, JSON.stringify(hook.error));
assert.equal((await api.createWebhook({ body: { url: "https://127.0.0.1/", types: ["visit.forgotten"] } })).error.errors[0].field, "types");

const starts = new Date(Math.ceil(Date.now() / 60_000) * 60_000 + 86_400_000);
const headers = { "Idempotency-Key": "made by a generated client" };
const body = {
  service: "Cardiology",
  starts_at: starts.toISOString(),
  minutes: 30,
  identifier: { system: "https://hospital.example/appointments", value: "G-1" },
  people: [
    { name: "Sample Patient", role: "patient" },
    { name: "Dr. Sample", role: "clinician" },
  ],
};
const made = await api.createVisit({ body, headers });
assert.equal(made.response.status, 201, JSON.stringify(made.error));
const visit = { visit: made.data.id };
assert.match(made.data.invitations[0].link, /\/v#/);
const again = await api.createVisit({ body, headers });
assert.deepEqual(again.data, made.data);
assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");

assert.deepEqual((await api.editVisit({ path: visit, body: { service: "Neurology" } })).data.service, "Neurology");
const moved = await api.moveVisit({ path: visit, body: { minutes: 45 } });
assert.equal(Date.parse(moved.data.ends_at) - starts.getTime(), 45 * 60_000);
const invited = await api.invite({ path: visit, body: { name: "Sample Guest", role: "guest" } });
assert.equal(invited.data.role, "guest");
const found = await api.listVisits({ query: { state: ["open", "scheduled"], identifier_system: body.identifier.system, identifier_value: "G-1" } });
assert.deepEqual(found.data.visits.map((v) => v.id), [made.data.id]);
const soon = await api.createVisit({ body: { ...body, starts_at: new Date(Math.ceil(Date.now() / 60_000) * 60_000 + 1_800_000).toISOString(), identifier: undefined } });
// Nobody of it has an address: no message goes out.
const late = { body: { minutes: 20 }, headers: { "Idempotency-Key": "late once" } };
for (const replayed of [null, "true"]) {
  const told = await api.sayVisitLate({ path: { visit: soon.data.id }, ...late });
  assert.deepEqual(told.data, { messages: 0 }, JSON.stringify(told.error));
  assert.equal(told.response.headers.get("Idempotency-Replayed"), replayed);
}
assert.deepEqual((await api.listMessages({ path: { visit: soon.data.id } })).data, { messages: [], unsettled: false });
const old = { "If-Match": '"as it was"' };
assert.equal((await api.sayVisitLate({ path: { visit: soon.data.id }, body: { minutes: 30 }, headers: old })).error.code, "precondition_failed");
assert.equal((await api.sayVisitLate({ path: visit, body: { minutes: 30 } })).error.code, "conflict");
assert.equal((await api.invite({ path: visit, body: { name: "Sample Observer", role: "observer" }, headers: old })).error.code, "precondition_failed");
const refused = await api.moveVisit({ path: visit, body: { minutes: 1 } });
assert.equal(refused.error.code, "not_valid");
assert.equal(refused.error.errors[0].field, "minutes");
assert.equal((await api.cancelVisit({ path: visit })).response.status, 204);
assert.equal((await api.showVisit({ path: visit })).data.state, "cancelled");

const patient = await api.createPatient({ body: { name: "Sample Child", birth_date: "2014-02-28", number: "G-1", contacts: [{ kind: "guardian", name: "Sample Guardian", email: "guardian@example.org" }] } });
assert.equal(patient.response.status, 201, JSON.stringify(patient.error));
const changed = await api.updatePatient({ path: { patient: patient.data.id }, body: { ...known(patient.data), language: "es" } });
assert.equal(changed.data.version, 2);
assert.equal((await api.updatePatient({ path: { patient: patient.data.id }, body: known(patient.data) })).error.code, "conflict");
assert.deepEqual((await api.searchPatients({ body: { query: "chi sam" } })).data.patients.map((p) => p.id), [patient.data.id]);
assert.equal((await api.showPatient({ path: { patient: patient.data.id } })).data.contacts[0].name, "Sample Guardian");
assert.equal((await api.listSites()).data.sites.length, 1);
assert.deepEqual((await api.listServices()).data.services, []);
assert.deepEqual((await api.listColleagues()).data.colleagues, []);
const figures = await api.showFigures({ query: { from: "2026-01-05", to: "2026-01-18", by: "week" } });
assert.deepEqual(figures.data.rows.map((row) => [row.start, row.visits, row.counts.took_place]), [["2026-01-05", 0, 0], ["2026-01-12", 0, 0]], JSON.stringify(figures.error));
assert.equal((await api.showFigures({ query: { service_id: "none" } })).error.errors[0].field, "service_id");
assert.equal((await api.markNoShow({ path: visit })).error.code, "conflict");

function known({ id, created_at, changed_at, ...rest }) {
  return rest;
}
