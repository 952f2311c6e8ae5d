package uploads

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"housecall/platform/blobs"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/store"
)

const (
	// sweepJob forgets what nobody took, and removes blobs that nobody names.
	sweepJob = "uploads.sweep"
	// markJob marks the blobs of a file whose parts are gone: from then on they have a day. A sweep would find them by itself, but only a day after they came.
	markJob = "uploads.mark"
)

const (
	sweepEvery = time.Hour
	// waitsFor is how long a file waits to be taken since anything came of it, and how long blobs outlive their rows.
	waitsFor = 24 * time.Hour
	// atOnce is how many files one transaction forgets.
	atOnce = 100
)

// sweep is the job.
func (s *Service) sweep(ctx context.Context, j jobs.Job) error {
	for more := true; more; {
		err := s.DB.Tx(ctx, func(tx *store.Tx) (err error) {
			more, err = s.expire(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	if _, err := s.Blobs.Sweep(ctx, s.now().Add(-waitsFor), func(key string) (bool, error) { return s.named(ctx, key) }); err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := j.Done(ctx, tx); err != nil {
			return err
		}
		return s.Jobs.Put(ctx, tx, jobs.Job{Kind: sweepJob, Key: sweepJob, At: s.now().Add(sweepEvery)})
	})
}

// expire forgets some files that nobody took, and says whether there may be more.
func (s *Service) expire(ctx context.Context, tx *store.Tx) (more bool, err error) {
	all, err := store.Collect(ctx, tx, s.scan, selectUpload+` WHERE taken_by = '' AND changed_at < ? ORDER BY changed_at, id LIMIT ?`,
		store.Millis(s.now().Add(-waitsFor)), atOnce)
	if err != nil {
		return false, fmt.Errorf("list uploads that nobody took: %w", err)
	}
	for _, u := range all {
		if err := errors.Join(s.forget(ctx, tx, []string{u.ID}), s.audit(ctx, tx, system(), "upload.expire", u, string(u.State))); err != nil {
			return false, err
		}
	}
	return len(all) == atOnce, nil
}

// discard forgets the parts of a file, and has their blobs marked once tx has committed.
func (s *Service) discard(ctx context.Context, tx *store.Tx, id string) error {
	parts, err := s.refs(ctx, tx, id)
	if err != nil || len(parts) == 0 {
		return err
	}
	all := make([]string, len(parts))
	for i, p := range parts {
		all[i] = p.ref.Key
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM upload_parts WHERE upload_id = ?`, id); err != nil {
		return fmt.Errorf("discard the parts of an upload: %w", err)
	}
	return s.Jobs.Put(ctx, tx, jobs.Job{Kind: markJob, Key: id, At: s.now(), Payload: strings.Join(all, " ")})
}

// mark is the job.
func (s *Service) mark(ctx context.Context, j jobs.Job) error {
	for _, key := range strings.Fields(j.Payload) {
		if err := s.Blobs.Delete(ctx, blobs.Ref{Key: key}); err != nil {
			return err
		}
	}
	return nil
}

// named says whether a part is in a blob.
func (s *Service) named(ctx context.Context, key string) (bool, error) {
	var one int
	err := s.DB.QueryRowContext(ctx, `SELECT 1 FROM upload_parts WHERE blob = ?`, key).Scan(&one)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whose a blob is: %w", err)
	}
	return true, nil
}
