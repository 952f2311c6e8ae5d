package after

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/platform/emergency"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

const (
	// NotesPath is the list of a clinician's own visits, with what is still to be written of each.
	NotesPath = "/desk/notes"

	listedDays = 30
	listed     = 200 // visits of them, at most
)

// Links are the pages' entries of the navigation.
func Links() []web.Link { return []web.Link{{Path: NotesPath, Words: "after.nav", Action: NoteWrite}} }

// pagePath is where a visit's notes and its summary are.
func pagePath(visit string) string { return "/desk/visits/" + visit + "/after" }

func (s *Service) pageRoutes(routes *web.Routes) {
	write, sum := web.Staff(NoteWrite), web.Staff(SummaryWrite)
	routes.HandleFunc("GET "+NotesPath, write, s.serveList)
	routes.HandleFunc("GET "+pagePath("{visit}"), write, func(w http.ResponseWriter, r *http.Request) { s.showVisit(w, r, http.StatusOK, typedIn{}) })
	routes.HandleFunc("GET "+recordPath("{visit}"), web.Staff(RecordRead), s.serveRecord)
	routes.HandleFunc("GET "+emergency.NotesPath("{visit}"), web.Staff(emergency.Open), s.serveChart)
	routes.HandleFunc("POST "+pagePath("{visit}")+"/note", write, s.serveNoteForm)
	routes.HandleFunc("POST "+pagePath("{visit}")+"/addendum", write, s.serveAddendum)
	routes.HandleFunc("POST "+pagePath("{visit}")+"/summary", sum, s.servePublish)
	routes.HandleFunc("POST "+pagePath("{visit}")+"/people/{person}/again", sum, s.serveAgain)
}

// line is a visit of the list.
type line struct {
	Path, Service, When string
	Note, Summary       string // words for what there is of each; no Summary: it is none of theirs any more
	Open                bool   // the note is begun, and not signed
}

func (s *Service) serveList(w http.ResponseWriter, r *http.Request) {
	own := s.config.Pages.Words(r)
	actor := web.Actor(r.Context())
	var all []line
	act := store.Act{At: s.now(), Actor: actor, Action: "note.list", Subject: store.About("visit", "")}
	err := s.config.DB.Do(r.Context(), act, s.config.Policy.May(actor.Role, NoteWrite), func(tx *store.Tx, a *store.Act) (err error) {
		all, err = s.list(r.Context(), tx, actor.ID, own)
		a.Detail = "visits " + strconv.Itoa(len(all))
		return err
	})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.config.Pages.Render(w, r, http.StatusOK, "after/list", web.Page{Title: own.T("after.nav"), Wide: true, Active: NotesPath, Body: all})
}

// list reads a clinician's visits of the last days that have begun, and those of which they have yet to sign their note, also where a colleague has the visit now; the latest first.
func (s *Service) list(ctx context.Context, q store.Queryer, account string, own *words.Words) ([]line, error) {
	now := s.now()
	site, err := s.config.Sites.Default(ctx)
	if err != nil {
		return nil, err
	}
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (line, error) {
		var l line
		var id string
		var starts, signed int64
		var noted, versions int
		var theirs bool
		if err := r.Scan(&id, &l.Service, &starts, &noted, &signed, &versions, &theirs); err != nil {
			return line{}, err
		}
		at := store.Time(starts).In(site.Zone)
		l.Path, l.When = pagePath(id), own.T("date.moment", "date", own.Day(at), "time", own.Clock(at))
		l.Open = noted > 0 && signed == 0
		switch {
		case signed > 0:
			l.Note = own.T("after.list.signed")
		case noted > 0:
			l.Note = own.T("after.list.begun")
		default:
			l.Note = own.T("after.list.none")
		}
		switch {
		case theirs && versions > 0:
			l.Summary = own.T("after.list.published")
		case theirs:
			l.Summary = own.T("after.list.none")
		}
		return l, nil
	}, `SELECT v.id, v.service, v.starts_at, COALESCE(n.revision, 0), COALESCE(n.signed_at, 0), (SELECT COUNT(*) FROM after_summaries s WHERE s.visit_id = v.id), `+ofVisit+`
		FROM visits v LEFT JOIN after_notes n ON n.visit_id = v.id AND n.author_kind = 'staff' AND n.author_id = ?
		WHERE v.id IN (SELECT v.id FROM visits v WHERE v.starts_at >= ? AND v.starts_at < ? AND v.state IN ('open', 'in_progress', 'ended') AND `+ofVisit+`
			UNION SELECT visit_id FROM after_notes WHERE author_kind = 'staff' AND author_id = ? AND signed_at = 0)
		ORDER BY v.starts_at DESC, v.id LIMIT ?`,
		account, account, account, store.Millis(now.AddDate(0, 0, -listedDays)), store.Millis(now.Add(time.Hour)), account, account, account, listed)
	if err != nil {
		return nil, fmt.Errorf("list visits to write of: %w", err)
	}
	return all, nil
}

