package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/phi"
	"housecall/platform/sites"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// NewVisitNote is the button on a patient's page that begins a visit with them, for whoever may plan one.
func NewVisitNote(_ context.Context, actor auth.Actor, patient string, own *words.Words) (note people.Note, _ error) {
	if actor.May(auth.VisitSchedule) {
		note = people.Note{Button: own.T("desk.new.title"), Path: Path + "/new?" + url.Values{"patient_id": {patient}}.Encode()}
	}
	return note, nil
}

// patientPart is the part of the form for a new visit that says for whom it is: a patient whom the hospital knows, or else a new one.
type patientPart struct {
	PatientID          string // of a known one
	Known              *knownPatient
	Patient            string // the name of a new one
	Number             string // the hospital's own
	OwnPhone, OwnEmail string
	Keep               bool   // among the patients
	Confidential       string // yes, no, or as visits of the service are
	Contacts           []string
	MayFind, MayKeep   bool
	MaxNumber          int
	Asked              bool // patients were looked for
	Found, Alike       []foundPatient
	Owner              bool     // Alike is who has the number that was typed
	Differs            []string // what of them differs from what was typed, in words
	FoundMore          bool     // there are more than those found
	Sure               string   // those alike whom the reader has seen

	known     people.Patient
	contactOf map[int]int // by the row of somebody more: which contact of the new patient that is, from 1
}

// knownPatient is a patient as the form shows them.
type knownPatient struct {
	foundPatient
	Path       string
	Language   string
	Guardians  []guardianChoice
	AskBorn    bool   // the birth date is not known
	WriteUsual string // who is written to when the visit is not confidential, in words
	WriteOnly  string // and when it is
}

// guardianChoice is a guardian who may be invited.
type guardianChoice struct {
	ID, Name, Relation, Reach string
	Chosen                    bool
}

func newGuardianChoice(c people.Contact, chosen bool) guardianChoice {
	return guardianChoice{ID: c.ID, Name: c.Name.Reveal(), Relation: c.Relation.Reveal(), Reach: reachWords(c), Chosen: chosen}
}

// foundPatient is a patient of a list.
type foundPatient struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Born   string `json:"born"`
	Number string `json:"number"`
}

func readPatientPart(v url.Values) patientPart {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return patientPart{PatientID: get("patient_id"), Patient: get("patient"), Number: get("number"), OwnPhone: get("own_phone"), OwnEmail: get("own_email"),
		Keep: v.Has("keep_patient"), Confidential: get("confidential"), Contacts: v["contact"], Sure: get("sure")}
}

// press does what one of the buttons for patients asks for; false: none was pressed.
func (d *Desk) press(r *http.Request, f *visitForm) (bool, error) {
	switch {
	case r.PostForm.Has("find"):
		return true, d.findPatients(r, f)
	case r.PostForm.Has("pick"):
		f.PatientID, f.Sure, f.Alike = r.PostForm.Get("pick"), "", nil
		if err := d.knowPatient(r, f); err != nil {
			return true, err
		}
		f.pickAll()
		return true, nil
	case r.PostForm.Has("unpick"):
		f.PatientID, f.Known, f.Contacts = "", nil, nil
		return true, nil
	}
	return false, nil
}

// findPatients looks for who is typed.
func (d *Desk) findPatients(r *http.Request, f *visitForm) error {
	if f.Patient == "" {
		f.wrong("patient", "patient.empty")
		return nil
	}
	found, err := d.config.Patients.Search(r.Context(), web.Actor(r.Context()), f.Patient)
	if fields, ok := fault.FieldsOf(err); ok {
		f.say("patient", "patients.wrong.query."+fields[0].Key, "max", people.MaxQuery, "words", people.MaxWords)
		return nil
	}
	if err != nil {
		return err
	}
	f.Asked, f.FoundMore = true, found.More
	f.Found = foundPatients(found.Patients, f.own)
	return nil
}

func foundPatients(all []people.Patient, own *words.Words) (found []foundPatient) {
	for _, p := range all {
		found = append(found, newFoundPatient(p, own))
	}
	return found
}

