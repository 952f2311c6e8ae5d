package after

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/notify"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// againAfter is how long after a message with somebody's link they are sent no other by hand.
const againAfter = time.Minute

// summaryKey is the outbox's key of a message that tells somebody of a version of a summary; times counts how often they were sent their link again, 0 for the first message of a version.
func summaryKey(invitation string, version, times int) string {
	key := invitation + "|" + strconv.Itoa(version)
	if times > 0 {
		key += "|" + strconv.Itoa(times)
	}
	return key
}

// written is what messages have told somebody of a visit's summary.
type written struct {
	times int           // their link was sent again
	last  notify.Status // the latest of those that count; with an empty ID: there is none
}

// written reads what the outbox knows of messages about a visit's summary, by invitations. What was stopped has told nobody anything, but its key is used.
func (s *Service) written(ctx context.Context, visit string) (map[string]written, error) {
	statuses, err := s.config.Outbox.About(ctx, AboutSummary(visit))
	if err != nil {
		return nil, err
	}
	all := map[string]written{}
	for _, m := range statuses { // in the order of their times
		parts := strings.Split(m.Key, "|")
		w := all[parts[0]]
		if len(parts) > 2 {
			times, _ := strconv.Atoi(parts[2]) // which summaryKey wrote
			w.times = max(w.times, times)
		}
		if m.State != notify.Stopped {
			w.last = m
		}
		all[parts[0]] = w
	}
	return all, nil
}

// LinkAgain sends somebody who may read a visit's summary their link once more, without a new version: the same one, for as many days as a new version would, or another where wrong
// dates have locked it. times is how often that was done before, as whoever asks has read it: where it was done since, nothing goes out. It is a conflict where nobody can be written to,
// and within a minute of another message with the link; to who may not read it there is no such person.
func (s *Service) LinkAgain(ctx context.Context, w Writer, invitation string, times int) error {
	reach, err := s.reachOf(ctx, w)
	if err != nil {
		return err
	}
	return s.clinical(ctx, w, SummaryWrite, "summary.again", func(tx *store.Tx, a *store.Act, v visits.Visit) error {
		newest, err := s.newest(ctx, tx, v)
		if err != nil {
			return err
		}
		i, invited := v.Invited(invitation)
		if !invited || !s.mayRead(v, i) || newest.Version == 0 {
			return fault.NotFound
		}
		a.Detail = "invitation " + i.ID
		known, err := s.written(ctx, v.ID)
		if err != nil {
			return err
		}
		told, now := known[i.ID], s.now()
		m, reached := reach[i.ID]
		switch {
		case told.times != times: // a form that was sent twice
			return nil
		case !reached:
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "summary_unsent", Detail: "There is no address to which this person may be sent the link."}
		case told.last.ID != "" && told.last.State != notify.Failed && now.Before(told.last.At.Add(againAfter)):
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "summary_just_sent", Detail: "A message with the link was sent less than a minute ago."}
		}
		if err := s.keepLink(ctx, tx, v.ID, i.ID); err != nil {
			return err
		}
		// One that still waits would bring the same link a second time.
		if err := s.config.Outbox.StopKeys(ctx, tx, m.About, i.ID+"|"); err != nil {
			return err
		}
		m.Key, m.At = summaryKey(i.ID, newest.Version, told.times+1), now
		a.Detail += " times " + strconv.Itoa(told.times+1)
		return s.config.Outbox.Put(ctx, tx, m)
	})
}

// readerView is somebody who may read the summary, as the page of its clinicians shows them.
type readerView struct {
	ID, Name string
	Told     string // what is known of messages with their link
	Times    int    // their link was sent again
	Reached  bool   // they can be written to
	Before   bool   // some message has gone out, or is to
}

// readers are the people of a visit who may read its summary.
func (s *Service) readers(ctx context.Context, v visits.Visit, at func(time.Time) string, own *words.Words) (all []readerView, err error) {
	known, err := s.written(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	reach, err := s.reachIn(ctx, v)
	if err != nil {
		return nil, err
	}
	for _, i := range v.Invitations {
		if !s.mayRead(v, i) {
			continue
		}
		_, reached := reach[i.ID]
		told := known[i.ID]
		r := readerView{ID: i.ID, Name: own.T("after.person", "name", i.Name.Reveal(), "role", own.T("role."+string(i.Role))), Times: told.times, Reached: reached, Before: told.last.ID != ""}
		switch told.last.State {
		case notify.Sent:
			r.Told = own.T("after.link.told."+string(told.last.Channel), "at", at(told.last.Changed))
		case notify.Waiting, notify.Sending:
			r.Told = own.T("after.link.waiting")
		case notify.Failed, notify.Unsure:
			r.Told = own.T("after.link." + string(told.last.State))
		default:
			r.Told = own.T("after.link.none")
		}
		all = append(all, r)
	}
	return all, nil
}

// serveAgain sends somebody their link again.
func (s *Service) serveAgain(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	times, err := strconv.Atoi(r.PostForm.Get("times"))
	if err != nil || times < 0 {
		web.Problem(w, r, fault.Invalid("times", "must be a number"))
		return
	}
	if err := s.LinkAgain(r.Context(), Signed(web.Actor(r.Context()), r.PathValue("visit")), r.PathValue("person"), times); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, pagePath(r.PathValue("visit"))+"?done=linked")
}

// givenWords say who can read a summary that was just given, and whether that needs something done: nobody has heard of it then.
func givenWords(v visits.Visit, told int, own *words.Words) (text string, warn bool) {
	switch {
	case told == 0:
		return own.T("after.done.untold"), true
	case v.Confidential:
		return own.T("after.done.published_confidential"), false
	}
	return own.N("after.done.published", told), false
}