// noteView is a note on the page of a visit.
type noteView struct {
	Author, Text, Saved, Signed string
	Paragraphs                  []block
	Addenda                     []addendumView
}

type addendumView struct {
	At         string
	Paragraphs []block
}

// versionView is a version of the summary.
type versionView struct {
	summaryView
	Files []fileView
}

// visitView is the page of a visit's notes and its summary.
type visitView struct {
	Path, NotePath, Service, When string
	Record                        string // its path
	People                        []string
	Zone                          string
	Key                           string // of a write that this page's form makes
	Mine                          noteView
	Revision                      int
	SavedAt                       string // RFC 3339
	Signed                        bool
	Other                         string // what another device of the reader wrote, where the form was sent over it
	Addendum                      string
	Others                        []noteView
	Base                          int // version of the summary that is there
	Summary                       string
	SummaryLanguage               string
	Languages                     []*words.Words
	Versions                      []versionView
	Readers                       []readerView // of the summary that is there
	Files                         []fileView
	FilesPath                     string   // where more are added; empty: they can't be
	FilesLooked                   bool     // a scanner looks at them
	FileTypes                     string   // that are taken, for a field of files
	MaxFiles, MaxFile             int      // how many, and the bytes of each
	MaxFileMega                   int      // the same in megabytes
	NewFile                       fileView // the row of one that is added
	MaxNote, MaxSummary, MaxAdd   int
	Early                         bool // the visit has not taken place yet
	Former                        bool // the reader is none of its clinicians any more, and has their own note alone
	Problems                      web.Problems
	Done                          string
	Undone                        bool // what Done says leaves something to do
}

// typedIn is what a form of the page held, where something was wrong with it.
type typedIn struct {
	note, addendum, summary *string
	language                string
	base                    int       // version of the summary that the form was made from
	files                   *[]string // that the form had, by their ids
	called                  []string  // what these are called
	unfit                   bool      // not all of them can go
	problems                web.Problems
	other                   string
}

