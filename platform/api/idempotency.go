package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/web"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's table.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

const (
	idempotencyHeader = "Idempotency-Key"
	keptFor           = 24 * time.Hour
	sweepEvery        = time.Hour
	sweepJob          = "api.idempotency"
	maxIdempotencyKey = 255 // bytes
)

// IdempotencyConfig is what Idempotency needs from outside.
type IdempotencyConfig struct {
	DB    *store.DB
	Vault keys.Vault // seals answers, which may hold links
	Now   func() time.Time
}

// Idempotency answers a request that was sent again, because its answer was lost, as it was answered before, and does nothing a second time
// (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/). That a request was done is written in the transaction of its act, so neither is
// there without the other. Its answer is written after; where the process ends in between, whoever asks again is told what the act was done to.
type Idempotency struct {
	config IdempotencyConfig
}

// NewIdempotency brings the table up to date.
func NewIdempotency(ctx context.Context, c IdempotencyConfig) (*Idempotency, error) {
	if err := c.DB.Migrate(ctx, "api", Migrations()); err != nil {
		return nil, err
	}
	return &Idempotency{c}, nil
}

// Sweep has a queue forget what is older than a day, every hour. Call it before the queue runs.
func (i *Idempotency) Sweep(ctx context.Context, q *jobs.Queue) error {
	put := func(ctx context.Context, tx *store.Tx, at time.Time) error {
		return q.Put(ctx, tx, jobs.Job{Kind: sweepJob, Key: "all", At: at})
	}
	q.Handle(sweepJob, func(ctx context.Context, j jobs.Job) error {
		return i.config.DB.Tx(ctx, func(tx *store.Tx) error {
			now := i.config.Now()
			if _, err := tx.ExecContext(ctx, `DELETE FROM api_idempotency WHERE created_at <= ?`, store.Millis(now.Add(-keptFor))); err != nil {
				return fmt.Errorf("forget old answers: %w", err)
			}
			if err := j.Done(ctx, tx); err != nil {
				return err
			}
			return put(ctx, tx, now.Add(sweepEvery))
		})
	})
	return i.config.DB.Tx(ctx, func(tx *store.Tx) error { return put(ctx, tx, i.config.Now()) })
}

// Handler puts this before a call that does one act (store.DB.Do); what the call looks up before, it does with store.Aside. Requests without a key go by.
func (i *Idempotency) Handler(call http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Values(idempotencyHeader)
		if len(sent) == 0 {
			call.ServeHTTP(w, r)
			return
		}
		// A string of structured fields (RFC 8941), with or without its quotation marks.
		key := strings.Trim(sent[0], `"`)
		if key == "" || len(key) > maxIdempotencyKey || len(sent) > 1 {
			web.Problem(w, r, fault.Invalid(idempotencyHeader, fmt.Sprintf("must be one string of at most %d characters", maxIdempotencyKey)))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		i.serve(w, r, i.attemptOf(web.Actor(r.Context()).ID, key, r, body), call)
	})
}

func (i *Idempotency) serve(w http.ResponseWriter, r *http.Request, a *attempt, call http.Handler) {
	before, err := a.earlier(r.Context(), i.config.DB)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	if before == nil {
		rec := &recording{header: http.Header{}}
		call.ServeHTTP(rec, r.WithContext(store.WithOnce(r.Context(), a)))
		if before = a.before; before == nil { // unless somebody else was faster
			before = rec.answer()
			if err := a.keep(r.Context(), before); err != nil {
				web.NoteCause(r, err) // it was done, and whoever did it is told so all the same
			}
			before.write(w, rec.header)
			return
		}
	}
	before.write(w, http.Header{"Idempotency-Replayed": {"true"}})
}

// attempt is one request with an idempotency key. It fills store.Once.
type attempt struct {
	*Idempotency
	keyID, hash string
	fingerprint string  // of what is asked for
	noted       bool    // its row is written, if its transaction has committed
	before      *answer // of an earlier attempt, found within the act
}

func (i *Idempotency) attemptOf(keyID, key string, r *http.Request, body []byte) *attempt {
	asked := []string{r.Method, r.URL.RequestURI(), r.Header.Get("If-None-Exist"), string(body)}
	if tag := r.Header.Get("If-Match"); tag != "" {
		asked = append(asked, tag)
	}
	return &attempt{Idempotency: i, keyID: keyID, hash: digest(keyID, key), fingerprint: digest(asked...)}
}

