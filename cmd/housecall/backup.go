package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/backup"
	"housecall/platform/certs"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/visits"
)

// schemas are the tables of every package, in the order in which they are made.
func schemas() []backup.Schema {
	return []backup.Schema{{Name: "store", Files: store.Migrations()}, {Name: "keys", Files: keys.Migrations()}, {Name: "staff", Files: staff.Migrations()},
		{Name: "certs", Files: certs.Migrations()}, {Name: "jobs", Files: jobs.Migrations()}, {Name: "notify", Files: notify.Migrations()},
		{Name: "sites", Files: sites.Migrations()}, {Name: "people", Files: people.Migrations()}, {Name: "visits", Files: visits.Migrations()}}
}

// backupJSON is a backup as programs read it.
type backupJSON struct {
	File    string    `json:"file"`
	TakenAt time.Time `json:"taken_at"`
	Tables  int       `json:"tables"`
	Rows    int64     `json:"rows"`
	Key     bool      `json:"key"`
}

// tell says what a file holds.
func (o *deskOptions) tell(done, path string, m backup.Manifest) error {
	if o.json {
		return o.print(backupJSON{File: path, TakenAt: m.TakenAt, Tables: len(m.Tables), Rows: m.Rows(), Key: m.Key})
	}
	_, err := fmt.Fprintf(o.stdout, "%s %s: %d rows of %d tables, as they were at %s\n", path, done, m.Rows(), len(m.Tables), o.shown(m.TakenAt))
	return err
}

func backupCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("backup", stdout, stderr)
	var to string
	var withKey bool
	o.StringVar(&to, "to", "", "new `file` that everything is copied into")
	o.BoolVar(&withKey, "with-key", false, "put the master key into it too: then whoever has the file can read everything in it")
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	if to == "" {
		return o.finish(o.wrong(errors.New("--to is missing")))
	}
	return o.finish(o.withDB(ctx, false, func(db *store.DB) error {
		c := backup.Options{Program: server.Version, Now: time.Now()}
		if withKey {
			var err error
			if c.Key, err = keys.Master(o.keyFile); err != nil {
				return err
			}
		}
		err := db.Tx(ctx, func(tx *store.Tx) error {
			return store.Audit(ctx, tx, store.Act{At: c.Now, Actor: auth.Operator(), Action: "backup.make", Subject: store.Subject{Kind: "backup"}, Outcome: store.Allowed})
		})
		if err != nil {
			return err
		}
		m, err := backup.Write(ctx, db, to, c)
		if err != nil {
			return err
		}
		if !withKey {
			o.warn("the master key is not in it; without " + o.keyFile + " links and chat of the backup can't be used: keep a copy elsewhere")
		}
		return o.tell("holds", to, m)
	}))
}

func restoreCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("restore", stdout, stderr)
	var from string
	o.StringVar(&from, "from", "", "`file` of a backup")
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	if from == "" {
		return o.finish(o.wrong(errors.New("--from is missing")))
	}
	return o.finish(o.restore(ctx, from))
}

func (o *deskOptions) restore(ctx context.Context, from string) (err error) {
	file, err := backup.Open(from) // before a database is made for it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
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
	err = file.Restore(ctx, db, schemas())
	if errors.Is(err, backup.ErrNotEmpty) {
		return fmt.Errorf("%w; a backup goes into an empty place only: say where with --data or --database", err)
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
