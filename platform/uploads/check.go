package uploads

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"housecall/auth"
	"housecall/platform/blobs"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/store"
)

// checkJob looks at a file that is all here.
const checkJob = "uploads.check"

// A scanner that is away is asked again each minute; a file that nobody took goes after a day, which is sooner than the tries are over.
var checkPolicy = jobs.Policy{Tries: 3000, First: 2 * time.Second, Most: time.Minute, AtOnce: 2}

// headSize is how many bytes the media type is told by.
const headSize = 3072

// system is who checks and forgets files.
func system() auth.Actor { return auth.Actor{Kind: auth.KindSystem, ID: "uploads"} }

// found is what a look at a file found.
type found struct {
	mediaType, ending, sha256 string
	why                       string // it is refused; empty: it is clean
	signature                 string // of the scanner
}

// check is the job.
func (s *Service) check(ctx context.Context, j jobs.Job) error {
	u, err := s.find(ctx, s.DB, ` WHERE id = ? AND state = ?`, j.Key, string(Scanning))
	if errors.Is(err, fault.NotFound) {
		return nil // it was cancelled, or this was done
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	door, known := s.doors[u.Kind]
	s.mu.Unlock()
	if !known || s.Scanner == nil {
		return errors.New("this node has no door of that kind, or no scanner")
	}
	f, err := s.look(ctx, u, door)
	if err != nil {
		return err
	}
	if f.why != "" {
		s.Logger.WarnContext(ctx, "an uploaded file was refused", "kind", u.Kind, "why", f.why, "signature", f.signature)
	}
	return s.DB.Tx(ctx, func(tx *store.Tx) error { return s.settle(ctx, tx, j, u, f) })
}

// look reads all of a file once: what it is, its hash, and what the scanner says.
func (s *Service) look(ctx context.Context, u Upload, door Door) (f found, err error) {
	content, err := s.content(ctx, u)
	if err != nil {
		return f, err
	}
	defer content.Close()
	from := bufio.NewReaderSize(content, headSize)
	head, err := from.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return damagedOr(f, err)
	}
	if f.mediaType, f.ending, err = door.kindOf(head, u.Name); err != nil {
		return f, err
	}
	if !door.takes(f.mediaType) {
		f.why = Type
		return f, nil
	}
	hash, letters := sha256.New(), &text{}
	all := io.TeeReader(from, hash)
	plain := f.mediaType == "text/plain" || f.mediaType == "text/csv"
	if plain {
		all = io.TeeReader(all, letters)
	}
	if f.why, f.signature, err = s.Scanner.Scan(ctx, all); err == nil && f.why == "" {
		_, err = io.Copy(io.Discard, all) // what a scanner has left, which is all where there is none
	}
	f.sha256 = hex.EncodeToString(hash.Sum(nil))
	if err != nil {
		return damagedOr(f, err)
	}
	if f.why == "" && plain {
		if letters.isNone() { // it begins as a text, and goes on as something else
			f.why = Type
		}
		f.mediaType += letters.charset()
	}
	return f, nil
}

// damagedOr tells a file that no further try would read from a store that is away. A blob that is not there is no proof: the folder may not be mounted, so that is tried again, for a day.
func damagedOr(f found, err error) (found, error) {
	if errors.Is(err, blobs.ErrDamaged) {
		f.why = Damaged
		return f, nil
	}
	return f, fmt.Errorf("look at an upload: %w", err)
}

// settle writes what was found. The content of what is refused is nobody's from then on.
func (s *Service) settle(ctx context.Context, tx *store.Tx, j jobs.Job, u Upload, f found) error {
	if f.why == "" {
		u.State, u.Name = Clean, fitting(u.Name, f.mediaType, f.ending)
	} else {
		u.State, u.Why, f.sha256 = Refused, f.why, ""
	}
	sealed, err := s.Vault.Seal(u.Name.Reveal(), place(u.ID))
	if err != nil {
		return fmt.Errorf("settle an upload: %w", err)
	}
	_, err = tx.ExecContext(ctx, `UPDATE uploads SET state = ?, why = ?, name = ?, media_type = ?, sha256 = ?, changed_at = ? WHERE id = ? AND state = ?`,
		string(u.State), u.Why, sealed, f.mediaType, f.sha256, store.Millis(s.now()), u.ID, string(Scanning))
	if err == nil && u.State == Refused {
		err = s.discard(ctx, tx, u.ID)
	}
	if err != nil {
		return fmt.Errorf("settle an upload: %w", err)
	}
	if u.State == Refused {
		err = s.audit(ctx, tx, system(), "upload.refuse", u, u.Why)
	} else {
		err = s.audit(ctx, tx, system(), "upload.check", u, "")
	}
	if err != nil {
		return err
	}
	return j.Done(ctx, tx)
}
