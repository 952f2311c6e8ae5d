package after

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"housecall/auth"
	"housecall/platform/emergency"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/visits"
)

// noteRead names the act of reading notes, as the audit has it.
const noteRead auth.Action = "note.read"

// Emergency is access to what is not one's own, for a short time: see package emergency. Use says by which grant the actor may act on any of these now; "": by none.
type Emergency interface {
	Use(ctx context.Context, tx *store.Tx, actor auth.Actor, action auth.Action, about ...store.Subject) (grant string, err error)
}

// urgent wants the actor to have emergency access to a visit or its patient, which the audit is told of. To anybody else there is no such visit.
func (s *Service) urgent(ctx context.Context, tx *store.Tx, actor auth.Actor, action auth.Action, v visits.Visit) error {
	if s.config.Emergency == nil {
		return fault.NotFound
	}
	grant, err := s.config.Emergency.Use(ctx, tx, actor, action, store.About("visit", v.ID), store.About("patient", v.PatientID))
	if err == nil && grant == "" {
		err = fault.NotFound
	}
	return err
}

// Chart is what was written of a visit: the notes of all its clinicians, and what its family got to read.
type Chart struct {
	Visit     visits.Visit
	Notes     []Note
	Summaries []Summary // the latest first
}

// EmergencyChart reads what was written of a visit, for who has emergency access to it or to its patient.
func (s *Service) EmergencyChart(ctx context.Context, actor auth.Actor, visit string) (c Chart, err error) {
	act := store.Act{At: s.now(), Actor: actor, Action: string(noteRead), Subject: store.About("visit", visit)}
	err = s.config.DB.Do(ctx, act, s.config.Policy.Allows(actor, emergency.Open), func(tx *store.Tx, a *store.Act) error {
		if c.Visit, err = s.config.Visits.Read(ctx, tx, visit); err != nil {
			return err
		}
		if err := s.urgent(ctx, tx, actor, noteRead, c.Visit); err != nil {
			return err
		}
		c.Notes, err = store.Collect(ctx, tx, func(r *sql.Rows) (Note, error) { return s.scanNote(r.Scan) },
			`SELECT `+noteColumns+` FROM after_notes WHERE visit_id = ? ORDER BY created_at, id`, visit)
		if err != nil {
			return fmt.Errorf("read notes: %w", err)
		}
		a.Detail = "notes " + strconv.Itoa(len(c.Notes)) + " by emergency access"
		for i := range c.Notes {
			c.Notes[i].Author = nameOf(c.Visit, c.Notes[i].author)
			if c.Notes[i].Addenda, err = s.addenda(ctx, tx, c.Notes[i].ID); err != nil {
				return err
			}
		}
		c.Summaries, err = s.summaries(ctx, tx, c.Visit, 1)
		return err
	})
	return c, err
}

// chartView is the page of that.
type chartView struct {
	Service, When, Zone, Record string
	Notes                       []noteView
	Summary                     *summaryView
	Files                       []fileView
}

func (s *Service) serveChart(w http.ResponseWriter, r *http.Request) {
	c, err := s.EmergencyChart(r.Context(), web.Actor(r.Context()), r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	site, err := s.siteOf(r.Context(), c.Visit)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := s.config.Pages.Words(r)
	at := func(t time.Time) string { return own.Moment(t.In(site.Zone)) }
	view := chartView{Service: c.Visit.Service, When: at(c.Visit.StartsAt), Zone: own.Zone(site.Zone), Record: recordPath(c.Visit.ID)}
	for _, n := range c.Notes {
		view.Notes = append(view.Notes, newNoteView(n, at, own))
	}
	if len(c.Summaries) > 0 {
		view.Summary = s.summaryView(c.Summaries[0], site.Zone, own)
		view.Files = fileViews(c.Summaries[0].Files, emergency.NotesPath(c.Visit.ID), own)
	}
	s.config.Pages.Render(w, r, http.StatusOK, "after/chart", web.Page{Title: own.T("after.chart"), Active: emergency.Path, Body: view})
}
