package after

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/emergency"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/platform/web"
	"housecall/visits"
)

// What goes with a summary at most.
const (
	MaxFiles = 5
	MaxFile  = 25 * mega // bytes of one
)

// Sizes are counted as telephones and computers show them.
const (
	kilo = 1000
	mega = 1000 * kilo
)

// fileTypes are the media types that families can open on any phone.
var fileTypes = []string{"application/pdf", "image/jpeg", "image/png", "text/plain"}

// door is where files of summaries come in. More may wait than can go with one: a browser that was cut off while it began may begin anew.
func (s *Service) door() uploads.Door {
	return uploads.Door{Kind: "summary", AtMost: MaxFile, Many: 2 * MaxFiles, Daily: 40 * MaxFiles, Types: fileTypes, Owner: func(r *http.Request) (string, auth.Actor, store.Subject, error) {
		w := Signed(web.Actor(r.Context()), r.PathValue("visit"))
		v, err := s.ofWriter(r.Context(), s.config.DB, w)
		if err == nil && !tookPlace(v) {
			err = errEarly()
		}
		return w.sender(), w.Actor, store.About("visit", w.Visit), err
	}}
}

// takesFiles says whether files can be added: somebody must look at them first.
func (s *Service) takesFiles() bool { return s.config.Uploads != nil && s.config.Uploads.Enabled() }

// sender is whose the files are that a clinician has added and not given to the family yet.
func (w Writer) sender() string {
	by := w.author()
	return AboutSummary(w.Visit) + " by " + by.kind + " " + by.id
}

// ofWriter is a visit, for one of its clinicians. To anybody else there is none.
func (s *Service) ofWriter(ctx context.Context, q store.Queryer, w Writer) (visits.Visit, error) {
	v, err := s.config.Visits.Read(ctx, q, w.Visit)
	if err == nil && !w.of(v) {
		err = fault.NotFound
	}
	return v, err
}

// waiting are the files that a clinician has added and not given to the family yet, in the order they came.
func (s *Service) waiting(ctx context.Context, q store.Queryer, w Writer) ([]uploads.Upload, error) {
	if s.config.Uploads == nil {
		return nil, nil
	}
	return s.config.Uploads.Waiting(ctx, q, w.sender())
}

// filesOf reads the files of versions of a summary, by version.
func (s *Service) filesOf(ctx context.Context, q store.Queryer, visit string) (map[int][]uploads.Upload, error) {
	type listed struct {
		version int
		upload  string
	}
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (l listed, err error) {
		err = r.Scan(&l.version, &l.upload)
		return l, err
	}, `SELECT version, upload_id FROM after_files WHERE visit_id = ? ORDER BY version, place`, visit)
	if err != nil {
		return nil, fmt.Errorf("read which files go with a summary: %w", err)
	}
	if len(all) == 0 {
		return nil, nil
	}
	taken, err := s.config.Uploads.Taken(ctx, q, AboutSummary(visit))
	if err != nil {
		return nil, err
	}
	files := map[int][]uploads.Upload{}
	for _, l := range all {
		at := slices.IndexFunc(taken, func(u uploads.Upload) bool { return u.ID == l.upload })
		if at < 0 {
			return nil, fmt.Errorf("file %s of a summary is not there", l.upload)
		}
		files[l.version] = append(files[l.version], taken[at])
	}
	return files, nil
}

