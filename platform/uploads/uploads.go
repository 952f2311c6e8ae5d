// Package uploads takes files from people: by tus 1.0, so that one whose connection was cut goes on where it was; kept as encrypted blobs; looked at by a scanner.
// Its tables own what is known of each file; a file is its owner's until somebody takes it, and one that nobody took for a day goes.
// It must never write a byte that is not encrypted, never let anybody read what the scanner has not let through, and never tell another's file from none.
package uploads

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"housecall/auth"
	"housecall/platform/blobs"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// State is how far a file is.
type State string

// The states.
const (
	Coming   State = "coming"   // not all of it is here
	Scanning State = "scanning" // all is here, and it is being looked at, or waits for the scanner
	Clean    State = "clean"    // may be taken, and read
	Refused  State = "refused"  // its content is gone; Upload.Why says why
)

// Why files are refused.
const (
	Virus     = "virus"     // the scanner knows it
	Encrypted = "encrypted" // the scanner can't look inside without a password
	Limits    = "limits"    // too large, or too much in it, for the scanner
	Type      = "type"      // by its content it is none of the media types that the door takes
	Damaged   = "damaged"   // what is kept is not what came
)

// Upload is a file, as far as it is known.
type Upload struct {
	ID     string
	Kind   string   // of its Door
	Name   phi.Text // for people alone: cleaned, and once it is clean, with an ending that fits its Type
	Type   string   // media type by content, of UTF-8 with its charset; empty before it was looked at
	SHA256 string   // in hex; empty before it was looked at
	Size   int64    // bytes of all of it
	Offset int64    // bytes that are here
	State  State
	Why    string // it was refused: one of the words above
	Made   time.Time

	owner, takenBy string
	about          store.Subject
	parts          int64
}

// Door is where one kind of file comes in.
type Door struct {
	Kind   string   // "summary", as it stands in rows and in the audit
	AtMost int64    // bytes of a file
	Many   int      // how many of an owner may wait to be taken; refused ones count too
	Daily  int      // how many one person may begin in a day: of those that were cancelled the blobs outlive the rows by about a day, so this times AtMost is what they can fill
	Types  []string // media types that are taken, by content; nil: all. Text is what it is called: whatever it looks like, .txt is text/plain, and .csv is text/csv where that is taken

	// Owner says whose the files of a request are, who makes it, and what its row in the audit is about. Its error is the answer, as by web.Problem; where it says
	// who makes the request all the same, a refusal has its row too.
	Owner func(*http.Request) (owner string, actor auth.Actor, about store.Subject, err error)
}

// Config is what uploads need from outside.
type Config struct {
	DB      *store.DB
	Jobs    *jobs.Queue  // of the same database; handlers are added to it
	Blobs   *blobs.Store // whose blobs are all of this package: Sweep asks nobody else
	Vault   keys.Vault   // seals names
	Scanner *Scanner     // nil: no files are taken
	Limiter web.Limiter  // counts what one person begins
	Logger  *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Service is the files of a database. Safe for use by many goroutines.
type Service struct {
	Config
	locks locks

	mu    sync.Mutex
	doors map[string]Door
}

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// New brings the tables up to date and gives the queue its handlers.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.DB.Migrate(ctx, "uploads", Migrations()); err != nil {
		return nil, fmt.Errorf("migrate uploads: %w", err)
	}
	s := &Service{Config: c, locks: locks{held: map[string]*lock{}}, doors: map[string]Door{}}
	c.Jobs.HandleWith(checkJob, checkPolicy, s.check)
	c.Jobs.HandleWith(sweepJob, jobs.Policy{AtOnce: 1}, s.sweep)
	c.Jobs.Handle(markJob, s.mark)
	return s, c.DB.Tx(ctx, func(tx *store.Tx) error {
		return c.Jobs.PutNew(ctx, tx, jobs.Job{Kind: sweepJob, Key: sweepJob, At: s.now().Add(sweepEvery)})
	})
}

// Enabled says whether files are taken: whether the operator said who looks at them.
func (s *Service) Enabled() bool { return s.Scanner != nil }

func (s *Service) now() time.Time { return store.Time(store.Millis(s.Now())) }

const selectUpload = `SELECT id, kind, owner, about_kind, about_id, name, size, received, parts, state, why, media_type, sha256, taken_by, made_at FROM uploads`

// scan reads a row, whose name is opened.
func (s *Service) scan(r *sql.Rows) (u Upload, err error) {
	var name string
	var made int64
	err = r.Scan(&u.ID, &u.Kind, &u.owner, &u.about.Kind, &u.about.ID, &name, &u.Size, &u.Offset, &u.parts, &u.State, &u.Why, &u.Type, &u.SHA256, &u.takenBy, &made)
	if err != nil {
		return u, err
	}
	u.Made = store.Time(made)
	if name, err = s.Vault.Open(name, place(u.ID)); err != nil {
		return u, fmt.Errorf("open the name of upload %s: %w", u.ID, err)
	}
	u.Name = phi.Text(name)
	return u, nil
}

