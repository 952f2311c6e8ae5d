package after

import (
	"net/http"
	"slices"
	"strings"

	"housecall/platform/emergency"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/platform/web"
	"housecall/platform/words"
	"housecall/visits"
)

// filesPart is where the files of a summary are, below its page.
const filesPart = "/files"

// fileRoutes adds where files of summaries come in, and where they are read.
func (s *Service) fileRoutes(routes *web.Routes) {
	if s.config.Uploads == nil {
		return
	}
	sum, files := web.Staff(SummaryWrite), pagePath("{visit}")+filesPart
	takes := s.config.Uploads.Handler(func(r *http.Request) string { return pagePath(r.PathValue("visit")) + filesPart + "/" }, s.door())
	routes.HandleFunc("GET "+files, sum, s.serveStates)
	routes.Handle("POST "+files, sum.Taking(MaxFile), takes)
	routes.Handle("PATCH "+files+"/{upload}", sum.Taking(MaxFile), takes)
	routes.Handle("HEAD "+files+"/{upload}", sum, takes)
	routes.HandleFunc("DELETE "+files+"/{upload}", sum, s.serveDelete)
	routes.HandleFunc("GET "+files+"/{upload}", sum, s.serveFile(func(r *http.Request, id string) (uploads.Upload, error) {
		return s.clinicalFile(r.Context(), Signed(web.Actor(r.Context()), r.PathValue("visit")), id, uploads.GoesOn(r))
	}))
	routes.HandleFunc("GET "+emergency.NotesPath("{visit}")+filesPart+"/{upload}", web.Staff(emergency.Open), s.serveFile(func(r *http.Request, id string) (uploads.Upload, error) {
		return s.emergencyFile(r.Context(), web.Actor(r.Context()), r.PathValue("visit"), id, uploads.GoesOn(r))
	}))
	routes.HandleFunc("GET "+familyPath+filesPart+"/{upload}", web.Invited(SummaryRead), s.serveFile(s.ofFamily(s.byLink)))
	routes.HandleFunc("GET /v/{visit}/after"+filesPart+"/{upload}", web.Invited(SummaryRead), s.serveFile(s.ofFamily(s.byVisit)))
}

// ofFamily finds files for a person of a family, who came by some way.
func (s *Service) ofFamily(who func(*http.Request) reader) func(*http.Request, string) (uploads.Upload, error) {
	return func(r *http.Request, id string) (uploads.Upload, error) {
		return s.familyFile(r.Context(), who(r), id, uploads.GoesOn(r))
	}
}

// serveFile sends a file to who may have it. Everybody else is told what is told of none.
func (s *Service) serveFile(find func(r *http.Request, id string) (uploads.Upload, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, err := find(r, r.PathValue("upload"))
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		s.config.Uploads.Serve(w, r, u)
	}
}

// stateJSON is how far an added file is, for the page that sends it. It says nothing of what the file is called.
type stateJSON struct {
	ID    string `json:"id"`
	State string `json:"state"` // as in fileView
	About string `json:"about"` // its kind and size, in words
	Says  string `json:"says"`  // the same as state, in words
}

