package after

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/visits"
)

// Limits.
const (
	MaxNote     = 15_000 // characters of a note
	MaxAddendum = 5_000  // and of what is added to it

	maxKey = 64 // characters of a write's key

	// sitting is how long an author's writing counts as one act of the audit: a row a keystroke would bury all others.
	sitting = 5 * time.Minute
)

// Note is what one clinician wrote down of a visit.
type Note struct {
	ID       string // empty: nothing was written yet
	Visit    string
	Text     phi.Text
	Revision int // counts what was saved; 0: nothing
	SavedAt  time.Time
	SignedAt time.Time // zero: not yet
	Addenda  []Addendum
	Author   phi.Text // their name, as the visit knows it

	author  author
	sitting time.Time // since when it is written at, as the audit was told
	by      string    // the actor who is
}

// Signed says whether the note can't change any more.
func (n Note) Signed() bool { return !n.SignedAt.IsZero() }

// Addendum is what was added to a signed note.
type Addendum struct {
	Text phi.Text
	At   time.Time
}

// Write is a note's text as it is to be saved.
type Write struct {
	Key  string // made by the writer's browser; the same write sent again is saved once
	Base int    // the revision it was made from
	Text phi.Text
}

func (w Write) check() error {
	if err := checkKey(w.Key); err != nil {
		return err
	}
	if w.Base < 0 {
		return fault.Invalid("base", "must not be negative")
	}
	return checkText(w.Text, MaxNote)
}

func checkKey(key string) error {
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fault.Invalid("key", fmt.Sprintf("must be from 1 to %d letters, digits and signs", maxKey))
	}
	return nil
}

// tidyText is a text as it is kept.
func tidyText(text phi.Text) phi.Text { return phi.Text(typed.Prose(text.Reveal())) }

func checkText(text phi.Text, most int) error {
	switch {
	case !store.Keeps(text.Reveal()):
		return fault.Invalid("text", "must be plain text")
	case utf8.RuneCountInString(text.Reveal()) > most:
		return fault.Invalid("text", fmt.Sprintf("must have at most %d characters", most))
	}
	return nil
}

// ChangedError says that a note is not what a write was made from any more: its author wrote on elsewhere. Both texts are there, and neither is lost.
type ChangedError struct{ Now Note }

func (e *ChangedError) Error() string { return "the note was changed elsewhere" }

// errSigned says that a note can't change any more.
var errSigned = &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "note_signed", Detail: "The note is signed, so it cannot change. Add to it instead."}

// Save keeps the text of the writer's own note; when it returns, that is committed. A write that was made before gets what it got then. Errors: ChangedError,
// a conflict where the note is signed.
func (s *Service) Save(ctx context.Context, w Writer, in Write) (Note, error) {
	in.Text = tidyText(in.Text)
	var n Note
	var changed *ChangedError
	err := s.authoring(ctx, w, "note.write", func(tx *store.Tx, a *store.Act, _ visits.Visit) (err error) {
		if err := in.check(); err != nil {
			return err
		}
		n, err = s.save(ctx, tx, a, w, in)
		if errors.As(err, &changed) {
			a.Detail = "changed at revision " + strconv.Itoa(changed.Now.Revision)
			return nil // its text was read, which the audit is to know
		}
		return err
	})
	if err == nil && changed != nil {
		err = changed
	}
	return n, err
}

