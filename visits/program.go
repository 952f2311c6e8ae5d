package visits

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/store"

	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/words"
	"housecall/visits/calendar"
)

// What other parts of the program ask of visits on nobody's behalf. It leaves no audit row: whoever uses it audits what it is used for.

// Visit reads one visit with its invitations.
func (s *Service) Visit(ctx context.Context, id string) (Visit, error) {
	return s.visitWhole(ctx, s.config.DB, id)
}

// InSeries are all visits of a series with their invitations, in order of their start.
func (s *Service) InSeries(ctx context.Context, series string) ([]Visit, error) {
	all, err := s.seriesRows(ctx, s.config.DB, series)
	if err != nil {
		return nil, err
	}
	return all, fillInvitations(ctx, s.config.DB, all)
}

// VisitIn is Visit in a transaction.
func (s *Service) VisitIn(ctx context.Context, tx *store.Tx, id string) (Visit, error) {
	return s.visitWhole(ctx, tx, id)
}

// VisitsOf reads visits in q without their invitations, by their ids, as far as there are any: some of the ids may be of other things.
func (s *Service) VisitsOf(ctx context.Context, q store.Queryer, ids []string) (map[string]Visit, error) {
	list, args := store.In(ids)
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Visit, error) { return s.config.Window.scanVisit(r.Scan) },
		`SELECT `+visitColumns+` FROM visits WHERE id IN `+list, args...)
	if err != nil {
		return nil, fmt.Errorf("read visits: %w", err)
	}
	found := make(map[string]Visit, len(all))
	for _, v := range all {
		found[v.ID] = v
	}
	return found, nil
}

// Reach is how somebody is written to. What is empty is not known, or must not be used.
type Reach struct {
	Email    phi.Text
	Phone    phi.Text // E.164
	Language string   // that they read; never empty
}

// ReachOf is how a person of a visit is written to, as the hospital knows it now. Of a confidential visit nobody of the family hears but the patient, in ways
// that nobody else of the family reads.
func (s *Service) ReachOf(ctx context.Context, v Visit, i Invitation) (Reach, error) {
	site, err := s.SiteOf(ctx, v)
	if err != nil {
		return Reach{}, err
	}
	r := Reach{Email: i.Email, Phone: i.Phone, Language: i.Language}
	if r.Language == "" && len(site.Languages) > 0 && OfFamily(i.Role) {
		r.Language = site.Languages[0]
	}
	r.Language = cmp.Or(r.Language, words.Fallback)
	if v.PatientID == "" || s.config.Patients == nil || !OfFamily(i.Role) && !v.Confidential {
		if v.HiddenFrom(i.Role) {
			r.Email, r.Phone = "", ""
		}
		return r, nil
	}
	patient, err := s.config.Patients.Patient(ctx, v.PatientID)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return Reach{}, err
	}
	r.Email, r.Phone = v.addresses(i, patient)
	return r, nil
}

// addresses are where a person of a visit is written to, as the visit's patient is; a patient who is not known has no contacts. Empty: nowhere.
func (v Visit) addresses(i Invitation, patient people.Patient) (email, phone phi.Text) {
	known := Practice{Patient: patient}
	contact, found := known.Patient.Contact(i.ContactID)
	if v.HiddenFrom(i.Role) || v.Confidential && OfFamily(i.Role) && found && !slices.Contains(patient.Recipients(true), contact) {
		return "", ""
	}
	email, phone = cmp.Or(contact.Email, i.Email), cmp.Or(contact.Phone, i.Phone)
	if v.Confidential && known.barred(i.Role, email, "") != "" {
		email = ""
	}
	if v.Confidential && known.barred(i.Role, "", phone) != "" {
		phone = ""
	}
	return email, phone
}

// Ways are those in which the server writes to people.
type Ways struct{ Email, SMS bool }

// Sends are the ways in which the server writes to people.
func (s *Service) Sends() Ways { return s.config.Sends }

