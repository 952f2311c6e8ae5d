package visits

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
)

// What a device check says of a device, and of the line.
const (
	checkOK      = "ok"
	checkFault   = "fault"
	checkPoor    = "poor"
	checkBlocked = "blocked"
	checkUnknown = "unknown"
)

// Limits of what a browser says of a device check.
const (
	maxBrowser   = 60     // characters of its name
	maxRoundTrip = 60_000 // milliseconds
)

// DeviceCheck is how the devices and the line of somebody did when they tried them, before their visit or while they waited.
type DeviceCheck struct {
	At          time.Time
	Camera      string // ok, fault or unknown
	Microphone  string
	Speaker     string
	Network     string // ok, poor, blocked or unknown
	RTTMS       int    // round trip to the media port in milliseconds; -1: unknown
	LossPct     int    // packets lost on the way there and back, in percent; -1: unknown
	Browser     string // "Chrome 126, Android"
	Unsupported bool   // the browser can't show a visit
}

// Faults names what did not do well, in the words that a clinician's queue has for it: old, camera, microphone, speaker, poor or blocked.
func (c DeviceCheck) Faults() (all []string) {
	if c.Unsupported {
		all = append(all, "old")
	}
	for _, device := range []struct{ name, finding string }{{"camera", c.Camera}, {"microphone", c.Microphone}, {"speaker", c.Speaker}} {
		if device.finding == checkFault {
			all = append(all, device.name)
		}
	}
	if c.Network == checkPoor || c.Network == checkBlocked {
		all = append(all, c.Network)
	}
	return all
}

// NeedsHelp says whether somebody should call the person before the visit: more is wrong than a weak line.
func (c DeviceCheck) NeedsHelp() bool {
	faults := c.Faults()
	return len(faults) > 1 || len(faults) == 1 && faults[0] != checkPoor
}

// Passed says whether a visit will do: nothing needs help, and what a visit needs was seen to work.
func (c DeviceCheck) Passed() bool {
	return !c.NeedsHelp() && c.Camera == checkOK && c.Microphone == checkOK && c.Network != checkUnknown
}

// says whether anything was found at all.
func (c DeviceCheck) says() bool {
	return c.Unsupported || c.Camera != checkUnknown || c.Microphone != checkUnknown || c.Speaker != checkUnknown || c.Network != checkUnknown
}

// CompletedBy is a check with what it does not know as an earlier one found it, and whether anything is from there.
func (c DeviceCheck) CompletedBy(earlier DeviceCheck) (all DeviceCheck, older bool) {
	take := func(own *string, then string) {
		if *own == checkUnknown && then != checkUnknown {
			*own, older = then, true
		}
	}
	take(&c.Camera, earlier.Camera)
	take(&c.Microphone, earlier.Microphone)
	take(&c.Speaker, earlier.Speaker)
	if c.Network == checkUnknown && earlier.Network != checkUnknown {
		c.Network, c.RTTMS, c.LossPct, older = earlier.Network, earlier.RTTMS, earlier.LossPct, true
	}
	return c, older
}

// Works says whether camera and microphone were seen to work, and nothing else does not.
func (c DeviceCheck) Works() bool {
	return c.Camera == checkOK && c.Microphone == checkOK && len(c.Faults()) == 0
}

