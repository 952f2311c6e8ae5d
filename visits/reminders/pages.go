package reminders

import (
	"context"
	"embed"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/notify"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
	"housecall/visits/desk"
)

//go:embed pages/*.html
var pageFiles embed.FS

// Desk is the page of a visit's messages, and the list of those that somebody must look at. It decides nothing: the Service and the table of roles do.
type Desk struct {
	service *Service
	pages   *web.Pages
	zone    func(context.Context) (*time.Location, error) // of what is about no visit: the first site's
}

// NewDesk parses the pages. zone gives that of times which belong to no visit.
func NewDesk(s *Service, pages *web.Pages, zone func(context.Context) (*time.Location, error)) (*Desk, error) {
	return &Desk{s, pages, zone}, pages.Add("reminders", store.Folder(pageFiles, "pages"))
}

// Routes adds the page.
func (d *Desk) Routes(routes *web.Routes) {
	routes.HandleFunc("GET "+desk.Path+"/visits/{visit}/messages", web.Staff(auth.VisitRead), d.messages)
	routes.HandleFunc("POST "+desk.Path+"/visits/{visit}/messages/{message}/again", web.Staff(auth.VisitSchedule), d.again)
	routes.HandleFunc("POST "+desk.Path+"/visits/{visit}/late", web.Staff(Late), d.late)
	routes.HandleFunc("POST "+desk.Path+"/visits/{visit}/people/{person}/again", web.Staff(auth.VisitSchedule), d.linkAgain)
	d.unsettledRoutes(routes)
}

// messagesView is the messages of a visit, in words.
type messagesView struct {
	Path, Back string
	Body       string // by which ways the server writes
	When, Zone string
	Done       string // what has just been done
	Undone     bool   // it leaves somebody to be called
	People     []personView
	Next       []string // when people will be reminded
	Minutes    []int    // to choose from
	MayLate    bool     // also by what the visit is
	MayAgain   bool
}

type personView struct {
	Name, Role string
	Revoked    bool
	Reach      []reachView
	Why        string // nobody writes to them, if nobody does
	Check      checkView
	Messages   []messageView
}

// checkView is how somebody's test of their devices went.
type checkView struct{ State, Tone, More string }

// checkOf says it of an invited person; of a family also that there was none, while there is time for one.
func (s *Service) checkOf(v visits.Visit, i visits.Invitation, zone *time.Location, own *words.Words) (c checkView) {
	c.State, c.Tone, c.More = desk.CheckWords(i.Check, zone, own)
	if c.State == "" && visits.OfFamily(i.Role) && !i.Revoked() && !v.State.Over() && s.now().Before(v.StartsAt) {
		c.State = own.T("reminders.check_none")
	}
	return c
}

// reachView is how somebody is written to now.
type reachView struct{ Channel, Masked string }

type messageView struct {
	ID, Kind, Channel, State, Tone, At string
	Again                              bool // it can be sent again
	Twice                              bool // its reader may get it twice, then
}

func (d *Desk) messages(w http.ResponseWriter, r *http.Request) {
	ctx, actor := r.Context(), web.Actor(r.Context())
	v, err := d.service.config.Visits.Show(ctx, actor, r.PathValue("visit"))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	view, err := d.view(ctx, v, d.pages.Words(r))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	view.MayLate = view.MayLate && d.service.config.Policy.Allows(actor, Late)
	view.MayAgain = d.service.config.Policy.Allows(actor, auth.VisitSchedule)
	view.Done, view.Undone = done(r, d.pages.Words(r))
	d.pages.Render(w, r, http.StatusOK, "reminders/messages", web.Page{Title: d.pages.Words(r).T("reminders.title"), Active: desk.Path, Body: view})
}

// view is a visit's messages in somebody's words.
func (d *Desk) view(ctx context.Context, v visits.Visit, own *words.Words) (messagesView, error) {
	p, err := d.service.plan(ctx, v)
	if err != nil {
		return messagesView{}, err
	}
	all, err := d.service.addressees(ctx, v)
	if err != nil {
		return messagesView{}, err
	}
	statuses, err := d.service.config.Outbox.About(ctx, v.ID)
	if err != nil {
		return messagesView{}, err
	}
	path := desk.Path + "/visits/" + v.ID
	view := messagesView{Path: path, Back: path, Body: d.service.bodyWords(v, own), When: own.Moment(v.StartsAt.In(p.zone)), Zone: own.Zone(p.zone),
		Minutes: []int{5, 10, 15, 20, 30, 45, 60, 90, 120}, MayLate: d.service.soon(v) == nil}
	for _, at := range p.times() {
		if len(all) == 0 {
			break // there is nobody to remind
		}
		view.Next = append(view.Next, own.Moment(at.In(p.zone)))
	}
	for _, i := range v.Invitations {
		person := personView{Name: i.Name.Reveal(), Role: own.T("role." + string(i.Role)), Revoked: i.Revoked(), Why: whyNot(v, i, own), Check: d.service.checkOf(v, i, p.zone, own)}
		for _, a := range all {
			if a.invitation.ID == i.ID && !i.Revoked() {
				person.Reach = append(person.Reach, reachView{own.T("reminders.channel." + string(a.channel)), masked(a.to)})
			}
		}
		for _, s := range statuses {
			if invitationOf(s) == i.ID {
				person.Messages = append(person.Messages, messageOf(s, p.zone, own))
			}
		}
		view.People = append(view.People, person)
	}
	return view, nil
}