// save is Save within an act.
func (s *Service) save(ctx context.Context, tx *store.Tx, a *store.Act, w Writer, in Write) (Note, error) {
	n, err := s.mine(ctx, tx, w)
	if err != nil {
		return Note{}, err
	}
	var revision, at int64
	err = tx.QueryRowContext(ctx, `SELECT revision, at FROM after_note_writes WHERE note_id = ? AND write_key = ?`, n.ID, in.Key).Scan(&revision, &at)
	switch {
	case err == nil:
		a.GoesOn = true
		n.Revision, n.SavedAt = int(revision), store.Time(at)
		return n, nil
	case none(err) != nil:
		return Note{}, fmt.Errorf("look a write up: %w", err)
	case n.Signed():
		return Note{}, errSigned
	case n.Revision != in.Base:
		return Note{}, &ChangedError{n}
	}
	now := s.now()
	if n.ID == "" {
		n.ID = store.NewID()
	}
	n.Text, n.Revision, n.SavedAt = in.Text, n.Revision+1, now
	if a.GoesOn = n.by == w.Actor.ID && now.Sub(n.sitting) < sitting; !a.GoesOn {
		n.sitting, n.by = now, w.Actor.ID
		a.Detail = "revision " + strconv.Itoa(n.Revision)
	}
	if err := s.keepNote(ctx, tx, n); err != nil {
		return Note{}, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO after_note_writes (note_id, write_key, revision, at) VALUES (?, ?, ?, ?)`, n.ID, in.Key, n.Revision, store.Millis(now))
	if err != nil {
		return Note{}, fmt.Errorf("keep a write: %w", err)
	}
	return n, nil
}

// keepNote writes a note that is not signed.
func (s *Service) keepNote(ctx context.Context, tx *store.Tx, n Note) error {
	sealed, err := s.config.Vault.Seal(n.Text.Reveal(), notePlace(n.ID))
	if err != nil {
		return err
	}
	at := store.Millis(n.SavedAt)
	_, err = tx.ExecContext(ctx, `INSERT INTO after_notes (id, visit_id, author_kind, author_id, text, revision, sitting_at, sitting_by, created_at, saved_at, signed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (id) DO UPDATE SET text = excluded.text, revision = excluded.revision, sitting_at = excluded.sitting_at, sitting_by = excluded.sitting_by,
			saved_at = excluded.saved_at`,
		n.ID, n.Visit, n.author.kind, n.author.id, sealed, n.Revision, store.Millis(n.sitting), n.by, at, at)
	if err != nil {
		return fmt.Errorf("keep a note: %w", err)
	}
	return nil
}

// Sign saves the writer's own note and has it never change again. Signing twice changes nothing. Errors are those of Save.
func (s *Service) Sign(ctx context.Context, w Writer, in Write) (Note, error) {
	in.Text = tidyText(in.Text)
	var n Note
	var changed *ChangedError
	err := s.authoring(ctx, w, "note.sign", func(tx *store.Tx, a *store.Act, _ visits.Visit) (err error) {
		if err := in.check(); err != nil {
			return err
		}
		if n, err = s.mine(ctx, tx, w); err != nil || n.Signed() {
			return err
		}
		if in.Text != n.Text || n.ID == "" {
			n, err = s.save(ctx, tx, a, w, in)
			a.GoesOn = false
		}
		if errors.As(err, &changed) {
			a.Detail = "changed at revision " + strconv.Itoa(changed.Now.Revision)
			return nil
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(n.Text.Reveal()) == "" {
			return fault.Invalid("text", "is needed")
		}
		n.SignedAt = s.now()
		a.Detail = "revision " + strconv.Itoa(n.Revision)
		if _, err := tx.ExecContext(ctx, `UPDATE after_notes SET signed_at = ? WHERE id = ?`, store.Millis(n.SignedAt), n.ID); err != nil {
			return fmt.Errorf("sign a note: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM after_note_writes WHERE note_id = ?`, n.ID); err != nil {
			return fmt.Errorf("forget a note's writes: %w", err)
		}
		return nil
	})
	if err == nil && changed != nil {
		err = changed
	}
	return n, err
}