func (s *Service) showVisit(w http.ResponseWriter, r *http.Request, status int, t typedIn) {
	writer := Signed(web.Actor(r.Context()), r.PathValue("visit"))
	v, notes, err := s.Notes(r.Context(), writer)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	former := !writer.of(v)
	var versions []Summary
	var added []uploads.Upload
	if !former {
		if versions, added, err = s.Summaries(r.Context(), writer); err != nil {
			web.Problem(w, r, err)
			return
		}
	}
	site, err := s.siteOf(r.Context(), v)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own := s.config.Pages.Words(r)
	at := func(t time.Time) string { return own.Moment(t.In(site.Zone)) }
	mine, starts := notes[0], v.StartsAt.In(site.Zone)
	view := visitView{Path: pagePath(v.ID), NotePath: notePath(v.ID), Record: recordPath(v.ID), Service: v.Service, When: own.T("date.moment", "date", own.Day(starts), "time", own.Clock(starts)),
		Zone: own.Zone(site.Zone), Key: store.NewID(), Mine: newNoteView(mine, at, own), Revision: mine.Revision, Signed: mine.Signed(), Languages: s.config.Pages.Languages(),
		SummaryLanguage: own.Tag, MaxNote: MaxNote, MaxSummary: MaxSummary, MaxAdd: MaxAddendum, Early: v.State != visits.InProgress && v.State != visits.Ended,
		Former: former, Problems: t.problems, Other: t.other}
	if !mine.SavedAt.IsZero() {
		view.SavedAt = mine.SavedAt.Format(time.RFC3339)
	}
	for _, i := range v.Invitations {
		if !i.Revoked() && !former {
			view.People = append(view.People, own.T("after.person", "name", i.Name.Reveal(), "role", own.T("role."+string(i.Role))))
		}
	}
	for _, n := range notes[1:] {
		view.Others = append(view.Others, newNoteView(n, at, own))
	}
	for _, x := range versions {
		view.Versions = append(view.Versions, versionView{*s.summaryView(x, site.Zone, own), fileViews(x.Files, view.Path, own)})
	}
	if len(versions) > 0 {
		view.Base, view.Summary, view.SummaryLanguage = versions[0].Version, versions[0].Text.Reveal(), versions[0].Language
		if view.Readers, err = s.readers(r.Context(), v, at, own); err != nil {
			web.Problem(w, r, err)
			return
		}
	}
	view.Files = formFiles(versions, added, t, view.Path, own)
	if t.unfit {
		view.Problems = append(view.Problems, t.unready(view.Files, own)...)
		if len(view.Problems) == 0 { // it is ready by now
			view.Problems = s.wrong(r, "files", "files", 0)
		}
	}
	if s.takesFiles() && !view.Early && !former {
		view.FilesPath, view.FileTypes, view.MaxFiles, view.MaxFile, view.MaxFileMega, view.NewFile = view.Path+filesPart, strings.Join(fileTypes, ","), MaxFiles, MaxFile, MaxFile/mega, fileView{State: "queued", Goes: true}
		view.FilesLooked = s.config.Uploads.Scanner.Looks()
	}
	view.take(t)
	switch done := r.URL.Query().Get("done"); done {
	case "signed", "saved", "added", "linked":
		view.Done = own.T("after.done." + done)
	case "published":
		told, _ := strconv.Atoi(r.URL.Query().Get("told"))
		view.Done, view.Undone = givenWords(v, told, own)
	}
	s.config.Pages.Render(w, r, status, "after/visit", web.Page{Title: own.T("after.visit.title"), Error: len(view.Problems) > 0, Active: NotesPath, Body: view})
}

// take puts back what somebody typed.
func (v *visitView) take(t typedIn) {
	if t.note != nil {
		v.Mine.Text = *t.note
	}
	if t.addendum != nil {
		v.Addendum = *t.addendum
	}
	if t.summary != nil {
		v.Summary, v.SummaryLanguage = *t.summary, t.language
	}
}

func newNoteView(n Note, at func(time.Time) string, own *words.Words) noteView {
	v := noteView{Author: n.Author.Reveal(), Text: n.Text.Reveal(), Paragraphs: blocks(n.Text.Reveal())}
	if v.Author == "" {
		v.Author = own.T("role.clinician")
	}
	if n.Revision > 0 {
		v.Saved = at(n.SavedAt)
	}
	if n.Signed() {
		v.Signed = at(n.SignedAt)
	}
	for _, a := range n.Addenda {
		v.Addenda = append(v.Addenda, addendumView{at(a.At), blocks(a.Text.Reveal())})
	}
	return v
}

