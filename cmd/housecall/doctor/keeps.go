package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"housecall/cmd/housecall/server"
	"housecall/platform/bucket"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/rooms"
)

// What is left of the disk, in bytes, below which we speak.
const (
	littleSpace = 2 << 30
	noSpace     = 100 << 20
)

// folder looks at the data folder and its disk.
func folder(_ context.Context, c server.Config) []Finding {
	st, err := os.Stat(c.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{good("data", "%s is made at the first start", c.Data)}
	case err != nil:
		return []Finding{bad("data", err, "give the user that runs the server the folder --data, or name another")}
	case !st.IsDir():
		return []Finding{{"data", Bad, c.Data + " is no folder", "name a folder with --data"}}
	}
	found := []Finding{space(c.Data)}
	if probe, err := os.CreateTemp(c.Data, ".doctor-*"); err != nil {
		found = append(found, Finding{"data", Bad, "can't write: " + err.Error(), "run this as the user that runs the server; give that user the folder"})
	} else {
		_ = probe.Close()
		_ = os.Remove(probe.Name())
	}
	return found
}

func space(path string) Finding {
	var disk unix.Statfs_t
	if err := unix.Statfs(path, &disk); err != nil {
		return Finding{"disk", Weak, err.Error(), "look at the disk yourself: df " + path}
	}
	free := disk.Bavail * uint64(disk.Bsize)
	f := good("disk", "%d MiB free under %s", free>>20, path)
	switch {
	case free < noSpace:
		f.State, f.Remedy = Bad, "make room now: when the disk is full, nothing said or written in a visit is kept"
	case free < littleSpace:
		f.State, f.Remedy = Weak, "make room, or move --data to a larger disk"
	}
	return f
}

// masterKey looks whether the key is there, closed to others, and the one for the database.
func masterKey(ctx context.Context, c server.Config) []Finding {
	err := keyOf(ctx, c)
	switch {
	case errors.Is(err, keys.ErrMasterKey):
		return []Finding{bad("master key", err, "put the key of this database there, from its copy or from another node: with another no link works and no chat can be read. "+
			"Never start a server on an old database with a new key")}
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{good("master key", "%s is made at the first start; copy it to every other node, and to somewhere safe", c.KeyFile)}
	case err != nil:
		return []Finding{bad("master key", err, "let the user that runs the server read the file, and nobody else")}
	}
	return []Finding{good("master key", "%s, for its owner alone; is there a copy elsewhere?", c.KeyFile)}
}

// keyOf checks the key with the database, or by itself where that is not there or does not answer, of which database tells.
func keyOf(ctx context.Context, c server.Config) error {
	if file := store.File(c.Database); file != "" {
		if _, err := os.Stat(file); err != nil {
			_, err := keys.Master(c.KeyFile)
			return err
		}
	}
	db, err := store.Open(ctx, c.Database, store.Options{AsIs: true})
	if err != nil {
		_, err := keys.Master(c.KeyFile)
		return err
	}
	err = keys.Check(ctx, db, c.KeyFile)
	return errors.Join(err, db.Close())
}

// apart is how far clocks may be from each other. Passes allow five seconds.
const apart = 2 * time.Second

func database(ctx context.Context, c server.Config) []Finding {
	began := time.Now()
	name, ahead, err := store.Look(ctx, c.Database)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{good("database", "%s is made at the first start", name)}
	case err != nil:
		return []Finding{bad("database", err, "start the database, check --database (address, user, password, TLS); restore a backup of a damaged file")}
	}
	return []Finding{compare("database", good("database", "%s answers in %d ms", name, time.Since(began).Milliseconds()), ahead)}
}

// blobs writes, reads and removes a file.
func blobs(ctx context.Context, c server.Config) []Finding {
	b, err := bucket.Open(c.Blobs)
	if err != nil {
		return []Finding{bad("blobs", err, "mend --blobs; its forms are in docs/operating.md, under Large files")}
	}
	defer b.Close()
	if _, missing := os.Stat(c.Blobs); errors.Is(missing, fs.ErrNotExist) && b.String() == c.Blobs {
		return []Finding{good("blobs", "%s is made when it is needed", b)}
	}
	if err := b.Prove(ctx); err != nil {
		return []Finding{bad("blobs", err, "let this machine and these keys write, read and delete there: docs/operating.md, under Large files, has the rights that it needs")}
	}
	return []Finding{good("blobs", "%s can be written, read and deleted", b)}
}

func sharedRedis(ctx context.Context, c server.Config) []Finding {
	if c.Redis == "" {
		return []Finding{good("redis", "not used: this server is alone, and a restart has people wait to be admitted again")}
	}
	redis, err := rooms.OpenRedis(c.Redis)
	if err != nil {
		return []Finding{bad("redis", err, "mend --redis; its forms are in docs/operating.md, under Redis")}
	}
	defer redis.Close()
	ahead, err := redis.Ahead(ctx)
	if err != nil {
		return []Finding{bad("redis", err, "start Redis, let this machine reach it, check user and password")}
	}
	return []Finding{compare("redis", good("redis", "answers"), ahead)}
}

// compare turns a finding bad when a clock is off.
func compare(what string, f Finding, ahead time.Duration) Finding {
	if ahead.Abs() > apart {
		f.State, f.Found = Bad, "its clock is "+ahead.Round(time.Second).String()+" ahead of ours"
		f.Remedy = "keep the clocks of this machine and of the " + what + " right: run chrony or systemd-timesyncd on both"
	}
	return f
}

// clock asks the kernel whether something keeps its clock right.
func clock(context.Context, server.Config) []Finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return []Finding{{"clock", Weak, "the kernel does not say: " + err.Error(), "make sure that something keeps the clock right"}}
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return []Finding{{"clock", Weak, "nothing keeps it right, as far as the kernel knows",
			"run chrony or systemd-timesyncd (a virtual machine or container may get the time from its host): links open and passes end by this clock"}}
	}
	return []Finding{good("clock", "kept right to %d ms", t.Maxerror/1000)}
}
