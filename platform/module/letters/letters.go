// Package letters is the smallest module there can be, and shows the shape of all: coordinators write letters, which are posted the next minute. It is
// part of no program: the tests of package server put it beside the visits, and count its lines.
package letters

import (
	"context"
	"database/sql"
	"embed"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/jobs"
	"housecall/platform/module"
	"housecall/platform/store"
	"housecall/platform/web"
)

//go:embed pages/*.html migrations/*.sql locales/*.json
var files embed.FS

const write auth.Action = "letter.write"

const (
	path  = "/desk/letters"
	limit = 200 // bytes of a letter
)

// Module is what the house is given.
var Module = module.Module{
	Name:       "letters",
	Rules:      []auth.Rule{{Action: write, Meaning: "write letters, and see which were posted", Roles: []auth.Role{auth.Coordinator}}},
	Migrations: store.Folder(files, "migrations"),
	Locales:    store.Folder(files, "locales"),
	Pages:      store.Folder(files, "pages"),
	Links:      []web.Link{{Path: path, Words: "letters.title", Action: write}},
	Start: func(_ context.Context, house module.House) error {
		l := letters{house}
		house.Routes.HandleFunc("GET "+path, web.Staff(write), l.list)
		house.Routes.HandleFunc("POST "+path, web.Staff(write), l.write)
		house.Jobs.Handle("letters.post", l.post)
		return nil
	},
}

type letters struct{ module.House }

type letter struct {
	Text   string
	Posted bool
}

func (l letters) list(w http.ResponseWriter, r *http.Request) { l.show(w, r, http.StatusOK, nil) }

// show draws the page, which says what is wrong with the letter that was sent.
func (l letters) show(w http.ResponseWriter, r *http.Request, status int, wrong web.Problems) {
	var all []letter
	err := l.Do(r.Context(), web.Actor(r.Context()), write, "letter.list", store.About("letter", ""), func(tx *store.Tx, _ *store.Act) (err error) {
		all, err = store.Collect(r.Context(), tx, func(rows *sql.Rows) (a letter, err error) { return a, rows.Scan(&a.Text, &a.Posted) },
			`SELECT text, posted_at > 0 FROM letters ORDER BY id DESC LIMIT 50`)
		return err
	})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	l.Pages.Render(w, r, status, "letters/list", web.Page{Title: l.Pages.Words(r).T("letters.title"), Active: path, Error: len(wrong) > 0,
		Body: map[string]any{"Letters": all, "Problems": wrong}})
}

func (l letters) write(w http.ResponseWriter, r *http.Request) {
	text, id := r.PostFormValue("text"), store.NewID()
	if text == "" || len(text) > limit || !store.Keeps(text) {
		l.show(w, r, http.StatusUnprocessableEntity, web.Problems{{Field: "text", Text: l.Pages.Words(r).T("letters.wrong", "max", limit)}})
		return
	}
	err := l.Do(r.Context(), web.Actor(r.Context()), write, "letter.write", store.About("letter", id), func(tx *store.Tx, _ *store.Act) error {
		if _, err := tx.ExecContext(r.Context(), `INSERT INTO letters (id, text, posted_at) VALUES (?, ?, 0)`, id, text); err != nil {
			return err
		}
		return l.Jobs.Put(r.Context(), tx, jobs.Job{Kind: "letters.post", Key: id, At: l.Now().Add(time.Minute)})
	})
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	web.Redirect(w, r, path)
}

// post posts a letter: what it does and that it is done are one transaction.
func (l letters) post(ctx context.Context, job jobs.Job) error {
	return l.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE letters SET posted_at = ? WHERE id = ?`, store.Millis(l.Now()), job.Key); err != nil {
			return err
		}
		return job.Done(ctx, tx)
	})
}