// plain is what a form's text is without a browser's own ends of lines.
func plain(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// serveNoteForm saves or signs the reader's note. A page whose script has saved all of it sends no text.
func (s *Service) serveNoteForm(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	writer := Signed(web.Actor(r.Context()), r.PathValue("visit"))
	base, _ := strconv.Atoi(r.PostForm.Get("base")) // what is no number is no revision
	in := Write{Key: r.PostForm.Get("key"), Base: base, Text: phi.Text(plain(r.PostForm.Get("text")))}
	if !r.PostForm.Has("text") {
		n, err := s.Mine(r.Context(), writer)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		in.Text, in.Base = n.Text, n.Revision
	}
	keep, done := s.Save, "saved"
	if r.PostForm.Get("do") == "sign" {
		keep, done = s.Sign, "signed"
	}
	_, err := keep(r.Context(), writer, in)
	text := in.Text.Reveal()
	var changed *ChangedError
	if errors.As(err, &changed) {
		s.showVisit(w, r, http.StatusConflict, typedIn{note: &text, other: changed.Now.Text.Reveal(), problems: s.wrong(r, "note", "changed", 0)})
		return
	}
	s.finish(w, r, err, done, typedIn{note: &text}, "note", MaxNote)
}

func (s *Service) serveAddendum(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	text := plain(r.PostForm.Get("text"))
	err := s.Append(r.Context(), Signed(web.Actor(r.Context()), r.PathValue("visit")), r.PostForm.Get("key"), phi.Text(text))
	s.finish(w, r, err, "added", typedIn{addendum: &text}, "addendum", MaxAddendum)
}

func (s *Service) servePublish(w http.ResponseWriter, r *http.Request) {
	if !web.ReadForm(w, r) {
		return
	}
	base, _ := strconv.Atoi(r.PostForm.Get("base"))
	text, language, files := plain(r.PostForm.Get("text")), r.PostForm.Get("language"), r.PostForm["file"]
	t := typedIn{summary: &text, language: language, base: base, files: &files, called: r.PostForm["called"]}
	if id := r.PostForm.Get("remove"); id != "" {
		s.serveRemove(w, r, t, id)
		return
	}
	told, err := s.Publish(r.Context(), Signed(web.Actor(r.Context()), r.PathValue("visit")), base, phi.Text(text), language, files...)
	if fault.CodeOf(err) == fault.CodeConflict {
		t.problems, t.unfit = s.wrong(r, "summary", "conflict", 0), true
		s.showVisit(w, r, http.StatusConflict, t)
		return
	}
	if wrongField(err, "files") {
		t.unfit = true
		if len(files) > MaxFiles {
			t.problems = web.Problems{{Field: "files", Text: s.config.Pages.Words(r).T("after.files.full", "max", MaxFiles)}}
		}
		s.showVisit(w, r, http.StatusUnprocessableEntity, t)
		return
	}
	s.finish(w, r, err, "published&told="+strconv.Itoa(told), t, "summary", MaxSummary)
}

// finish leads back to the page, or draws it anew with what was typed where something was wrong with it.
func (s *Service) finish(w http.ResponseWriter, r *http.Request, err error, done string, t typedIn, field string, most int) {
	switch {
	case err == nil:
		web.Redirect(w, r, pagePath(r.PathValue("visit"))+"?done="+done)
	case fault.CodeOf(err) == fault.CodeNotValid:
		t.problems = s.wrong(r, field, "text", most)
		s.showVisit(w, r, http.StatusUnprocessableEntity, t)
	default:
		web.Problem(w, r, err)
	}
}

// wrongField says whether an error is about a field of a form.
func wrongField(err error, field string) bool {
	var p *fault.Problem
	if !errors.As(err, &p) {
		return false
	}
	wrong, _ := p.Fields["errors"].([]fault.Field)
	return slices.ContainsFunc(wrong, func(f fault.Field) bool { return f.Field == field })
}

func (s *Service) wrong(r *http.Request, field, key string, most int) web.Problems {
	return web.Problems{{Field: field, Text: s.config.Pages.Words(r).T("after.wrong."+key, "max", most)}}
}