// giveFiles puts files with a version of a summary: each is one of the version before, or one that its author added and that was found clean.
func (s *Service) giveFiles(ctx context.Context, tx *store.Tx, w Writer, version int, before []uploads.Upload, files []string) error {
	if len(files) > MaxFiles {
		return fault.Invalid("files", "must be few enough")
	}
	for place, id := range files {
		if slices.Contains(files[:place], id) {
			return fault.Invalid("files", "must be named once each")
		}
		if !slices.ContainsFunc(before, func(u uploads.Upload) bool { return u.ID == id }) {
			if err := s.take(ctx, tx, w, id); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO after_files (visit_id, version, upload_id, place) VALUES (?, ?, ?, ?)`, w.Visit, version, id, place)
		if err != nil {
			return fmt.Errorf("put a file with a summary: %w", err)
		}
	}
	return nil
}

// take makes an added file one of the visit. What is not clean, or not theirs, undoes the whole act.
func (s *Service) take(ctx context.Context, tx *store.Tx, w Writer, id string) error {
	if s.config.Uploads == nil {
		return fault.Invalid("files", "cannot be added here")
	}
	_, err := s.config.Uploads.Take(ctx, tx, w.sender(), id, AboutSummary(w.Visit))
	if errors.Is(err, fault.NotFound) || errors.Is(err, fault.NotValid) || errors.Is(err, fault.NotAllowed) {
		return fault.Invalid("files", "must be sent and checked first")
	}
	return err
}

// RemoveFile removes a file that a clinician added and has not given to the family. Errors: fault.NotFound.
func (s *Service) RemoveFile(ctx context.Context, w Writer, id string) error {
	return s.clinical(ctx, w, SummaryWrite, "summary.file.remove", func(tx *store.Tx, a *store.Act, _ visits.Visit) error {
		if s.config.Uploads == nil {
			return fault.NotFound
		}
		a.Detail = "file " + id
		return s.config.Uploads.Cancel(ctx, tx, w.sender(), id)
	})
}

// fileIn finds one of a summary's files.
func fileIn(files []uploads.Upload, id string) (uploads.Upload, error) {
	at := slices.IndexFunc(files, func(u uploads.Upload) bool { return u.ID == id })
	if at < 0 {
		return uploads.Upload{}, fault.NotFound
	}
	return files[at], nil
}

// anyVersion finds a file of whatever version of a visit's summary.
func (s *Service) anyVersion(ctx context.Context, q store.Queryer, visit, id string) (uploads.Upload, error) {
	versions, err := s.filesOf(ctx, q, visit)
	if err != nil {
		return uploads.Upload{}, err
	}
	for _, files := range versions {
		if u, err := fileIn(files, id); err == nil {
			return u, nil
		}
	}
	return uploads.Upload{}, fault.NotFound
}

// download is how long what follows the beginning of a file counts as one download: each piece would be a row of the audit.
const download = time.Hour

// onceAudited has no row written of what goes on with a download that has its row.
func onceAudited(ctx context.Context, tx *store.Tx, a *store.Act, goesOn bool) (err error) {
	if goesOn {
		a.GoesOn, err = store.Did(ctx, tx, *a, a.At.Add(-download))
	}
	return err
}

// familyFile is a file of the newest summary, for who may read that.
func (s *Service) familyFile(ctx context.Context, read reader, id string, goesOn bool) (u uploads.Upload, err error) {
	err = s.family(ctx, "summary.file", read, func(tx *store.Tx, a *store.Act, v visits.Visit, i visits.Invitation) error {
		if !s.mayRead(v, i) {
			return fault.NotFound
		}
		newest, err := s.newest(ctx, tx, v)
		if err != nil {
			return err
		}
		a.Detail = "file " + id
		if u, err = fileIn(newest.Files, id); err != nil { // a newer version has come since they opened the page
			return &fault.Problem{Code: fault.CodeNotFound, Kind: fault.NotFound, Key: "after_file", Detail: "This file is not there any more."}
		}
		return onceAudited(ctx, tx, a, goesOn)
	})
	return u, err
}

// clinicalFile is a file of any version of a summary, or one that the reader added and that was found clean, for the visit's clinicians.
func (s *Service) clinicalFile(ctx context.Context, w Writer, id string, goesOn bool) (u uploads.Upload, err error) {
	err = s.clinical(ctx, w, SummaryWrite, "summary.file", func(tx *store.Tx, a *store.Act, v visits.Visit) error {
		a.Detail = "file " + id + " as clinician"
		if u, err = s.anyVersion(ctx, tx, v.ID, id); errors.Is(err, fault.NotFound) {
			u, err = s.addedFile(ctx, tx, w, id)
		}
		if err != nil {
			return err
		}
		return onceAudited(ctx, tx, a, goesOn)
	})
	return u, err
}

// addedFile is a file that a clinician added and that was found clean.
func (s *Service) addedFile(ctx context.Context, q store.Queryer, w Writer, id string) (uploads.Upload, error) {
	added, err := s.waiting(ctx, q, w)
	if err != nil {
		return uploads.Upload{}, err
	}
	u, err := fileIn(added, id)
	if err == nil && u.State != uploads.Clean {
		err = fault.NotFound
	}
	return u, err
}

// emergencyFile is a file of any version of a summary, for who has emergency access.
func (s *Service) emergencyFile(ctx context.Context, actor auth.Actor, visit, id string, goesOn bool) (u uploads.Upload, err error) {
	act := store.Act{At: s.now(), Actor: actor, Action: "summary.file", Subject: store.About("visit", visit)}
	err = s.config.DB.Do(ctx, act, s.config.Policy.Allows(actor, emergency.Open), func(tx *store.Tx, a *store.Act) error {
		v, err := s.config.Visits.Read(ctx, tx, visit)
		if err != nil {
			return err
		}
		if err := s.urgent(ctx, tx, actor, noteRead, v); err != nil {
			return err
		}
		a.Detail = "file " + id + " by emergency access"
		if u, err = s.anyVersion(ctx, tx, v.ID, id); err != nil {
			return err
		}
		return onceAudited(ctx, tx, a, goesOn)
	})
	return u, err
}