// Hears says whether messages about a visit go to a person of it.
func (s *Service) Hears(ctx context.Context, v Visit, i Invitation) (bool, error) {
	r, err := s.ReachOf(ctx, v, i)
	return r.Email != "" && s.config.Sends.Email || r.Phone != "" && s.config.Sends.SMS, err
}

// SiteOf is the site of a visit; of one that names none it is the hospital's first.
func (s *Service) SiteOf(ctx context.Context, v Visit) (sites.Site, error) {
	switch {
	case s.config.Sites == nil:
		return s.siteOfOptions(), nil
	case v.SiteID == "":
		return s.config.Sites.Default(ctx)
	}
	return s.config.Sites.Site(ctx, v.SiteID)
}

// siteOfOptions is the hospital as the options have it.
func (s *Service) siteOfOptions() sites.Site {
	return sites.Site{Name: s.config.Site, Phone: s.config.Phone, Calendar: sites.Calendar{Zone: s.config.TimeZone}}
}

// siteForFamily is SiteOf for who needs a number to call most when something is away: then it is what the options say.
func (s *Service) siteForFamily(ctx context.Context, v Visit) sites.Site {
	site, err := s.SiteOf(ctx, v)
	if err != nil {
		return s.siteOfOptions()
	}
	return site
}

// LinkToSend is a person's link where it may stand in what is sent and kept by others: where it asks for the date of birth. Empty: it may not.
func (s *Service) LinkToSend(v Visit, i Invitation) string {
	if !v.AskBirthDate || !OfFamily(i.Role) {
		return ""
	}
	return s.linkURL(i.ID, i.Generation)
}

// QueuePath is the page from which clinicians with an account come into their visits.
const QueuePath = "/queue"

// queueOf is the address of the page from which somebody comes into a visit; "": who has no clinician's account comes by a link.
func (s *Service) queueOf(ctx context.Context, i Invitation) (string, error) {
	if i.Role != auth.Clinician || i.StaffID == "" || s.config.Colleagues == nil {
		return "", nil
	}
	c, err := s.config.Colleagues.Colleague(ctx, i.StaffID)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return "", err
	}
	if c.Role != auth.Clinician {
		return "", nil
	}
	return strings.TrimSuffix(s.config.PublicURL, "/") + QueuePath, nil
}

// entry is the SEQUENCE of a visit's entry in a person's calendar. Who is withdrawn gets a file that takes the visit out: it must be newer than all that they had,
// and older than what they get when they are invited again (RFC 5546, section 2.1.4). So the numbers go up by two with each person who is withdrawn, the visit
// itself stands as it is, and nobody else is written to for that. The visit must have been read whole.
func (v Visit) entry(i Invitation) int {
	n := v.Sequence + 2*(len(v.Invitations)-v.invited())
	if i.Revoked() {
		n--
	}
	return n
}

// CalendarEvent is a visit that was read whole as one person's calendar shows it. The service is not named there: it may tell why somebody comes.
func (s *Service) CalendarEvent(ctx context.Context, v Visit, i Invitation, own *words.Words) (calendar.Event, error) {
	site, err := s.SiteOf(ctx, v)
	if err != nil {
		return calendar.Event{}, err
	}
	organizer := s.config.PublicURL
	if from, err := mail.ParseAddress(s.config.MailFrom); err == nil {
		organizer = from.Address
	}
	queue, err := s.queueOf(ctx, i)
	if err != nil {
		return calendar.Event{}, err
	}
	return calendar.Event{
		UID: v.ID, Sequence: v.entry(i), Starts: v.StartsAt, Ends: v.EndsAt, Zone: site.Zone, Created: v.CreatedAt,
		Site: site.Name, Phone: site.Phone, Organizer: organizer,
		Reader: calendar.Person{Name: i.Name, Email: i.Email, Role: i.Role}, Words: own,
		Link: s.linkURL(i.ID, i.Generation), AsksBirthDate: v.AskBirthDate && OfFamily(i.Role), Queue: queue,
	}, nil
}