// bodyWords say by which ways the server writes to the people of a visit.
func (s *Service) bodyWords(v visits.Visit, own *words.Words) string {
	switch key := s.bodyKey(); {
	case v.Confidential && key == "reminders.body_none":
		return own.T("reminders.body_none_confidential")
	case v.Confidential:
		return own.T(key) + " " + own.T("reminders.body_confidential")
	default:
		return own.T(key)
	}
}

// bodyKey names the words for the ways in which the server writes to people.
func (s *Service) bodyKey() string {
	switch email, sms := s.config.Outbox.Sends(notify.Email), s.config.Outbox.Sends(notify.SMS); {
	case email && sms:
		return "reminders.body"
	case email:
		return "reminders.body_email"
	case sms:
		return "reminders.body_sms"
	}
	return "reminders.body_none"
}

// whyNot says why nobody is written to who is reached in no way. A clinician whom a scheduler books by their account is not, as docs/decisions/0055 has it.
func whyNot(v visits.Visit, i visits.Invitation, own *words.Words) string {
	switch {
	case i.Revoked():
		return own.T("reminders.kind.uninvited")
	case v.HiddenFrom(i.Role):
		return own.T("reminders.hidden")
	case i.Role == auth.Clinician && i.StaffID != "":
		return own.T("reminders.in_queue")
	}
	return own.T("reminders.unreachable")
}

func messageOf(s notify.Status, zone *time.Location, own *words.Words) messageView {
	tone := map[notify.State]string{notify.Sent: "good", notify.Unsure: "warn", notify.Failed: "danger"}[s.State]
	return messageView{ID: s.ID, Kind: own.T("reminders.kind." + plainKind(s)), Channel: own.T("reminders.channel." + string(s.Channel)),
		State: own.T("reminders.state." + string(s.State)), Tone: tone, At: own.Moment(s.Changed.In(zone)),
		Again: needsLook(s), Twice: s.State == notify.Unsure}
}

// invitationOf is whom a message was written to; "": it is none of ours.
func invitationOf(s notify.Status) string {
	k, err := parseKey(s.Key)
	if err != nil {
		return ""
	}
	return k.invitation
}

// plainKind is what a message is about, as pages and programs know it.
func plainKind(s notify.Status) string {
	if s.Part {
		return "series"
	}
	return strings.TrimPrefix(s.Kind, "visit.")
}

// needsLook says whether somebody must look at a message: its reader does not have it, or may not.
func needsLook(s notify.Status) bool { return s.State == notify.Unsure || s.State == notify.Failed }

// masked shows enough of an address to tell it from another, and not enough to write to.
func masked(address phi.Text) string {
	s := []rune(address.Reveal())
	at := slices.Index(s, '@')
	if at < 0 { // a number
		return "…" + string(s[max(0, len(s)-3):])
	}
	return string(s[:min(1, at)]) + "…" + string(s[at:])
}

// done says in words what was just done, and whether it leaves somebody to be called.
func done(r *http.Request, own *words.Words) (done string, undone bool) {
	switch asked := r.URL.Query(); asked.Get("done") {
	case "again":
		return own.T("reminders.again_done"), false
	case "late":
		n, err := strconv.Atoi(asked.Get("messages"))
		if err != nil || n < 1 {
			return own.T("reminders.delay.nobody"), true
		}
		return own.N("reminders.delay.done", n), false
	}
	return "", false
}

func (d *Desk) again(w http.ResponseWriter, r *http.Request) {
	visit := r.PathValue("visit")
	if err := d.service.Again(r.Context(), web.Actor(r.Context()), visit, r.PathValue("message")); err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, desk.Path+"/visits/"+visit+"/messages?done=again")
}

func (d *Desk) late(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	visit := r.PathValue("visit")
	minutes, err := typed.Int(r.PostForm.Get("minutes"))
	if err != nil {
		minutes = 0 // which is refused
	}
	n, err := d.service.Late(r.Context(), web.Actor(r.Context()), visit, minutes)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, desk.Path+"/visits/"+visit+"/messages?done=late&messages="+strconv.Itoa(n))
}

// Again has a message sent once more, of a visit or, where that is empty, of whatever, that has failed, or that may not have been sent. Errors: fault.NotAllowed, fault.NotFound.
func (s *Service) Again(ctx context.Context, actor auth.Actor, visit, message string) error {
	return s.config.Outbox.Again(ctx, actor, s.config.Policy.Allows(actor, auth.VisitSchedule), visit, message)
}