func newFoundPatient(p people.Patient, own *words.Words) foundPatient {
	l := foundPatient{ID: p.ID, Name: p.Name.Reveal(), Born: own.T("patients.unknown"), Number: p.Number.Reveal()}
	if born, err := time.Parse(time.DateOnly, p.BirthDate.Reveal()); err == nil {
		l.Born = own.Date(born)
	}
	return l
}

// suggest answers the script that looks for patients while somebody types. It is no GET, since an address would hold the name.
func (d *Desk) suggest(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	own := d.config.Pages.Words(r)
	answer := struct {
		Said  string         `json:"said"` // how many were found
		Found []foundPatient `json:"found"`
	}{Found: []foundPatient{}}
	if d.config.Patients == nil {
		web.NotFound(w, r)
		return
	}
	found, err := d.config.Patients.Search(r.Context(), web.Actor(r.Context()), r.PostForm.Get("patient"))
	if _, ok := fault.FieldsOf(err); err != nil && !ok { // a search for too little finds nobody
		web.Problem(w, r, err)
		return
	}
	answer.Found = append(answer.Found, foundPatients(found.Patients, own)...)
	answer.Said = own.N("patients.found", len(found.Patients))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // whoever is gone gets nothing
}

// knowPatient reads the patient who was chosen.
func (d *Desk) knowPatient(r *http.Request, f *visitForm) error {
	c, actor := d.config, web.Actor(r.Context())
	if c.Patients == nil {
		f.PatientID = ""
		return nil
	}
	f.MayFind, f.MayKeep, f.MaxNumber = c.Patients.May(actor, people.Read), c.Patients.May(actor, people.Write), people.MaxNumber
	if f.PatientID == "" {
		return nil
	}
	p, err := c.Patients.Show(r.Context(), actor, f.PatientID)
	if err != nil {
		return err
	}
	f.known = p
	k := knownPatient{foundPatient: newFoundPatient(p, f.own), Path: people.Path + "/" + p.ID, AskBorn: p.BirthDate == ""}
	if p.Language != "" {
		k.Language = d.config.Pages.In(p.Language).Name
	}
	for _, contact := range p.Contacts {
		if contact.Kind == people.Guardian {
			k.Guardians = append(k.Guardians, newGuardianChoice(contact, slices.Contains(f.Contacts, contact.ID)))
		}
	}
	k.WriteUsual = f.own.T("desk.new.writes_ticked")
	if own := visits.OwnContact(p, false); own.ID != "" {
		k.WriteUsual = f.own.T("desk.new.writes_usual", "who", reachWords(own))
	}
	k.WriteOnly = f.own.T("desk.new.writes_nobody")
	if own := visits.OwnContact(p, true); own.ID != "" {
		k.WriteOnly = f.own.T("desk.new.writes_only", "who", reachWords(own))
	}
	if d.config.Visits.Sends() == (visits.Ways{}) {
		k.WriteUsual, k.WriteOnly = f.own.T("desk.new.writes_off"), ""
	}
	f.Known = &k
	return nil
}

// pickAll invites all guardians of the patient who was chosen, and reminds the form of them.
func (f *visitForm) pickAll() {
	if f.Known == nil {
		return
	}
	f.Contacts = nil
	for i, g := range f.Known.Guardians {
		f.Contacts, f.Known.Guardians[i].Chosen = append(f.Contacts, g.ID), true
	}
}

// reachWords is how a contact is reached.
func reachWords(c people.Contact) string {
	if c.Phone != "" {
		return people.PhoneWords(c.Phone).Reveal()
	}
	return c.Email.Reveal()
}

// confidential says whether the visit is to be confidential.
func (f *visitForm) confidential(service sites.Service) bool {
	return f.Confidential == "yes" || f.Confidential != "no" && service.Confidential
}

