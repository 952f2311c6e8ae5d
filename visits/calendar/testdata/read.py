"""Reads calendar files with the icalendar library, and tells when each visit is by the file's own VTIMEZONE.

Each line of input is a JSON list of files; the answer is a line of JSON: start and end of each one's events, in UTC.
"""
import datetime
import json
import sys

import icalendar


def instant(zones, prop):
    tzid = prop.params.get("TZID")
    # The library may have used its own tables for a name it knows: only the wall clock is taken.
    at = prop.dt.replace(tzinfo=None)
    at = zones[tzid].localize(at) if tzid else at.replace(tzinfo=datetime.timezone.utc)
    return at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


for line in sys.stdin:
    answer = []
    for text in json.loads(line):
        file = icalendar.Calendar.from_ical(text)
        zones = {str(z["TZID"]): z.to_tz() for z in file.walk("VTIMEZONE")}
        for event in file.walk("VEVENT"):
            answer.append({"starts": instant(zones, event["DTSTART"]), "ends": instant(zones, event["DTEND"]), "summary": str(event["SUMMARY"]),
                           "description": str(event["DESCRIPTION"]), "uid": str(event["UID"]), "sequence": int(event["SEQUENCE"])})
    print(json.dumps({"events": answer}), flush=True)
