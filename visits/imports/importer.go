package imports

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/people"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/visits"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Config is what imports need from outside.
type Config struct {
	DB        *store.DB
	Visits    *visits.Service
	Patients  *people.Service
	Sites     visits.Sites
	Vault     keys.Vault       // seals a file between being shown and being made
	Key       []byte           // HMAC key of the digests of files
	Languages []*words.Words   // in which columns may be named
	Now       func() time.Time // nil: time.Now
}

// Importer makes visits of files. Safe for use by many goroutines.
type Importer struct {
	config Config
	names  names
}

// New brings the table up to date.
func New(ctx context.Context, c Config) (*Importer, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.DB.Migrate(ctx, "visits_imports", Migrations()); err != nil {
		return nil, err
	}
	return &Importer{c, namesIn(c.Languages)}, nil
}

// Preview is what a file would make.
type Preview struct {
	Lines  []Line
	Wrong  []Wrong   // by line
	Before time.Time // when the same file was made; zero: it never was
	Sealed string    // the file for Make, for this actor and the next hour; empty: something is wrong with it
}

// sealedFor is how long a file that was shown may be made.
const sealedFor = time.Hour

// Preview reads a file and says what it would make, and everything that is wrong with it. Nothing is made.
func (s *Importer) Preview(ctx context.Context, actor auth.Actor, file []byte) (Preview, error) {
	p, err := s.read(ctx, actor, file)
	if err != nil || len(p.Wrong) > 0 {
		return p, err
	}
	p.Sealed, err = s.config.Vault.Seal(strconv.FormatInt(store.Millis(s.config.Now()), 10)+"\n"+string(file), place(actor))
	if err != nil {
		return Preview{}, err
	}
	if p.Before, err = s.madeBefore(ctx, s.config.DB, file); err != nil {
		return Preview{}, err
	}
	return p, nil
}

// place is where a sealed file belongs: to who was shown it.
func place(actor auth.Actor) string { return "visit_import|" + actor.Kind + "|" + actor.ID }

// read reads a file as the hospital would make it now.
func (s *Importer) read(ctx context.Context, actor auth.Actor, file []byte) (Preview, error) {
	if !actor.May(auth.VisitSchedule) {
		return Preview{}, fault.NotAllowed
	}
	rows, wrong := parse(file, s.names)
	if len(rows) == 0 {
		return Preview{Wrong: wrong}, nil
	}
	r, err := s.newReader(ctx)
	if err != nil {
		return Preview{}, err
	}
	r.wrong = wrong
	for _, one := range rows {
		r.read(one)
	}
	if err := r.meet(ctx, actor); err != nil {
		return Preview{}, err
	}
	if err := r.check(ctx, actor); err != nil {
		return Preview{}, err
	}
	slices.SortStableFunc(r.wrong, func(a, b Wrong) int { return cmp.Compare(a.Line, b.Line) })
	return Preview{Lines: r.lines, Wrong: r.wrong}, nil
}

// check asks the rules of visits about each line, also where something is wrong with it already: whoever mends a file is told all of a line at once.
func (r *reader) check(ctx context.Context, actor auth.Actor) error {
	all, clean := make([]visits.Request, len(r.lines)), make([]bool, len(r.lines))
	for i, l := range r.lines {
		all[i], clean[i] = l.Request, !r.hasAny(l.Number)
	}
	checked, err := r.config.Visits.Check(ctx, actor, all)
	if err != nil {
		return err
	}
	for i, c := range checked {
		l := &r.lines[i]
		for _, e := range c.Wrong {
			r.takeVisit(l.Number, e)
		}
		if !clean[i] { // nobody knows whose time it would take
			continue
		}
		l.Overlaps = len(c.Overlaps)
		for j := range i {
			if clean[j] && r.lines[j].meets(*l) {
				l.Overlaps++
			}
		}
	}
	return nil
}

// meets says whether two visits have the clinician or the patient in common, and a time.
func (l *Line) meets(o Line) bool {
	a, b := l.Request, o.Request
	ends := func(r visits.Request) time.Time { return r.StartsAt.Add(time.Duration(r.Minutes) * time.Minute) }
	return (a.ClinicianID == b.ClinicianID || a.PatientID == b.PatientID) && a.StartsAt.Before(ends(b)) && b.StartsAt.Before(ends(a))
}

// ErrStale says that a file was shown too long ago, or to somebody else.
var ErrStale = &fault.Problem{Kind: fault.NotValid, Key: "import_stale", Detail: "The file was shown too long ago. Choose it again."}

// Decision is what somebody says of a file that they were shown.
type Decision struct {
	AllowOverlap bool // also where the clinician or the patient has another visit then
	Again        bool // although the same file was made before
}

// Make makes all visits of a file that Preview has sealed for this actor, or none. Where something is wrong with it meanwhile, it says so as Preview does.
func (s *Importer) Make(ctx context.Context, actor auth.Actor, sealed string, d Decision) ([]visits.Made, Preview, error) {
	opened, err := s.config.Vault.Open(sealed, place(actor))
	if err != nil {
		return nil, Preview{}, ErrStale
	}
	at, file, _ := strings.Cut(opened, "\n")
	millis, err := strconv.ParseInt(at, 10, 64)
	if err != nil || s.config.Now().Sub(store.Time(millis)) > sealedFor {
		return nil, Preview{}, ErrStale
	}
	p, err := s.Preview(ctx, actor, []byte(file))
	if err != nil || len(p.Wrong) > 0 {
		return nil, p, err
	}
	if !p.Before.IsZero() && !d.Again || p.Overlaps() > 0 && !d.AllowOverlap {
		return nil, p, nil
	}
	all := make([]visits.Request, len(p.Lines))
	for i, l := range p.Lines {
		all[i] = l.Request
		all[i].AllowOverlap = d.AllowOverlap
	}
	id := store.NewID()
	made, err := s.config.Visits.CreateAll(ctx, actor, all, store.Act{Action: "visit.import", Subject: store.About("import", id)}, func(ctx context.Context, tx *store.Tx) error {
		before, err := s.madeBefore(ctx, tx, []byte(file))
		if err != nil {
			return err
		}
		if !before.IsZero() && !d.Again { // a moment ago, by a second click
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "import_twice", Detail: "The same file was made a moment ago."}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO visit_imports (id, digest, at, visits) VALUES (?, ?, ?, ?)`, id, s.digest([]byte(file)), store.Millis(s.config.Now()), len(all))
		if err != nil {
			return fmt.Errorf("note a file: %w", err)
		}
		return nil
	})
	return made, p, err
}

// Overlaps counts the lines whose clinician or patient has another visit then.
func (p Preview) Overlaps() (n int) {
	for _, l := range p.Lines {
		if l.Overlaps > 0 {
			n++
		}
	}
	return n
}

// madeBefore is when visits were made of the same file; zero: never.
func (s *Importer) madeBefore(ctx context.Context, q store.Queryer, file []byte) (time.Time, error) {
	var at sql.NullInt64
	if err := q.QueryRowContext(ctx, `SELECT MAX(at) FROM visit_imports WHERE digest = ?`, s.digest(file)).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("look for a file: %w", err)
	}
	return store.Time(at.Int64), nil
}

// digest names a file without telling what is in it.
func (s *Importer) digest(file []byte) string {
	mac := hmac.New(sha256.New, s.config.Key)
	mac.Write([]byte("housecall import|"))
	mac.Write(file)
	return hex.EncodeToString(mac.Sum(nil))
}