// place is where a name is sealed for.
func place(id string) string { return "upload|" + id + "|name" }

// find reads one upload. Errors: fault.NotFound.
func (s *Service) find(ctx context.Context, q store.Queryer, where string, args ...any) (Upload, error) {
	all, err := store.Collect(ctx, q, s.scan, selectUpload+where, args...)
	if err == nil && len(all) == 0 {
		err = fault.NotFound
	}
	if err != nil {
		return Upload{}, fmt.Errorf("find an upload: %w", err)
	}
	return all[0], nil
}

// Waiting lists the files of an owner that nobody has taken, the oldest first.
func (s *Service) Waiting(ctx context.Context, q store.Queryer, owner string) ([]Upload, error) {
	all, err := store.Collect(ctx, q, s.scan, selectUpload+` WHERE owner = ? AND taken_by = '' ORDER BY made_at, id`, owner)
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	return all, nil
}

// Take gives a file of an owner to by, an id, in the caller's transaction; it stays until Drop. Errors: fault.NotFound; fault.NotValid with the code of a conflict: it
// is not clean, or not yet.
func (s *Service) Take(ctx context.Context, tx *store.Tx, owner, id, by string) (Upload, error) {
	if by == "" {
		return Upload{}, fmt.Errorf("take an upload: for whom: %w", fault.NotValid)
	}
	u, err := s.waiting(ctx, tx, owner, id)
	if err != nil {
		return Upload{}, err
	}
	if u.State != Clean {
		return Upload{}, &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Detail: "The file has not been checked yet, or it was refused."}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE uploads SET taken_by = ?, changed_at = ? WHERE id = ?`, by, store.Millis(s.now()), id); err != nil {
		return Upload{}, fmt.Errorf("take an upload: %w", err)
	}
	u.takenBy = by
	return u, nil
}

// waiting is a file of an owner that nobody has taken. Errors: fault.NotFound.
func (s *Service) waiting(ctx context.Context, q store.Queryer, owner, id string) (Upload, error) {
	if !store.IsID(id) {
		return Upload{}, fmt.Errorf("find an upload: %w", fault.NotFound)
	}
	return s.find(ctx, q, ` WHERE id = ? AND owner = ? AND taken_by = ''`, id, owner)
}

// Taken lists what by has taken, the oldest first.
func (s *Service) Taken(ctx context.Context, q store.Queryer, by string) ([]Upload, error) {
	all, err := store.Collect(ctx, q, s.scan, selectUpload+` WHERE taken_by = ? AND taken_by <> '' ORDER BY made_at, id`, by)
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	return all, nil
}

// Cancel forgets a file of an owner that nobody has taken, once tx has committed. Errors: fault.NotFound.
func (s *Service) Cancel(ctx context.Context, tx *store.Tx, owner, id string) error {
	if _, err := s.waiting(ctx, tx, owner, id); err != nil {
		return err
	}
	return s.forget(ctx, tx, []string{id})
}

// Drop forgets what by has taken, once tx has committed. Their blobs go with the sweeps, about a day later.
func (s *Service) Drop(ctx context.Context, tx *store.Tx, by string) error {
	all, err := s.Taken(ctx, tx, by)
	if err != nil {
		return err
	}
	ids := make([]string, len(all))
	for i, u := range all {
		ids[i] = u.ID
	}
	return s.forget(ctx, tx, ids)
}

// forget deletes rows.
func (s *Service) forget(ctx context.Context, tx *store.Tx, ids []string) error {
	for _, id := range ids {
		if err := s.Jobs.Cancel(ctx, tx, checkJob, id); err != nil {
			return err
		}
		if err := s.discard(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM uploads WHERE id = ?`, id); err != nil {
			return fmt.Errorf("forget an upload: %w", err)
		}
	}
	return nil
}

// audit writes what happened to a file, in its transaction.
func (s *Service) audit(ctx context.Context, tx *store.Tx, actor auth.Actor, action string, u Upload, why string) error {
	detail := fmt.Sprintf("file %s, %s, %d bytes", u.ID, u.Kind, u.Size)
	if why != "" {
		detail += ", " + why
	}
	return store.Audit(ctx, tx, store.Act{At: s.now(), Actor: actor, Action: action, Subject: u.about, Outcome: store.Allowed, Detail: detail})
}

// Counted is how many files nobody has taken, by state.
func (s *Service) Counted(ctx context.Context) (map[State]int, error) {
	type row struct {
		state State
		n     int
	}
	rows, err := store.Collect(ctx, s.DB, func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.state, &x.n) },
		`SELECT state, COUNT(*) FROM uploads WHERE taken_by = '' GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("count uploads: %w", err)
	}
	all := map[State]int{Coming: 0, Scanning: 0, Clean: 0, Refused: 0}
	for _, r := range rows {
		all[r.state] = r.n
	}
	return all, nil
}
