package uploads

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	xslog "golang.org/x/exp/slog"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
)

// networkTimeout is how long a request may say nothing.
const networkTimeout = time.Minute

// request is one request at a door, for what tusd calls on its way through it.
type request struct {
	door  Door
	owner string
	actor auth.Actor
	about store.Subject
	found Upload // which the request is about; without an ID: it makes one
	err   error  // the answer, instead of tusd's
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	q, _ := ctx.Value(requestKey{}).(*request)
	return q
}

// fail has the request answered by an error, in the words of the house. tusd would tell the error itself.
func (q *request) fail(err error) error {
	q.err = err
	return handler.ErrNotFound // any error of tusd's: nobody sees it
}

// Handler serves tus 1.0 with its extensions creation, creation-with-upload and termination at a door: POST on base makes an upload, and HEAD, PATCH and DELETE on
// base + its id go on with it, ask for it, and cancel it. base ends with a slash; of a route that has the id in its path, "{upload}" must be what it is called. Another's id is answered as none
// is. A route needs web.Access.Taking as many bytes as the door does. Call it at the start, on every node. It panics on a door that lacks something, which is a mistake of ours.
func (s *Service) Handler(base func(*http.Request) string, d Door) http.Handler {
	if d.Kind == "" || d.AtMost <= 0 || d.Many <= 0 || d.Daily <= 0 || d.Owner == nil {
		panic("a door for uploads is not complete")
	}
	s.mu.Lock()
	s.doors[d.Kind] = d
	s.mu.Unlock()
	composer := handler.NewStoreComposer()
	composer.UseCore(tusStore{s})
	composer.UseTerminater(tusStore{s})
	tus, err := handler.NewUnroutedHandler(handler.Config{StoreComposer: composer, BasePath: "/", DisableDownload: true, DisableConcatenation: true,
		Cors: &handler.CorsConfig{Disable: true}, Logger: xslog.New(discard{}), NetworkTimeout: networkTimeout,
		GracefulRequestCompletionTimeout: time.Millisecond}) // graced gives another
	if err != nil {
		panic(err)
	}
	return &doorway{s, d, base, tus, tus.Middleware(routed(tus))}
}

// routed is what each method does.
func routed(tus *handler.UnroutedHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			tus.PostFile(w, r)
		case http.MethodHead:
			tus.HeadFile(w, r)
		case http.MethodPatch:
			tus.PatchFile(w, r)
		case http.MethodDelete:
			tus.DelFile(w, r)
		}
	})
}

// doorway is a door with tusd behind it.
type doorway struct {
	s    *Service
	door Door
	base func(*http.Request) string
	tus  *handler.UnroutedHandler
	next http.Handler
}

// refused has a refusal written into the audit, and gives the answer.
func (s *Service) refused(r *http.Request, q *request, err error) error {
	if q.actor.Kind == "" { // strangers leave no trace
		return err
	}
	action := "upload.resume"
	switch r.Method {
	case http.MethodPost:
		action = "upload.begin"
	case http.MethodDelete:
		action = "upload.cancel"
	}
	act := store.Act{At: s.now(), Actor: q.actor, Action: action, Subject: q.about}
	return s.DB.Do(r.Context(), act, true, func(*store.Tx, *store.Act) error { return err })
}

// strict refuses what tusd would make something of: numbers with a sign, and parts of a file that is to be put together, which we do not do.
func strict(h http.Header) error {
	for _, name := range []string{"Upload-Length", "Upload-Offset"} {
		if strings.Trim(h.Get(name), "0123456789") != "" {
			return fault.Invalid(name, "must be a number")
		}
	}
	if h.Get("Upload-Concat") != "" {
		return fault.Invalid("Upload-Concat", "is not taken here")
	}
	return nil
}

// ServeHTTP judges whose request it is before tusd sees it.
func (d *doorway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{door: d.door}
	var err error
	id, methods := r.PathValue("upload"), []string{http.MethodPost}
	if id != "" {
		methods = []string{http.MethodHead, http.MethodPatch, http.MethodDelete}
	}
	if !d.s.Enabled() || !slices.Contains(methods, r.Method) {
		web.Problem(w, r, fault.NotFound)
		return
	}
	if q.owner, q.actor, q.about, err = d.door.Owner(r); err == nil && id != "" {
		q.found, err = d.s.waiting(r.Context(), d.s.DB, q.owner, id)
		if err == nil && q.found.Kind != d.door.Kind {
			err = fault.NotFound
		}
	}
	if err != nil {
		err = d.s.refused(r, q, err)
	} else {
		err = strict(r.Header)
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	a := &answer{ResponseWriter: w, request: q, base: d.base(r), first: r.ProtoMajor == 1, reads: r.Method == http.MethodPatch}
	if q.found.ID != "" {
		release, err := d.s.locks.acquire(r.Context(), q.found.ID, a.interrupt)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		defer release()
	}
	own := r.Clone(context.WithValue(r.Context(), requestKey{}, q))
	own.Header.Del("X-HTTP-Method-Override") // the guards have judged the method there is
	own.URL.Path = "/" + q.found.ID          // where tusd looks for it
	own.Body = &body{r.Body, a}
	d.next.ServeHTTP(a, own)
	if a.end() && q.err != nil {
		w.Header().Del("Location")
		w.Header().Del("Content-Length") // of tusd's words
		web.Problem(w, r, q.err)
	}
}

// answer is tusd's, but for errors of ours and for where an upload is, which tusd knows no single place for.
type answer struct {
	http.ResponseWriter
	request *request
	base    string
	first   bool // it goes by HTTP/1, where requests share a connection one after another

	reads bool // what it reads may take long

	mu   sync.Mutex
	told bool // nothing of the answer can be changed any more
	cut  bool // another request wants the upload
}

// end says that tusd is done, and whether the answer is still to be given.
func (a *answer) end() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	open := !a.told
	a.told = true
	return open
}

