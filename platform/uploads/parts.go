package uploads

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"

	"housecall/platform/blobs"
	"housecall/platform/fault"
	"housecall/platform/jobs"
	"housecall/platform/store"
	"housecall/platform/web"
)

const (
	// partSize is how many bytes a blob has at most: what a server that dies at the wrong moment has lost of a file.
	partSize = 16 << 20
	// spareParts is how many parts a file may have beside full ones: each cut makes one.
	spareParts = 1000
	// grace is how long what has come is still being kept after its request ended.
	grace = 20 * time.Second
)

// begin makes an upload.
func (s *Service) begin(ctx context.Context, q *request, name string, size int64) (Upload, error) {
	if size <= 0 {
		return Upload{}, fault.Invalid("Upload-Length", "must be more than nothing")
	}
	if size > q.door.AtMost {
		return Upload{}, &web.Fault{Code: "too_large", Status: http.StatusRequestEntityTooLarge, Title: "Too large",
			Detail: strconv.FormatInt(q.door.AtMost, 10) + " bytes are the most."}
	}
	if err := web.Allow(ctx, s.Limiter, "upload:"+q.door.Kind+":"+q.actor.Kind+":"+q.actor.ID, q.door.Daily, 24*time.Hour); err != nil {
		return Upload{}, err
	}
	u := Upload{ID: store.NewID(), Kind: q.door.Kind, Size: size, State: Coming, Made: s.now(), owner: q.owner, about: q.about}
	u.Name = cleaned(name)
	sealed, err := s.Vault.Seal(u.Name.Reveal(), place(u.ID))
	if err != nil {
		return Upload{}, fmt.Errorf("begin an upload: %w", err)
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		var many int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM uploads WHERE owner = ? AND kind = ? AND taken_by = ''`, u.owner, u.Kind).Scan(&many); err != nil {
			return err
		}
		if many >= q.door.Many {
			return &fault.Problem{Code: "too_many", Kind: fault.NotValid, Detail: fmt.Sprintf("There are %d files already, which are the most.", many)}
		}
		now := store.Millis(u.Made)
		_, err := tx.ExecContext(ctx, `INSERT INTO uploads (id, kind, owner, about_kind, about_id, name, size, received, parts, state, why, media_type, sha256, taken_by, made_at, changed_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, '', '', '', '', ?, ?)`, u.ID, u.Kind, u.owner, u.about.Kind, u.about.ID, sealed, u.Size, string(Coming), now, now)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, q.actor, "upload.begin", u, "")
	})
	if err != nil {
		return Upload{}, fmt.Errorf("begin an upload: %w", err)
	}
	return u, nil
}

// write keeps what comes, from a place in the file on, part by part, and says how many bytes of it last. When it ends too soon, what came is kept.
func (s *Service) write(ctx context.Context, q *request, at int64, src io.Reader) (kept int64, err error) {
	from := bufio.NewReader(src)
	for {
		if _, err := from.Peek(1); err != nil { // the end, or a cut: tusd keeps the error
			return kept, nil
		}
		if q.found.parts >= q.found.Size/partSize+spareParts {
			return kept, &fault.Problem{Kind: fault.NotValid, Detail: "The file came in too many pieces. Begin anew."}
		}
		n, err := s.writePart(ctx, q, at+kept, from)
		kept += n
		if err != nil {
			return kept, err
		}
	}
}

// writePart keeps one part: its blob, and then its row, by which it is part of the file.
func (s *Service) writePart(ctx context.Context, q *request, at int64, from io.Reader) (int64, error) {
	most := min(partSize, q.found.Size-at)
	ctx, end := graced(ctx)
	defer end()
	ref, err := s.Blobs.Put(ctx, io.LimitReader(from, most), most)
	if err != nil {
		return 0, fmt.Errorf("keep a part of an upload: %w", err)
	}
	u := q.found
	u.Offset, u.parts = at+ref.Size, u.parts+1
	if u.Offset == u.Size {
		u.State = Scanning
	}
	if err := s.DB.Tx(ctx, func(tx *store.Tx) error { return s.addPart(ctx, tx, q, u, at, ref) }); err != nil {
		return 0, errors.Join(err, s.Blobs.Delete(ctx, ref))
	}
	q.found = u
	return ref.Size, nil
}

// addPart writes the row of a part, and what becomes of the upload by it. Errors: handler.ErrMismatchOffset when somebody else wrote there, or the upload is gone.
func (s *Service) addPart(ctx context.Context, tx *store.Tx, q *request, u Upload, at int64, ref blobs.Ref) error {
	done, err := tx.ExecContext(ctx, `UPDATE uploads SET received = ?, parts = ?, state = ?, changed_at = ? WHERE id = ? AND received = ? AND state = ? AND taken_by = ''`,
		u.Offset, u.parts, string(u.State), store.Millis(s.now()), u.ID, at, string(Coming))
	if err != nil {
		return fmt.Errorf("add a part: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(handler.ErrMismatchOffset, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO upload_parts (upload_id, begins_at, size, blob, sha256) VALUES (?, ?, ?, ?, ?)`, u.ID, at, ref.Size, ref.Key, ref.SHA256); err != nil {
		return fmt.Errorf("add a part: %w", err)
	}
	if u.State != Scanning {
		return nil
	}
	if err := s.Jobs.Put(ctx, tx, jobs.Job{Kind: checkJob, Key: u.ID, At: s.now()}); err != nil {
		return err
	}
	return s.audit(ctx, tx, q.actor, "upload.finish", u, "")
}

// graced is a context that outlives ctx for a while: that of a request ends as soon as its client is gone, or another request wants the upload.
func graced(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			cancel()
		case <-own.Done():
		}
	})
	return own, func() { stop(); cancel() }
}
