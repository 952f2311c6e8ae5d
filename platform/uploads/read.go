package uploads

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"housecall/platform/blobs"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/web"
)

// writeWithin is how long a reader may take for what is given at once.
const writeWithin = time.Minute

// part is a piece of a file.
type part struct {
	at  int64 // its first byte, of those of the file
	ref blobs.Ref
}

// refs are the parts of a file, in their order.
func (s *Service) refs(ctx context.Context, q store.Queryer, id string) ([]part, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (p part, err error) { return p, r.Scan(&p.at, &p.ref.Size, &p.ref.Key, &p.ref.SHA256) },
		`SELECT begins_at, size, blob, sha256 FROM upload_parts WHERE upload_id = ? ORDER BY begins_at`, id)
	if err != nil {
		return nil, fmt.Errorf("list the parts of an upload: %w", err)
	}
	return all, nil
}

// content is all of a file, to be read from any place on.
func (s *Service) content(ctx context.Context, u Upload) (*content, error) {
	parts, err := s.refs(ctx, s.DB, u.ID)
	if err != nil {
		return nil, err
	}
	at := int64(0)
	for _, p := range parts {
		if p.at != at {
			return nil, fmt.Errorf("%w: upload %s lacks what is at %d", blobs.ErrDamaged, u.ID, at)
		}
		at += p.ref.Size
	}
	if at != u.Size {
		return nil, fmt.Errorf("%w: upload %s ends at %d", blobs.ErrDamaged, u.ID, at)
	}
	return &content{ctx: ctx, blobs: s.Blobs, parts: parts, size: u.Size}, nil
}

// content reads parts as one file. It implements io.ReadSeekCloser.
type content struct {
	ctx    context.Context // of this one reading
	blobs  *blobs.Store
	parts  []part
	size   int64
	at     int64         // what is read next
	open   io.ReadCloser // the part that is read; nil: none
	opened int64         // what it gives next
	err    error
}

func (c *content) Read(b []byte) (int, error) {
	for c.err == nil && len(b) > 0 {
		if c.at >= c.size {
			return 0, io.EOF
		}
		if c.err = c.openPart(); c.err != nil {
			break
		}
		n, err := c.open.Read(b)
		c.at += int64(n)
		c.opened = c.at
		if errors.Is(err, io.EOF) {
			err = c.closePart()
		}
		c.err = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, c.err
}

// openPart has the part open that has the next byte. What stands in it before that is read in vain: it was encrypted as one.
func (c *content) openPart() (err error) {
	if c.open != nil && c.opened == c.at {
		return nil
	}
	if err := c.closePart(); err != nil {
		return err
	}
	for _, p := range c.parts {
		if before := c.at - p.at; before >= 0 && before < p.ref.Size {
			if c.open, err = c.blobs.Open(c.ctx, p.ref); err != nil {
				return err
			}
			_, err = io.CopyN(io.Discard, c.open, before)
			c.opened = c.at
			return err
		}
	}
	return blobs.ErrDamaged
}

func (c *content) closePart() error {
	if c.open == nil {
		return nil
	}
	err := c.open.Close()
	c.open = nil
	return err
}

// Seek implements io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("there is nothing before the beginning")
	}
	c.at = offset
	return offset, nil
}

// Close ends the reading.
func (c *content) Close() error { return c.closePart() }

// Serve answers with a file, for saving and never for showing: attachment, sandboxed, kept by no cache; whole, or the one range that is asked for. Whether the reader may have it, the caller
// has judged, and has written it into the audit. What is not clean is answered as what is not there.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, u Upload) {
	u, err := s.find(r.Context(), s.DB, ` WHERE id = ? AND state = ?`, u.ID, string(Clean))
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	body, err := s.content(r.Context(), u)
	if err == nil {
		defer body.Close()
		err = body.openPart() // while an error can still be told
	}
	if errors.Is(err, fault.NotFound) { // the row says that it is there; its folder may not be mounted
		err = fault.Away(fmt.Errorf("a part of upload %s is not there: %s", u.ID, err.Error()))
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", u.Type)
	h.Set("Content-Disposition", disposition(u))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("ETag", `"`+u.SHA256+`"`)
	http.ServeContent(&patient{w, http.NewResponseController(w)}, oneRange(r), "", time.Time{}, body)
	if body.err != nil {
		web.NoteCause(r, body.err) // the answer is cut short, which its reader sees by its length
	}
}

// oneRange is a request without its ranges where it has several, which a server may leave out (RFC 9110, section 14.2): a part is decrypted from its beginning for each range, so that a
// thousand small ones would cost as much as the file a thousand times. With one range each part is decrypted once at most.
func oneRange(r *http.Request) *http.Request {
	if !strings.Contains(r.Header.Get("Range"), ",") {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	return r
}

// GoesOn says whether a request wants nothing of a file's content, or not its beginning: browsers look how large it is first, and fetch it in pieces.
func GoesOn(r *http.Request) bool {
	from, is := strings.CutPrefix(oneRange(r).Header.Get("Range"), "bytes=")
	from, _, _ = strings.Cut(from, "-")
	return r.Method == http.MethodHead || is && strings.Trim(from, " 0") != ""
}

// disposition has the browser save the file under its name (RFC 6266).
func disposition(u Upload) string {
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": u.Name.Reveal()}); d != "" {
		return d
	}
	return "attachment"
}

// patient gives a slow reader time for each piece, instead of one time for all.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}