func (a *answer) WriteHeader(status int) {
	if a.request.err != nil {
		return
	}
	if status == http.StatusInternalServerError {
		status = http.StatusConflict // tusd's word for a client that fell silent or was cut, which is no fault of ours: it asks how much has come, and goes on
	}
	a.mu.Lock()
	a.told = true
	if a.cut && a.first {
		a.Header().Set("Connection", "close")
	}
	a.mu.Unlock()
	if status == http.StatusCreated {
		a.Header().Set("Location", a.base+a.request.found.ID)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.request.err != nil {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b)
}

// interrupt ends the reading of a request, when another wants the upload, at any time. It does so by a deadline that has passed. Past the answer that would hit whatever comes next on the connection, so it
// does nothing then; and since net/http calls off all requests of a connection that could not be read, this one is the last.
func (a *answer) interrupt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reads && !a.told && !a.cut {
		a.cut = true
		_ = http.NewResponseController(a.ResponseWriter).SetReadDeadline(time.Unix(1, 0)) // where there is none, the client's own end must do
	}
}

// SetReadDeadline implements what http.ResponseController asks for, by which tusd gives a client time for each piece.
func (a *answer) SetReadDeadline(at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told || a.cut {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).SetReadDeadline(at)
}

func (a *answer) interrupted() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cut
}

// body is what is sent, and ends too soon when another request wants the upload.
type body struct {
	io.ReadCloser
	answer *answer
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.answer.interrupted() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// discard takes tusd's log, which names paths.
type discard struct{}

func (discard) Enabled(context.Context, xslog.Level) bool  { return false }
func (discard) Handle(context.Context, xslog.Record) error { return nil }
func (d discard) WithAttrs([]xslog.Attr) xslog.Handler     { return d }
func (d discard) WithGroup(string) xslog.Handler           { return d }

// tusStore is what tusd keeps uploads in.
type tusStore struct{ s *Service }

// NewUpload implements handler.DataStore.
func (t tusStore) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	q := requestOf(ctx)
	ctx, end := graced(ctx)
	defer end()
	u, err := t.s.begin(ctx, q, info.MetaData["filename"], info.Size)
	if err != nil {
		return nil, q.fail(err)
	}
	q.found = u
	return &tusUpload{t.s, q}, nil
}

// GetUpload implements handler.DataStore. It reads anew: a request waits for the one before it.
func (t tusStore) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	q := requestOf(ctx)
	ctx, end := graced(ctx)
	defer end()
	u, err := t.s.waiting(ctx, t.s.DB, q.owner, id)
	if err != nil {
		return nil, q.fail(err)
	}
	q.found = u
	return &tusUpload{t.s, q}, nil
}

// AsTerminatableUpload implements handler.TerminaterDataStore.
func (t tusStore) AsTerminatableUpload(u handler.Upload) handler.TerminatableUpload {
	return u.(*tusUpload)
}

// tusUpload is the upload of a request.
type tusUpload struct {
	s *Service
	q *request
}

// GetInfo implements handler.Upload.
func (u *tusUpload) GetInfo(context.Context) (handler.FileInfo, error) {
	return handler.FileInfo{ID: u.q.found.ID, Size: u.q.found.Size, Offset: u.q.found.Offset}, nil
}

// WriteChunk implements handler.Upload.
func (u *tusUpload) WriteChunk(ctx context.Context, offset int64, src io.Reader) (int64, error) {
	n, err := u.s.write(ctx, u.q, offset, src)
	if err != nil && !errors.Is(err, handler.ErrMismatchOffset) {
		err = u.q.fail(err)
	}
	return n, err
}

// GetReader implements handler.Upload. Nobody reads by tus.
func (u *tusUpload) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, handler.ErrNotFound
}

// FinishUpload implements handler.Upload. The last part has done it.
func (u *tusUpload) FinishUpload(context.Context) error { return nil }

// Terminate implements handler.TerminatableUpload.
func (u *tusUpload) Terminate(ctx context.Context) error {
	ctx, end := graced(ctx)
	defer end()
	err := u.s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := u.s.Cancel(ctx, tx, u.q.owner, u.q.found.ID); err != nil {
			return err
		}
		return u.s.audit(ctx, tx, u.q.actor, "upload.cancel", u.q.found, "")
	})
	if err != nil {
		return u.q.fail(err)
	}
	return nil
}