// freshPatient makes the patient who is to be kept together with the visit, ready; nil: none is, or something is wrong with them.
func (d *Desk) freshPatient(ctx context.Context, f *visitForm, r *visits.Request) (*people.Patient, error) {
	if f.PatientID != "" || f.Patient == "" || !f.Keep || !f.MayKeep {
		return nil, nil
	}
	p := people.Patient{SiteID: f.SiteID, Name: phi.Text(f.Patient), BirthDate: r.BirthDate, Language: f.Language, Number: phi.Text(f.Number)}
	fields := []string{} // of each contact
	if f.OwnEmail+f.OwnPhone != "" {
		p.Contacts = append(p.Contacts, people.Contact{Kind: people.Self, Email: phi.Text(f.OwnEmail), Phone: phi.Text(f.OwnPhone), Confidential: *r.Confidential})
		fields = append(fields, "patient")
	}
	f.contactOf = map[int]int{}
	for i, m := range f.More {
		if m.Role == string(people.Guardian) && m.Name != "" && m.Email+m.Phone != "" {
			p.Contacts = append(p.Contacts, people.Contact{Kind: people.Guardian, Name: phi.Text(m.Name), Email: phi.Text(m.Email), Phone: phi.Text(m.Phone)})
			fields, f.contactOf[i] = append(fields, fmt.Sprintf("more_name_%d", i)), len(p.Contacts)
		}
	}
	p, err := d.config.Patients.Prepare(ctx, p)
	if wrong, ok := fault.FieldsOf(err); ok {
		for _, e := range wrong {
			f.takePatient(e, fields)
		}
		if slices.ContainsFunc(wrong, func(e fault.Field) bool { return e.Field == "number" && e.Key == "taken" }) {
			return nil, d.offerOwner(ctx, f, r.BirthDate)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.PatientID, r.NewPatient = p.ID, &p
	return &p, nil
}

// offerOwner offers the patient who has the number that was typed, and says what of them differs, so that a slip is found. Who may not look for patients is
// shown nobody.
func (d *Desk) offerOwner(ctx context.Context, f *visitForm, born phi.Text) error {
	if !f.MayFind {
		return nil
	}
	site, err := d.config.Visits.SiteOf(ctx, visits.Visit{Booking: visits.Booking{SiteID: f.SiteID}})
	if err != nil {
		return err
	}
	found, err := d.config.Patients.Search(ctx, web.Actor(ctx), f.Number)
	if _, odd := fault.FieldsOf(err); odd { // too much to look for at once
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range found.Patients {
		if p.SiteID != site.ID || !people.SameNumber(p.Number, phi.Text(f.Number)) {
			continue
		}
		f.Owner, f.Alike = true, []foundPatient{newFoundPatient(p, f.own)}
		if !people.Named(p.Name, f.Patient) {
			f.Differs = append(f.Differs, f.own.T("desk.new.owner_name"))
		}
		if born != "" && born != p.BirthDate {
			f.Differs = append(f.Differs, f.own.T("desk.new.owner_born"))
		}
	}
	return nil
}

// takePatient turns what is wrong with a new patient into words beside the form's fields.
func (f *visitForm) takePatient(e fault.Field, contacts []string) {
	var i int
	var part string
	if _, err := fmt.Sscanf(e.Field, "contacts[%d].%s", &i, &part); err == nil && i < len(contacts) {
		field := contacts[i]
		if part != "name" {
			field = fieldOf(field, part)
		}
		f.say(field, "patients.wrong.contact."+part+"."+e.Key, "max", people.MaxName)
		return
	}
	switch e.Field {
	case "name":
		f.say("patient", "patients.wrong.name."+e.Key, "max", people.MaxName)
	case "birth_date", "language":
		f.say(e.Field, "patients.wrong."+e.Field+"."+e.Key)
	case "number":
		f.say("number", "patients.wrong.number."+e.Key, "max", people.MaxNumber)
	case "contacts":
		f.wrong("patient", "people.many", "max", people.MaxContacts)
	default:
		f.wrong("service", "other")
	}
}

// doubt says whether there are patients like the new one whom the reader has not seen.
func (d *Desk) doubt(r *http.Request, f *visitForm, fresh *people.Patient) (bool, error) {
	if fresh == nil {
		return false, nil
	}
	doubts, err := d.config.Patients.Doubts(r.Context(), web.Actor(r.Context()), *fresh)
	if err != nil {
		return false, err
	}
	var ids []string
	for _, doubt := range doubts {
		for _, p := range doubt.Alike {
			f.Alike, ids = append(f.Alike, newFoundPatient(p, f.own)), append(ids, p.ID)
		}
	}
	seen := strings.Join(ids, " ")
	if seen == "" || seen == f.Sure {
		return false, nil
	}
	f.Sure = seen
	return true, nil
}
