package e2e

import (
	"testing"

	"housecall/auth"
	"housecall/e2e/bidi"
	"housecall/platform/staff"
)

// queueStates are all states of a clinician's queue.
var queueStates = []state{
	{"queue-empty", "a clinician who has just signed in, and has no visits today"},
	{"queue-next", "visits that are next, and nobody waits"},
	{"queue-waiting", "somebody waits"},
	{"queue-tell", "writing to somebody who waits"},
	{"queue-lost", "the connection is lost"},
	{"queue-numbers", "where the family can be called"},
	{"queue-late", "saying that a visit begins late"},
	{"queue-hand-over", "handing a visit over"},
	{"queue-no-show", "marking a visit to which nobody came"},
	{"queue-done", "a visit was marked"},
}

// TestQueue: a clinician who signs in comes to the queue, sees a family wait without loading the page anew, comes into the visit by one click, and
// lets them in.
func TestQueue(t *testing.T) {
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			tour := newTour(t, language)
			account := staff.NewAccount{Name: drAda, Email: "ada@example.org", Password: "four words in a row", Role: auth.Clinician}
			ada, err := tour.server.Accounts.Create(t.Context(), auth.Operator(), account)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tour.server.Accounts.Create(t.Context(), auth.Operator(),
				staff.NewAccount{Name: "Sam Example", Email: "sam@example.org", Password: account.Password, Role: auth.Clinician}); err != nil {
				t.Fatal(err)
			}
			doctor := tour.takes(chromium(t, 0, drAda, bidi.Laptop))
			patient := tour.takes(chromium(t, 1, robin, bidi.Phone))
			doctor.allows("net::ERR", "/queue/events")
			doctor.goTo(tour.url + "/sign-in")
			doctor.fills("#email", account.Email.Reveal())
			doctor.fills("#password", account.Password.Reveal())
			doctor.submits()
			doctor.shows("#queue")
			doctor.examine("queue-empty")
			doctor.await("mark this page", `() => document.documentElement.dataset.mark = "kept"`)

			led := map[string]any{"clinician_id": ada.ID, "allow_overlap": true, "interpreter": "requested", "interpreter_language": "es"}
			visit := tour.bookWith(led, 0, kit, "guardian")
			other := tour.bookWith(led, 0)
			doctor.shows("#join-" + visit.ID)
			doctor.examine("queue-next")
			patient.arrives(visit.link(t, robin), "waiting")
			doctor.shows(".queue-visit.waits #join-" + visit.ID)
			doctor.await("see it on the same page", `() => document.documentElement.dataset.mark === "kept" && document.title.startsWith("(1)")`)
			doctor.examine("queue-waiting")
			doctor.follows("write to who waits", "#tell-"+visit.ID)
			doctor.examine("queue-tell")
			doctor.follows("say that it is soon", `button[name="ready"][value="soon"]`)
			patient.reads(patient.word("tell.soon"))

			tour.door.hold(doctor.at)
			tour.door.drop(doctor.at)
			doctor.shows("#queue-lost:not(:empty)")
			doctor.examine("queue-lost")
			tour.door.release(doctor.at)
			doctor.await("be connected again", `() => document.querySelector("#queue-lost")?.textContent === ""`)

			tour.aside(doctor, visit, other)

			// In this tab, which the test holds.
			doctor.follows("join", `#join-`+visit.ID)
			doctor.joins("visit")
			doctor.admits(patient)
			patient.reaches("visit")
			tour.complete(queueStates)
		})
	}
}

// aside looks at the pages beside the queue.
func (tour *tour) aside(doctor *Person, visit, other Booked) {
	doctor.follows("ask for a number", "#call-"+visit.ID)
	doctor.examine("queue-numbers")
	for state, path := range map[string]string{"queue-late": "/late", "queue-hand-over": "/hand-over"} {
		tour.see(doctor, "/queue/visits/"+other.ID+path, state)
	}
	tour.see(doctor, "/queue/visits/"+other.ID+"/no-show", "queue-no-show")
	doctor.submits()
	doctor.shows("#came-" + other.ID)
	doctor.examine("queue-done")
	doctor.await("stay in this tab", `() => { for (const form of document.forms) form.removeAttribute("target"); return true; }`)
}