// Append adds to the writer's own signed note. The same key adds once.
func (s *Service) Append(ctx context.Context, w Writer, key string, text phi.Text) error {
	text = tidyText(text)
	return s.authoring(ctx, w, "note.append", func(tx *store.Tx, _ *store.Act, _ visits.Visit) error {
		if err := errors.Join(checkKey(key), checkText(text, MaxAddendum)); err != nil {
			return err
		}
		if strings.TrimSpace(text.Reveal()) == "" {
			return fault.Invalid("text", "is needed")
		}
		n, err := s.mine(ctx, tx, w)
		if err != nil {
			return err
		}
		if !n.Signed() {
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Key: "note_unsigned", Detail: "The note is not signed yet, so write on in it."}
		}
		id := store.NewID()
		sealed, err := s.config.Vault.Seal(text.Reveal(), addendumPlace(id))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO after_addenda (id, note_id, write_key, text, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (note_id, write_key) DO NOTHING`,
			id, n.ID, key, sealed, store.Millis(s.now()))
		if err != nil {
			return fmt.Errorf("add to a note: %w", err)
		}
		return nil
	})
}

// Mine reads the writer's own note, without what was added to it.
func (s *Service) Mine(ctx context.Context, w Writer) (Note, error) {
	var n Note
	err := s.authoring(ctx, w, "note.read", func(tx *store.Tx, a *store.Act, _ visits.Visit) (err error) {
		a.Detail = "own"
		n, err = s.mine(ctx, tx, w)
		return err
	})
	return n, err
}

// Notes reads all notes of a visit, the reader's own first and be it empty, with what was added to them; who is none of its clinicians any more reads their own alone.
func (s *Service) Notes(ctx context.Context, w Writer) (v visits.Visit, all []Note, err error) {
	err = s.authoring(ctx, w, "note.read", func(tx *store.Tx, a *store.Act, of visits.Visit) error {
		v = of
		own, err := s.mine(ctx, tx, w)
		if err != nil {
			return err
		}
		if w.of(of) {
			all, err = store.Collect(ctx, tx, func(r *sql.Rows) (Note, error) { return s.scanNote(r.Scan) },
				`SELECT `+noteColumns+` FROM after_notes WHERE visit_id = ? AND id <> ? ORDER BY created_at, id`, w.Visit, own.ID)
			if err != nil {
				return fmt.Errorf("read notes: %w", err)
			}
		}
		a.Detail = "notes " + strconv.Itoa(len(all)+min(own.Revision, 1))
		all = append([]Note{own}, all...)
		for i := range all {
			all[i].Author = nameOf(of, all[i].author)
			if all[i].Addenda, err = s.addenda(ctx, tx, all[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	return v, all, err
}

func (s *Service) addenda(ctx context.Context, q store.Queryer, note string) ([]Addendum, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Addendum, error) {
		var id, sealed string
		var at int64
		if err := r.Scan(&id, &sealed, &at); err != nil {
			return Addendum{}, err
		}
		text, err := s.config.Vault.Open(sealed, addendumPlace(id))
		return Addendum{phi.Text(text), store.Time(at)}, err
	}, `SELECT id, text, at FROM after_addenda WHERE note_id = ? ORDER BY at, id`, note)
	if err != nil {
		return nil, fmt.Errorf("read what was added to a note: %w", err)
	}
	return all, nil
}

const noteColumns = `id, visit_id, author_kind, author_id, text, revision, sitting_at, sitting_by, saved_at, signed_at`

// mine reads the writer's own note; where there is none, an empty one.
func (s *Service) mine(ctx context.Context, q store.Queryer, w Writer) (Note, error) {
	by := w.author()
	n, err := s.scanNote(q.QueryRowContext(ctx, `SELECT `+noteColumns+` FROM after_notes WHERE visit_id = ? AND author_kind = ? AND author_id = ?`,
		w.Visit, by.kind, by.id).Scan)
	if err != nil {
		n = Note{Visit: w.Visit, author: by}
	}
	if err := none(err); err != nil {
		return Note{}, fmt.Errorf("read a note: %w", err)
	}
	return n, nil
}

func (s *Service) scanNote(scan func(...any) error) (Note, error) {
	var n Note
	var sealed string
	var sat, saved, signed int64
	if err := scan(&n.ID, &n.Visit, &n.author.kind, &n.author.id, &sealed, &n.Revision, &sat, &n.by, &saved, &signed); err != nil {
		return Note{}, err
	}
	text, err := s.config.Vault.Open(sealed, notePlace(n.ID))
	n.Text, n.sitting, n.SavedAt, n.SignedAt = phi.Text(text), store.Time(sat), store.Time(saved), store.Time(signed)
	return n, err
}

func notePlace(id string) string     { return "note|" + id }
func addendumPlace(id string) string { return "addendum|" + id }

// nameOf is an author's name as it is known in a visit; empty: it is not.
func nameOf(v visits.Visit, by author) phi.Text {
	for _, i := range v.Invitations {
		if by.kind == auth.KindInvitation && i.ID == by.id || by.kind == auth.KindStaff && i.StaffID == by.id {
			return i.Name
		}
	}
	return ""
}
