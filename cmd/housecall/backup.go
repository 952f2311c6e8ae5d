package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/backup"
	"housecall/platform/bucket"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/store"
)

// backupJSON is a backup as programs read it.
type backupJSON struct {
	File    string    `json:"file"`
	TakenAt time.Time `json:"taken_at"`
	Tables  int       `json:"tables"`
	Rows    int64     `json:"rows"`
	Key     bool      `json:"key"`
	Blobs   int64     `json:"blobs"`
}

// tell says what a file holds.
func (o *deskOptions) tell(done, path string, m backup.Manifest) error {
	if o.json {
		return o.print(backupJSON{File: path, TakenAt: m.TakenAt, Tables: len(m.Tables), Rows: m.Rows(), Key: m.Key, Blobs: m.Blobs.Number})
	}
	_, err := fmt.Fprintf(o.stdout, "%s %s: %d rows of %d tables and %d large files, as they were at %s\n", path, done, m.Rows(), len(m.Tables), m.Blobs.Number, o.shown(m.TakenAt))
	return err
}

// openBlobs opens the place of large files; by default it is under --data.
func (o *deskOptions) openBlobs(address string) (*bucket.Bucket, error) {
	if address == "" {
		address = filepath.Join(o.data, "blobs")
	}
	b, err := bucket.Open(address)
	if err != nil {
		return nil, o.wrong(fmt.Errorf("--blobs: %w", err))
	}
	return b, nil
}

// place opens where a backup is. No address holds a password.
func (o *deskOptions) place(option, address string) (*bucket.Bucket, string, error) {
	b, name, err := bucket.At(address)
	if err != nil {
		return nil, "", o.wrong(fmt.Errorf("--%s: %w", option, err))
	}
	return b, name, nil
}

// backupOptions are those of `housecall backup`.
type backupOptions struct {
	to, blobs  string
	withKey    bool
	recipients []string
}

func backupCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("backup", stdout, stderr)
	var c backupOptions
	o.StringVar(&c.to, "to", "", "new `file` that everything is copied into, or s3://BUCKET/FILE?region=…&endpoint=…")
	o.StringVar(&c.blobs, "blobs", "", blobsAbout)
	o.BoolVar(&c.withKey, "with-key", false, "put the master key into it too: then whoever can read the file can read everything in it")
	o.Func("recipient", "`age1…`, who alone may read it: what age-keygen calls the public key; may be given several times (default: whoever has the file)", func(s string) error {
		c.recipients = append(c.recipients, s)
		return nil
	})
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	if c.to == "" {
		return o.finish(o.wrong(errors.New("--to is missing")))
	}
	return o.finish(o.backUp(ctx, c))
}

func (o *deskOptions) backUp(ctx context.Context, c backupOptions) error {
	how := backup.Options{Program: server.Version, Now: time.Now(), Scratch: o.scratch(c)}
	target, name, err := o.place("to", c.to)
	if err != nil {
		return err
	}
	defer target.Close()
	if how.Blobs, err = o.openBlobs(c.blobs); err != nil {
		return err
	}
	defer how.Blobs.Close()
	if how.Recipients, err = backup.Recipients(c.recipients); err != nil {
		return o.wrong(fmt.Errorf("--recipient: %w", err))
	}
	if !strings.Contains(c.to, "://") { // a bucket makes folders, and this one may be a disk that is not there today
		if _, err := os.Stat(filepath.Dir(c.to)); err != nil {
			return err
		}
	}
	return o.withDB(ctx, false, func(db *store.DB) error {
		if c.withKey {
			if how.Key, err = keys.Master(o.keyFile); err != nil {
				return err
			}
		}
		err = db.Tx(ctx, func(tx *store.Tx) error {
			return store.Audit(ctx, tx, store.Act{At: how.Now, Actor: auth.Operator(), Action: "backup.make", Subject: store.Subject{Kind: "backup"}, Outcome: store.Allowed})
		})
		if err != nil {
			return err
		}
		if err := target.Tidy(ctx, how.Now.Add(-abandonedAfter)); err != nil {
			o.warn("what an earlier backup left unfinished can't be removed: " + err.Error())
		}
		m, err := backup.Write(ctx, db, target, name, how)
		if err != nil {
			return err
		}
		if !c.withKey {
			o.warn("the master key is not in it; without " + o.keyFile + " links and chat of the backup can't be used: keep a copy elsewhere")
		}
		return o.tell("holds", c.to, m)
	})
}

// abandonedAfter is how long a backup may take. What is older and unfinished is of one that was killed.
const abandonedAfter = 24 * time.Hour

// scratch is the folder for what a backup has on its way, as plain as in the database: that of the file if it will be as plain, else that of the data, else the
// system's.
func (o *deskOptions) scratch(c backupOptions) string {
	if !strings.Contains(c.to, "://") && len(c.recipients) == 0 {
		return filepath.Dir(c.to)
	}
	if st, err := os.Stat(o.data); err == nil && st.IsDir() {
		return o.data
	}
	return ""
}

func restoreCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("restore", stdout, stderr)
	var from, blobs, identity string
	o.StringVar(&from, "from", "", "`file` of a backup, or s3://BUCKET/FILE?region=…&endpoint=…")
	o.StringVar(&blobs, "blobs", "", blobsAbout)
	o.StringVar(&identity, "identity", "", "`file` with the key of a --recipient, as age-keygen writes it, for a backup that is encrypted")
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	if from == "" {
		return o.finish(o.wrong(errors.New("--from is missing")))
	}
	return o.finish(o.restore(ctx, from, blobs, identity))
}

func (o *deskOptions) restore(ctx context.Context, from, blobs, identity string) (err error) {
	source, name, err := o.place("from", from)
	if err != nil {
		return err
	}
	defer source.Close()
	files, err := o.openBlobs(blobs)
	if err != nil {
		return err
	}
	defer files.Close()
	identities, err := backup.Identities(identity)
	if err != nil {
		return o.wrong(fmt.Errorf("--identity: %w", err))
	}
	file, err := backup.Open(ctx, source, name, identities) // before a database is made for it
	if err != nil {
		return err
	}
	there, missing := keys.Master(o.keyFile)
	noKey := errors.Is(missing, fs.ErrNotExist)
	switch {
	case missing != nil && !noKey:
		return missing
	case !noKey && file.Master != nil && !bytes.Equal(there, file.Master):
		return fmt.Errorf("there is another master key at %s: say with --key-file where that of the backup should go", o.keyFile)
	}
	db, err := store.Open(ctx, o.database, store.Options{AsIs: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = file.Restore(ctx, db, files, server.Schemas(modules...))
	if errors.Is(err, backup.ErrNotEmpty) {
		return fmt.Errorf("%w; a backup goes into an empty place only: say where with --data or --database", err)
	}
	if err == nil {
		err = notify.Restored(ctx, db, time.Now())
	}
	if err != nil {
		return err
	}
	if file.Master != nil {
		if err := keys.PutMaster(o.keyFile, file.Master); err != nil {
			return fmt.Errorf("everything is back, but the master key: %w", err)
		}
		noKey = false
	}
	if noKey {
		o.warn("the master key is not in the backup: put your copy at " + o.keyFile + " before you start the server")
	} else if _, err := keys.Open(ctx, db, o.keyFile); err != nil {
		return fmt.Errorf("everything is back, but cannot be opened: %w", err)
	}
	return o.tell("is back", from, file.Manifest)
}
