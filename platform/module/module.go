// Package module is the shape of a service that stands beside the visits: what it brings, and what the house gives it. Whoever has read one module knows
// all. It owns nothing: a module's state is in its own tables, and cmd/housecall/server puts modules together with the house.
// A module must never import another, and nothing of the core imports a module.
package module

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/jobs"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/platform/web"
)

// Module is what a service brings. All but Name and Start may be missing.
type Module struct {
	Name       string      // of the versions of its tables and of its pages; unique
	Rules      []auth.Rule // who may do what it adds
	Migrations fs.FS       // goose files, of tables of its own
	Locales    fs.FS       // what its pages say, and what the audit says of its acts ("act.letter.write"): TAG.json for every language
	Pages      fs.FS       // *.html
	Links      []web.Link  // its entries of the navigation

	// Start adds its routes, calls and jobs to the house. It starts no goroutines: what has to be done at some time is a job.
	Start func(context.Context, House) error
}

// House is what a module is given.
type House struct {
	DB      *store.DB
	Policy  auth.Policy
	Pages   *web.Pages
	Routes  *web.Routes
	API     *api.API
	Jobs    *jobs.Queue
	Uploads *uploads.Service
	Now     func() time.Time
	Logger  *slog.Logger
}

// Do does an act in a transaction with its audit row, if the rules let the actor do right; who may not gets fault.NotAllowed, and that is audited too.
// action names it in the audit, as in "letter.write", and its Locales say what that is. See store.DB.Do.
func (h House) Do(ctx context.Context, actor auth.Actor, right auth.Action, action string, about store.Subject, f func(*store.Tx, *store.Act) error) error {
	act := store.Act{At: store.Time(store.Millis(h.Now())), Actor: actor, Action: action, Subject: about}
	return h.DB.Do(ctx, act, h.Policy.Allows(actor, right), f)
}

// Rules are those of all modules.
func Rules(all []Module) (rules []auth.Rule) {
	for _, m := range all {
		rules = append(rules, m.Rules...)
	}
	return rules
}

// Links are the entries of the navigation of all modules.
func Links(all []Module) (links []web.Link) {
	for _, m := range all {
		links = append(links, m.Links...)
	}
	return links
}

// Locales are what the pages of all modules say, for words.Load.
func Locales(all []Module) (locales []fs.FS) {
	for _, m := range all {
		if m.Locales != nil {
			locales = append(locales, m.Locales)
		}
	}
	return locales
}

// Start brings the tables of all modules up to date, adds their pages, and starts them.
func Start(ctx context.Context, all []Module, h House) error {
	for _, m := range all {
		if m.Migrations != nil {
			if err := h.DB.Migrate(ctx, m.Name, m.Migrations); err != nil {
				return err
			}
		}
		if m.Pages != nil {
			if err := h.Pages.Add(m.Name, m.Pages); err != nil {
				return err
			}
		}
		own := h
		own.Logger = h.Logger.With("module", m.Name)
		if err := m.Start(ctx, own); err != nil {
			return fmt.Errorf("start %s: %w", m.Name, err)
		}
	}
	return nil
}
