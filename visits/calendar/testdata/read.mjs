// Reads calendar files as a calendar does, with ical.js, and keeps events by their UID as RFC 5546 says. Each line of input is a JSON list of files, in the
// order in which they came; the answer is a line of JSON: the calendar after the last of them.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { default: ICAL } = await import(pathToFileURL(process.argv[2]));

/** An instant, by the rules of the file's own VTIMEZONE. */
function instant(file, event, name) {
  const property = event.getFirstProperty(name);
  const tzid = property.getParameter("tzid");
  const time = property.getFirstValue().clone();
  if (tzid) {
    const component = file.getAllSubcomponents("vtimezone").find((zone) => zone.getFirstPropertyValue("tzid") === tzid);
    time.zone = new ICAL.Timezone({ component, tzid });
  }
  return new Date(time.toUnixTime() * 1000).toISOString();
}

const stamp = (event) => event.getFirstPropertyValue("dtstamp").toUnixTime();
/** Whether what came is at least as new as what is kept: by SEQUENCE, then by DTSTAMP. */
function asNew(event, kept) {
  const [ours, theirs] = [kept, event].map((e) => e.getFirstPropertyValue("sequence"));
  return theirs > ours || (theirs === ours && stamp(event) >= stamp(kept));
}

function shown(file, event, status) {
  const value = (name) => event.getFirstPropertyValue(name);
  const parameters = (name) => event.getAllProperties(name).map((p) => ({ ...p.jCal[1], value: String(p.getFirstValue()) }));
  return {
    uid: value("uid"), sequence: value("sequence"), starts: instant(file, event, "dtstart"), ends: instant(file, event, "dtend"),
    status, summary: value("summary"), description: value("description"), url: value("url") ?? "", location: value("location") ?? "",
    conference: parameters("conference"), organizer: parameters("organizer"), attendees: parameters("attendee"),
    alarms: event.getAllSubcomponents("valarm").map((a) => [String(a.getFirstPropertyValue("trigger")), a.getFirstPropertyValue("description")]),
  };
}

function calendar(files) {
  const kept = new Map();
  for (const text of files) {
    ICAL.TimezoneService.reset();
    const file = new ICAL.Component(ICAL.parse(text));
    const method = file.getFirstPropertyValue("method");
    for (const event of file.getAllSubcomponents("vevent")) {
      const uid = event.getFirstPropertyValue("uid");
      const own = kept.get(uid);
      if (own && !asNew(event, own.event)) continue;
      if (method === "REQUEST" || method === "PUBLISH") {
        kept.set(uid, { event, shown: shown(file, event, event.getFirstPropertyValue("status")) });
      } else if (method === "CANCEL" && own) {
        const off = event.getFirstPropertyValue("status") === "CANCELLED";
        kept.set(uid, { event, shown: shown(file, event, off ? "CANCELLED" : "UNINVITED") });
      }
    }
  }
  return [...kept.values()].map((k) => k.shown);
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { events: calendar(JSON.parse(line)) };
  } catch (e) {
    answer = { error: String(e.stack ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