// digest is a hash of several texts, none of which can pass for a part of another.
func digest(texts ...string) string {
	b, err := json.Marshal(texts)
	if err != nil {
		panic(err) // strings
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// about is the place of a sealed text.
func (a *attempt) about(what string) string { return "idempotency " + what + " " + a.hash }

// errBefore ends an act that was done before. Nobody is told it: they are told what was answered then.
var errBefore = &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Detail: "This was done before."}

// earlier is the answer of an earlier attempt; nil: there was none.
func (a *attempt) earlier(ctx context.Context, q store.Queryer) (*answer, error) {
	var request, sealed string
	var kind, id string
	err := q.QueryRowContext(ctx, `SELECT request, answer, about_kind, about_id FROM api_idempotency WHERE key_id = ? AND hash = ? AND created_at > ?`,
		a.keyID, a.hash, store.Millis(a.config.Now().Add(-keptFor))).Scan(&request, &sealed, &kind, &id)
	if errors.Is(err, fault.NotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("look for an earlier answer: %w", err)
	}
	if request, err = a.config.Vault.Open(request, a.about("request")); err != nil {
		return nil, fmt.Errorf("open an earlier request: %w", err)
	}
	switch {
	case request != a.fingerprint:
		return nil, fault.Invalid(idempotencyHeader, "was sent before with another request")
	case sealed == "":
		return nil, &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, RetryAfter: time.Second, Fields: map[string]any{"about": map[string]string{"kind": kind, "id": id}},
			Detail: "This was done before, and what was answered is not there. Try again in a second. If it never comes, it was lost: look at what it is about."}
	}
	if sealed, err = a.config.Vault.Open(sealed, a.about("answer")); err != nil {
		return nil, fmt.Errorf("open an earlier answer: %w", err)
	}
	var out answer
	if err := json.Unmarshal([]byte(sealed), &out); err != nil {
		return nil, fmt.Errorf("read an earlier answer: %w", err)
	}
	return &out, nil
}

// Before implements store.Once.
func (a *attempt) Before(ctx context.Context, tx *store.Tx) (err error) {
	if a.noted {
		return nil
	}
	if a.before, err = a.earlier(ctx, tx); err == nil && a.before != nil {
		return errBefore
	}
	return err
}

// After implements store.Once.
func (a *attempt) After(ctx context.Context, tx *store.Tx, act store.Act) error {
	if a.noted {
		return nil
	}
	request, err := a.config.Vault.Seal(a.fingerprint, a.about("request"))
	if err != nil {
		return err
	}
	// What is older than a day may not be swept yet.
	_, err = tx.ExecContext(ctx, `INSERT INTO api_idempotency (key_id, hash, request, answer, about_kind, about_id, created_at) VALUES (?, ?, ?, '', ?, ?, ?)
		ON CONFLICT (key_id, hash) DO UPDATE SET request = excluded.request, answer = '', about_kind = excluded.about_kind, about_id = excluded.about_id, created_at = excluded.created_at`,
		a.keyID, a.hash, request, act.Subject.Kind, act.Subject.ID, store.Millis(a.config.Now()))
	if err != nil {
		return fmt.Errorf("note an idempotency key: %w", err)
	}
	a.noted = true
	return nil
}

// keep keeps the answer of an act. What went wrong is not kept: it may go well another time. Where it went wrong after the act, or nobody knows whether the act has
// committed, the row stays if it is there, without an answer: the act is not done twice.
func (a *attempt) keep(ctx context.Context, out *answer) error {
	if !a.noted || out.Status >= http.StatusMultipleChoices {
		return nil
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	sealed, err := a.config.Vault.Seal(string(b), a.about("answer"))
	if err != nil {
		return err
	}
	// Whoever is gone may ask again.
	_, err = a.config.DB.ExecContext(context.WithoutCancel(ctx), `UPDATE api_idempotency SET answer = ? WHERE key_id = ? AND hash = ?`, sealed, a.keyID, a.hash)
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

// answer is what is kept of an answer.
type answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// write writes an answer; more are headers besides those that are kept.
func (a *answer) write(w http.ResponseWriter, more http.Header) {
	for name, values := range more {
		w.Header()[name] = values
	}
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // whoever is gone gets nothing
}

// recording takes an answer down.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recording) Header() http.Header { return r.header }

func (r *recording) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recording) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

func (r *recording) answer() *answer {
	r.WriteHeader(http.StatusOK)
	out := &answer{Status: r.status, Header: map[string]string{}, Body: r.body.Bytes()}
	for _, name := range []string{"Content-Type", "Location", "ETag", "Cache-Control"} {
		if value := r.header.Get(name); value != "" {
			out.Header[name] = value
		}
	}
	return out
}