// serveStates tells a page how far its files are. It asks every few seconds for what it sends itself, so a row of the audit tells of it only where it is refused.
func (s *Service) serveStates(w http.ResponseWriter, r *http.Request) {
	writer := Signed(web.Actor(r.Context()), r.PathValue("visit"))
	var added []uploads.Upload
	_, err := s.ofWriter(r.Context(), s.config.DB, writer)
	if err != nil { // judged by reads, for whoever writes waits for everybody else who does; once more where the refusal gets its row
		err = s.clinical(r.Context(), writer, SummaryWrite, "summary.write", func(_ *store.Tx, a *store.Act, _ visits.Visit) error {
			a.GoesOn = true
			return nil
		})
	}
	if err == nil {
		added, err = s.waiting(r.Context(), s.config.DB, writer)
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	own, all := s.config.Pages.Words(r), make([]stateJSON, len(added))
	for i, u := range added {
		v := newFileView(u, own)
		all[i] = stateJSON{v.ID, v.State, v.About, v.Says}
	}
	reply(w, http.StatusOK, map[string]any{"files": all})
}

// fileView is a file as a page shows it.
type fileView struct {
	ID, Name, About string
	Href            string // where it is read; empty: it can't be yet
	State           string // "given" with the newest summary; else "coming", "scanning", "clean", "refused"; "gone": the form has it, and nobody else
	Says            string // the same in words
	Goes            bool   // with the next summary, as far as it goes by the form
}

func newFileView(u uploads.Upload, own *words.Words) fileView {
	v := fileView{ID: u.ID, Name: u.Name.Reveal(), About: aboutFile(u, own), State: string(u.State), Goes: u.State != uploads.Refused}
	v.Says = own.T("after.file." + v.State)
	if u.State == uploads.Refused {
		v.Says = own.T("after.file.refused." + u.Why)
	}
	return v
}

// fileViews are files that are read below a path.
func fileViews(files []uploads.Upload, below string, own *words.Words) (all []fileView) {
	for _, u := range files {
		v := newFileView(u, own)
		v.State, v.Says, v.Href = "given", own.T("after.file.given"), below+filesPart+"/"+u.ID
		all = append(all, v)
	}
	return all
}

// formFiles are the files of the summary's form: those of the newest version, without those of the version it was made from that it has no longer, and what was added since.
func formFiles(versions []Summary, added []uploads.Upload, t typedIn, below string, own *words.Words) (all []fileView) {
	if len(versions) > 0 {
		all = fileViews(versions[0].Files, below, own)
	}
	if from := slices.IndexFunc(versions, func(x Summary) bool { return x.Version == t.base }); t.files != nil && from >= 0 {
		all = slices.DeleteFunc(all, func(v fileView) bool {
			_, err := fileIn(versions[from].Files, v.ID)
			return err == nil && !slices.Contains(*t.files, v.ID)
		})
	}
	for _, u := range added {
		v := newFileView(u, own)
		if u.State == uploads.Clean {
			v.Href = below + filesPart + "/" + u.ID
		}
		all = append(all, v)
	}
	return append(all, goneFiles(all, versions, t, own)...)
}

// goneFiles are those of a form that are not there any more: nobody gave them within a day, or they were removed elsewhere. Who sent the form sees which before they send it without.
func goneFiles(there []fileView, versions []Summary, t typedIn, own *words.Words) (gone []fileView) {
	if t.files == nil {
		return nil
	}
	of := func(id string) func(fileView) bool { return func(v fileView) bool { return v.ID == id } }
	for i, id := range *t.files {
		if slices.ContainsFunc(there, of(id)) || slices.ContainsFunc(gone, of(id)) {
			continue
		}
		v := fileView{ID: id, Name: own.T("after.file.unnamed"), State: "gone", Says: own.T("after.file.gone")}
		if i < len(t.called) && strings.TrimSpace(t.called[i]) != "" {
			v.Name = t.called[i]
		}
		for _, version := range versions {
			if u, err := fileIn(version.Files, id); err == nil {
				v.Name = u.Name.Reveal()
			}
		}
		gone = append(gone, v)
	}
	return gone
}

// unready says what keeps the files of a form from going: some are not ready yet, or some will never be, which are named.
func (t typedIn) unready(all []fileView, own *words.Words) (p web.Problems) {
	for _, v := range all {
		if !v.Goes && slices.Contains(*t.files, v.ID) {
			p = append(p, web.FieldProblem{Field: "files", Text: own.T("after.files.said", "name", v.Name, "state", v.Says)})
		}
	}
	first := "after.wrong.less"
	switch {
	case slices.ContainsFunc(all, func(v fileView) bool {
		return v.Goes && (v.State == string(uploads.Coming) || v.State == string(uploads.Scanning))
	}):
		first = "after.wrong.files"
	case len(p) == 0: // all can go
		return nil
	}
	return append(web.Problems{{Field: "files", Text: own.T(first)}}, p...)
}

// aboutFile is what kind of file it is and how large, in the reader's words: "PDF, 2 MB".
func aboutFile(u uploads.Upload, own *words.Words) string {
	size := sizeOf(u.Size, own)
	kind, _, _ := strings.Cut(u.Type, "/")
	switch {
	case u.Type == "application/pdf":
		kind = own.T("after.file.pdf")
	case kind == "image":
		kind = own.T("after.file.picture")
	case kind == "text":
		kind = own.T("after.file.text")
	default: // nobody has looked yet
		return size
	}
	return own.T("after.file.about", "kind", kind, "size", size)
}

// sizeOf is a size in whole kilobytes or megabytes, as other programs round them.
func sizeOf(bytes int64, own *words.Words) string {
	if bytes < mega-kilo/2 {
		return own.T("after.size.kilo", "size", max(1, int((bytes+kilo/2)/kilo)))
	}
	return own.T("after.size.mega", "size", max(1, int((bytes+mega/2)/mega)))
}

// serveDelete removes a file that was added, for pages with a script.
func (s *Service) serveDelete(w http.ResponseWriter, r *http.Request) {
	if err := s.RemoveFile(r.Context(), Signed(web.Actor(r.Context()), r.PathValue("visit")), r.PathValue("upload")); err != nil {
		web.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveRemove takes a file out of the form, for pages without a script, and draws the form as it was otherwise.
func (s *Service) serveRemove(w http.ResponseWriter, r *http.Request, t typedIn, id string) {
	writer := Signed(web.Actor(r.Context()), r.PathValue("visit"))
	added, err := s.waiting(r.Context(), s.config.DB, writer)
	if _, none := fileIn(added, id); err == nil && none == nil { // else it is one of the version before
		err = s.RemoveFile(r.Context(), writer, id)
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	var kept, called []string
	for i, each := range *t.files {
		if each != id {
			kept = append(kept, each)
			if i < len(t.called) {
				called = append(called, t.called[i])
			}
		}
	}
	t.files, t.called = &kept, called
	s.showVisit(w, r, http.StatusOK, t)
}
