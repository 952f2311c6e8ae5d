package audit

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"housecall/platform/fault"
	"housecall/platform/store"
)

// The file of checkpoints is one after the other, each followed by an empty line. It only ever grows.

const (
	noteEnd   = "\n\n" // after each
	maxNote   = 4096   // bytes; ours have some 200
	notesOnce = 1000   // how many are appended at once
)

// errOtherLog says that the file goes on where the database does not.
var errOtherLog = errors.New("the file of checkpoints is not of what is in the database now")

// Publish appends the checkpoints that the file lacks. A file that knows what the database doesn't is left alone.
func (l *Log) Publish(ctx context.Context) (err error) {
	if l.File == "" {
		return nil
	}
	var newest int64
	if err := l.DB.QueryRowContext(ctx, `SELECT COALESCE(MAX(size), 0) FROM audit_checkpoints`).Scan(&newest); err != nil {
		return fmt.Errorf("read the newest checkpoint: %w", err)
	}
	f, err := os.OpenFile(l.File, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("checkpoints: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	last, err := lastNote(f)
	if err != nil {
		return fmt.Errorf("checkpoints: %s: %w", l.File, err)
	}
	var size int64
	if last != "" {
		if size, err = l.known(ctx, last); err != nil {
			return fmt.Errorf("checkpoints: %s: %w", l.File, err)
		}
	}
	for size < newest {
		if size, err = l.appendNotes(ctx, f, size); err != nil {
			return fmt.Errorf("checkpoints: %w", err)
		}
	}
	return nil
}

// known gives the size of a checkpoint of the file, which must be one of the database too.
func (l *Log) known(ctx context.Context, last string) (int64, error) {
	tree, err := l.Key.open(last)
	if err != nil {
		return 0, err
	}
	var note string
	err = l.DB.QueryRowContext(ctx, `SELECT note FROM audit_checkpoints WHERE size = ?`, tree.N).Scan(&note)
	if errors.Is(err, fault.NotFound) {
		return 0, fmt.Errorf("it seals %d rows: %w", tree.N, errOtherLog)
	}
	if err != nil {
		return 0, err
	}
	if there, err := l.Key.open(note); err != nil || there != tree {
		return 0, errors.Join(fmt.Errorf("it seals %d rows: %w", tree.N, errOtherLog), err)
	}
	return tree.N, nil
}

// appendNotes appends some of the checkpoints after a size, and says which was the last.
func (l *Log) appendNotes(ctx context.Context, f *os.File, size int64) (int64, error) {
	var text strings.Builder
	_, err := store.Collect(ctx, l.DB, func(r *sql.Rows) (_ struct{}, err error) {
		var note string
		err = r.Scan(&size, &note)
		text.WriteString(note + "\n")
		return struct{}{}, err
	}, `SELECT size, note FROM audit_checkpoints WHERE size > ? ORDER BY size LIMIT ?`, size, notesOnce)
	if err != nil {
		return 0, err
	}
	if _, err := f.WriteString(text.String()); err != nil {
		return 0, err
	}
	return size, f.Sync()
}

// lastNote reads the last checkpoint of the file. Half of one at its end, which a crash leaves, is cut off.
func lastNote(f *os.File) (string, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	from := max(0, end-2*maxNote)
	tail := make([]byte, end-from)
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	text := string(tail)
	whole := wholeNotes(text)
	if whole < len(text) {
		if err := f.Truncate(from + int64(whole)); err != nil {
			return "", err
		}
	}
	text = strings.TrimSuffix(text[:whole], "\n")
	// A checkpoint has an empty line in it too: what is before its last but one is of others.
	if i := strings.LastIndex(text, noteEnd); i >= 0 {
		if j := strings.LastIndex(text[:i], noteEnd); j >= 0 {
			return text[j+len(noteEnd):], nil
		}
	}
	return text, nil
}

// wholeNotes is how many bytes of a text are checkpoints to their end: an empty line after lines that begin as signatures do.
func wholeNotes(text string) int {
	for end := strings.LastIndex(text, noteEnd); end >= 0; end = strings.LastIndex(text[:end], noteEnd) {
		line := text[strings.LastIndexByte(text[:end], '\n')+1 : end]
		if strings.HasPrefix(line, "— ") {
			return end + len(noteEnd)
		}
	}
	return 0
}

// notes gives the checkpoints of a file one by one, and how many bytes at its end are none.
type notes struct {
	lines *bufio.Scanner
	rest  bool // what was read last is half of one
}

func newNotes(r io.Reader) *notes {
	n := &notes{lines: bufio.NewScanner(r)}
	n.lines.Buffer(nil, maxNote)
	return n
}

// next gives the next checkpoint; none at the end.
func (n *notes) next() (string, error) {
	var note strings.Builder
	signed := false
	for n.lines.Scan() {
		line := n.lines.Text()
		switch {
		case line == "" && signed:
			return note.String(), nil
		case line == "" && note.Len() == 0:
			continue
		}
		signed = signed || strings.HasPrefix(line, "— ")
		note.WriteString(line + "\n")
		if note.Len() > maxNote {
			return "", errors.New("the file of checkpoints has something else in it")
		}
	}
	n.rest = note.Len() > 0
	return "", n.lines.Err()
}

// Checkpoints are those of a file as it is when it is opened. Open it before Verify: what is in the file was in the database before.
type Checkpoints struct {
	io.Reader
	f *os.File
}

// OpenCheckpoints opens the file of checkpoints at path.
func OpenCheckpoints(path string) (*Checkpoints, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("checkpoints: %w", err), f.Close())
	}
	return &Checkpoints{io.LimitReader(f, st.Size()), f}, nil
}

// Close closes the file.
func (c *Checkpoints) Close() error { return c.f.Close() }