// check says what is wrong with what a browser says.
func (c DeviceCheck) check() error {
	var wrong []fault.Field
	oneOf := func(field, word string, known ...string) {
		if !slices.Contains(known, word) {
			wrong = append(wrong, fault.Field{Field: field, Detail: "must be one of " + strings.Join(known, ", ")})
		}
	}
	oneOf("camera", c.Camera, checkOK, checkFault, checkUnknown)
	oneOf("microphone", c.Microphone, checkOK, checkFault, checkUnknown)
	oneOf("speaker", c.Speaker, checkOK, checkFault, checkUnknown)
	oneOf("network", c.Network, checkOK, checkPoor, checkBlocked, checkUnknown)
	if c.RTTMS < -1 || c.RTTMS > maxRoundTrip {
		wrong = append(wrong, fault.Field{Field: "rtt_ms", Detail: fmt.Sprintf("must be from -1 to %d", maxRoundTrip)})
	}
	if c.LossPct < -1 || c.LossPct > 100 {
		wrong = append(wrong, fault.Field{Field: "loss_pct", Detail: "must be from -1 to 100"})
	}
	if key, detail := checkLine(c.Browser); key != "" && key != "empty" {
		wrong = append(wrong, fault.Field{Field: "browser", Detail: detail})
	} else if utf8.RuneCountInString(c.Browser) > maxBrowser {
		wrong = append(wrong, fault.Field{Field: "browser", Detail: fmt.Sprintf("must have at most %d characters", maxBrowser)})
	}
	return fault.InvalidAll(wrong...)
}

// early makes nothing of it that a session's visit has not opened yet: who tries their devices may do so before.
func early(err error) error {
	if fault.CodeOf(err) == fault.CodeTooEarly {
		return nil
	}
	return err
}

// ReportCheck keeps how the device check of a session's holder went, in the place of what was kept of it before. It may be too early for the visit.
func (s *Service) ReportCheck(ctx context.Context, visit, token string, c DeviceCheck) error {
	known, err := s.session(ctx, s.config.DB, visit, token)
	if known.You.ID == "" {
		return err
	}
	if err := web.Allow(ctx, s.config.Limiter, "session:"+known.Session, sessionLimit, sessionWindow); err != nil {
		return err
	}
	actor := auth.Actor{Kind: auth.KindInvitation, ID: known.You.ID, Role: known.You.Role}
	return s.act(ctx, actor, "device_check.report", "", store.About("invitation", known.You.ID), func(tx *store.Tx, a *store.Act) error {
		e, err := s.session(ctx, tx, visit, token)
		if err := early(err); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}
		a.Detail = "visit " + e.Visit.ID
		c.At = s.now()
		return putCheck(ctx, tx, e.Visit.ID, e.You.ID, c)
	})
}

// KeepCheck keeps how the devices of somebody did who waited in a visit's room until c.At, in the place of what was kept of them before: that stays of it which
// was found on the same browser and not looked for again. A check that found nothing out changes nothing.
func (s *Service) KeepCheck(ctx context.Context, visit string, of auth.Actor, c DeviceCheck) error {
	if !c.says() {
		return nil
	}
	return s.act(ctx, of, "device_check.report", "", store.About("invitation", of.ID), func(tx *store.Tx, a *store.Act) error {
		if _, err := invitationRow(ctx, tx, visit, of.ID); err != nil {
			return err
		}
		before, err := store.Collect(ctx, tx, scanCheck, `SELECT `+checkColumns+` FROM device_checks WHERE visit_id = ? AND invitation_id = ?`, visit, of.ID)
		if err != nil {
			return fmt.Errorf("read a device check: %w", err)
		}
		for _, b := range before {
			if b.Browser == c.Browser {
				c, _ = c.CompletedBy(b.DeviceCheck)
			}
		}
		a.Detail = "visit " + visit
		return putCheck(ctx, tx, visit, of.ID, c)
	})
}

// putCheck writes a check in the place of the one before.
func putCheck(ctx context.Context, tx *store.Tx, visit, invitation string, c DeviceCheck) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO device_checks (`+checkColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (visit_id, invitation_id) DO UPDATE SET at = excluded.at, camera = excluded.camera, microphone = excluded.microphone, speaker = excluded.speaker,
		network = excluded.network, rtt_ms = excluded.rtt_ms, loss_pct = excluded.loss_pct, browser = excluded.browser, unsupported = excluded.unsupported`,
		visit, invitation, store.Millis(c.At), c.Camera, c.Microphone, c.Speaker, c.Network, c.RTTMS, c.LossPct, c.Browser, number(c.Unsupported))
	if err != nil {
		return fmt.Errorf("keep a device check: %w", err)
	}
	return nil
}

