package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Look connects to the database at url and makes or changes nothing. It says how far the database's clock is ahead of ours: always 0 with a file. A file that
// is not there yet is an fs.ErrNotExist.
func Look(ctx context.Context, url string) (name string, ahead time.Duration, err error) {
	if file := File(url); file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return file, 0, fs.ErrNotExist
		}
	}
	db, err := openEngine(ctx, url, Options{})
	if err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return "", 0, err
	}
	defer db.Close()
	if File(url) != "" {
		var found string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil || found != "ok" {
			return db.name, 0, errors.Join(fmt.Errorf("the file is damaged: %s", found), err)
		}
		return db.name, 0, nil
	}
	asked := time.Now()
	var micros int64
	if err := db.QueryRowContext(ctx, "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)").Scan(&micros); err != nil {
		return db.name, 0, err
	}
	return db.name, time.UnixMicro(micros).Sub(asked.Add(time.Since(asked) / 2)), nil
}
