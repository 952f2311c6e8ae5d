package visits

import (
	"context"
	"net/http"
	"net/mail"
	"strconv"

	"housecall/platform/sites"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits/calendar"
)

// serveCalendar gives who holds a visit's cookie its calendar file, to keep by themself.
func (s *Service) serveCalendar(w http.ResponseWriter, r *http.Request) {
	e, err := s.ownAct(r.Context(), "calendar.read", r.PathValue("visit"), sessionOf(r), func(*store.Tx, Entry, *store.Act) error { return nil })
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	event, err := s.calendarEvent(r.Context(), e.Visit, e.You, s.wordsOf(r, e.You))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	file := event.File(calendar.Save, s.now())
	w.Header().Set("Content-Type", calendar.Save.MediaType())
	w.Header().Set("Content-Disposition", `attachment; filename="`+calendar.FileName+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	_, _ = w.Write(file) // #nosec G705 -- an attachment of text/calendar, which no browser runs; whoever is gone gets nothing
}

// wordsOf are the words of somebody whose browser sends a request: in the language they chose, else that of their invitation, else their browser's.
func (s *Service) wordsOf(r *http.Request, i Invitation) *words.Words {
	if _, err := r.Cookie(words.Cookie); err != nil && i.Language != "" {
		return s.config.Words.In(i.Language)
	}
	return s.config.Words.For(r)
}

// calendarEvent is a visit as one person's calendar shows it. The service is not named there: it may tell why somebody comes.
func (s *Service) calendarEvent(ctx context.Context, v Visit, i Invitation, own *words.Words) (calendar.Event, error) {
	site := sites.Site{Name: s.config.Site, Phone: s.config.Phone, Calendar: sites.Calendar{Zone: s.config.TimeZone}}
	if v.SiteID != "" && s.config.Sites != nil {
		var err error
		if site, err = s.config.Sites.Site(ctx, v.SiteID); err != nil {
			return calendar.Event{}, err
		}
	}
	organizer := s.config.PublicURL
	if from, err := mail.ParseAddress(s.config.MailFrom); err == nil {
		organizer = from.Address
	}
	return calendar.Event{
		UID: v.ID, Sequence: v.Sequence, Starts: v.StartsAt, Ends: v.EndsAt, Zone: site.Zone, Created: v.CreatedAt,
		Site: site.Name, Phone: site.Phone, Organizer: organizer,
		Reader: calendar.Person{Name: i.Name, Email: i.Email, Role: i.Role}, Words: own,
		Link: s.linkURL(i.ID, i.Generation), AsksBirthDate: v.AskBirthDate && OfFamily(i.Role),
	}, nil
}