const checkColumns = `visit_id, invitation_id, at, camera, microphone, speaker, network, rtt_ms, loss_pct, browser, unsupported`

// scanCheck reads checkColumns.
func scanCheck(r *sql.Rows) (c invitedCheck, err error) {
	var at int64
	var unsupported int
	err = r.Scan(&c.visit, &c.invitation, &at, &c.Camera, &c.Microphone, &c.Speaker, &c.Network, &c.RTTMS, &c.LossPct, &c.Browser, &unsupported)
	c.At, c.Unsupported = store.Time(at), unsupported == 1
	return c, err
}

// invitedCheck is a device check, and whose.
type invitedCheck struct {
	visit, invitation string
	DeviceCheck
}

// fillChecks gives the invitations of visits their device checks. place says where each visit stands; ids are theirs.
func fillChecks(ctx context.Context, q store.Queryer, visits []Visit, place map[string]int, ids []any) error {
	all, err := store.Collect(ctx, q, scanCheck, `SELECT `+checkColumns+`
		FROM device_checks WHERE visit_id IN (?`+strings.Repeat(`, ?`, len(ids)-1)+`)`, ids...)
	if err != nil {
		return fmt.Errorf("read device checks: %w", err)
	}
	for _, c := range all {
		invited := visits[place[c.visit]].Invitations
		for n := range invited {
			if invited[n].ID == c.invitation {
				invited[n].Check = &c.DeviceCheck
			}
		}
	}
	return nil
}

// Tested is how the devices of a visit's people did.
type Tested struct {
	Worst *DeviceCheck // of those that people made who are told of the visit; nil: none was
	Part  bool         // somebody of the family made none who is told of the visit
}

// Tested is how the devices of the people did who are invited to a visit that was read whole, and told of it: one may have become confidential since a guardian tested theirs.
func (v Visit) Tested() (t Tested) {
	for _, i := range v.Invitations {
		if !i.Revoked() && !v.HiddenFrom(i.Role) {
			t.Worst = worse(t.Worst, i.Check)
			t.Part = t.Part || i.Check == nil && OfFamily(i.Role)
		}
	}
	return t
}

// ToCome says whether nobody was admitted yet.
func (v Visit) ToCome() bool { return v.State == Scheduled || v.State == Open }

// worse is the one of two device checks that lists of visits tell of: who needs help before who is not known to do without, and anything before nothing.
func worse(a, b *DeviceCheck) *DeviceCheck {
	switch {
	case a == nil || b != nil && b.NeedsHelp():
		return b
	case b == nil || a.NeedsHelp() || !a.Passed():
		return a
	}
	return b
}

// deviceCheckJSON is a device check as browsers say it: docs/protocol.md, section 2.
type deviceCheckJSON struct {
	Camera      string `json:"camera"`
	Microphone  string `json:"microphone"`
	Speaker     string `json:"speaker"`
	RTTMS       int    `json:"rtt_ms"`
	LossPct     int    `json:"loss_pct"`
	Network     string `json:"network"`
	Browser     string `json:"browser"`
	Unsupported bool   `json:"unsupported"`
}

func (s *Service) serveDeviceCheck(w http.ResponseWriter, r *http.Request) {
	var in deviceCheckJSON
	_, err := s.CheckCaller(r)
	if !errors.Is(err, fault.NotFound) {
		err = web.ReadJSON(w, r, maxBody, &in)
	}
	if err == nil {
		err = s.ReportCheck(r.Context(), r.PathValue("visit"), sessionOf(r), DeviceCheck{Camera: in.Camera, Microphone: in.Microphone, Speaker: in.Speaker, Network: in.Network,
			RTTMS: in.RTTMS, LossPct: in.LossPct, Browser: typed.Line(in.Browser), Unsupported: in.Unsupported})
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// CheckCaller is Caller for the connection test, which may be made before the visit opens.
func (s *Service) CheckCaller(r *http.Request) (session string, err error) {
	e, err := s.session(r.Context(), s.config.DB, r.PathValue("visit"), sessionOf(r))
	return e.Session, early(err)
}
