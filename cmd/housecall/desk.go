package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"housecall/platform/fault"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/words"
	"housecall/static"
	"housecall/visits"
)

// timeLayout is how times are typed and shown, in --time-zone.
const timeLayout = "2006-01-02 15:04"

// deskOptions are the options of the commands that work on the database directly, beside a running server or without one.
type deskOptions struct {
	*options
	stdout    io.Writer
	data      string
	database  string
	keyFile   string
	publicURL string
	zoneName  string
	json      bool
	zone      *time.Location
	typed     map[string]string // how a field of a request was typed, where it is not the option of the same name
}

func newDeskOptions(name string, stdout, stderr io.Writer) *deskOptions {
	o := &deskOptions{options: newOptions(name, stderr), stdout: stdout}
	o.StringVar(&o.data, "data", "housecall-data", "`folder` of everything that lasts")
	o.StringVar(&o.database, "database", "", "`address` postgres://USER@HOST/NAME, or a SQLite file; by default housecall.db under --data")
	o.StringVar(&o.keyFile, "key-file", "", "the master key's `file`; by default master.key under --data")
	o.StringVar(&o.publicURL, "public-url", "http://localhost:8080", "`address` people use; links begin with it")
	o.StringVar(&o.zoneName, "time-zone", "UTC", "`zone` in which times are read and shown, as in Europe/Berlin")
	o.BoolVar(&o.json, "json", false, "print JSON")
	return o
}

// read parses options and arguments, in any order, and wants as many arguments as are named; those in brackets may be left out.
func (o *deskOptions) read(args []string, names ...string) ([]string, error) {
	o.Usage = func() {
		fmt.Fprintf(o.Output(), "Usage: %s [options]", o.Name())
		for _, n := range names {
			fmt.Fprintf(o.Output(), " %s", n)
		}
		fmt.Fprintln(o.Output())
		o.PrintDefaults()
	}
	var given []string
	for {
		if err := o.parse(args, os.Getenv); err != nil {
			return nil, err
		}
		if o.NArg() == 0 {
			break
		}
		given, args = append(given, o.Arg(0)), o.Args()[1:]
	}
	needed := 0
	for _, n := range names {
		if n[0] != '[' {
			needed++
		}
	}
	if len(given) < needed {
		return nil, o.wrong(fmt.Errorf("%s is missing", names[len(given)]))
	}
	if len(given) > len(names) {
		return nil, o.wrong(fmt.Errorf("%q is too much; put quotes around what has spaces", given[len(names)]))
	}
	var err error
	if o.zone, err = time.LoadLocation(o.zoneName); err != nil {
		return nil, o.wrong(fmt.Errorf("--time-zone: there is no %q", o.zoneName))
	}
	if o.database == "" {
		o.database = filepath.Join(o.data, "housecall.db")
	}
	if o.keyFile == "" {
		o.keyFile = filepath.Join(o.data, "master.key")
	}
	return given, nil
}

// withDB runs f on the database. Only what makes the first thing in it may make the database too.
func (o *deskOptions) withDB(ctx context.Context, mayMake bool, f func(*store.DB) error) (err error) {
	if file := store.File(o.database); file != "" && !mayMake {
		if _, missing := os.Stat(file); errors.Is(missing, fs.ErrNotExist) {
			return fmt.Errorf("there is no database at %s; say where with --data or --database", file)
		}
	}
	db, err := store.Open(ctx, o.database, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return f(db)
}

// withVisits runs f on the visits in the database.
func (o *deskOptions) withVisits(ctx context.Context, mayMake bool, f func(*visits.Service) error) error {
	return o.withDB(ctx, mayMake, func(db *store.DB) error {
		ring, err := keys.Open(ctx, db, o.keyFile)
		if err != nil {
			return err
		}
		book, err := words.Load(static.Locales())
		if err != nil {
			return err
		}
		s, err := visits.New(ctx, visits.Config{DB: db, LinkKey: ring.Link(), PublicURL: o.publicURL, Languages: book.Tags()})
		if err != nil {
			return err
		}
		return f(s)
	})
}

// time reads a time as people type it: RFC 3339, or day and time, or a day alone, in the zone.
func (o *deskOptions) time(option, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, o.wrong(fmt.Errorf("--%s is missing", option))
	}
	for _, layout := range []string{timeLayout, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, o.zone); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, o.wrong(fmt.Errorf("--%s: %q is no time; write it as in \"2026-11-24 15:00\" or 2026-11-24T15:00:00+01:00", option, s))
	}
	return t, nil
}

// shown is a time as people read it.
func (o *deskOptions) shown(t time.Time) string { return t.In(o.zone).Format(timeLayout) }

// table prints rows of tab-separated cells in aligned columns.
func (o *deskOptions) table(rows ...string) error {
	w := tabwriter.NewWriter(o.stdout, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, row)
	}
	return w.Flush()
}

// print writes v as JSON.
func (o *deskOptions) print(v any) error {
	e := json.NewEncoder(o.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// finish says in one line what went wrong, and returns the exit status: what the person got wrong is 2, all else 1.
func (o *deskOptions) finish(err error) int {
	var p *fault.Problem
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, errUsage):
	case errors.As(err, &p) && p.CodeOrKind() == fault.CodeNotValid:
		_ = o.wrong(errors.New(o.inOptions(p)))
		return 2
	case errors.As(err, &p) && p.Cause != nil:
		err = p.Cause // an operator may read it, and is the one who can mend it
	case errors.As(err, &p) && p.Detail != "":
		err = errors.New(p.Detail)
	case errors.Is(err, fault.NotFound):
		err = errors.New("there is nothing with this id")
	}
	return exitStatus(o.Name()[len("housecall "):], err, o.Output())
}

// inOptions says what is not valid by the names of options, which are what the person typed.
func (o *deskOptions) inOptions(p *fault.Problem) string {
	fields, _ := p.Fields["errors"].([]fault.Field)
	var parts []string
	for _, f := range fields {
		name, typed := f.Field, o.typed[f.Field]
		switch option := strings.ReplaceAll(name, "_", "-"); {
		case typed != "":
			name = typed
		case o.Lookup(option) != nil:
			name = "--" + option
		}
		if part := name + " " + f.Detail; !slices.Contains(parts, part) { // one option may be many fields
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return p.Detail
	}
	return strings.Join(parts, "; ")
}

// checkAddress says where printed links lead when nobody gave the address people use. Call it before links are printed as text.
func (o *deskOptions) checkAddress() {
	given := false
	o.Visit(func(f *flag.Flag) { given = given || f.Name == "public-url" }) // by the environment or --config too
	if !given {
		o.warn("links begin with " + o.publicURL + ", which works on this machine only; give the address people use with --public-url")
	}
}

// warn says in one line what the person should know, beside what was printed.
func (o *deskOptions) warn(text string) { fmt.Fprintf(o.Output(), "%s: %s\n", o.Name(), text) }

// subcommands runs the one that args name.
func subcommands(ctx context.Context, name string, all []command, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		for _, c := range all {
			if c.name == args[0] {
				return c.run(ctx, args[1:], stdout, stderr)
			}
		}
	}
	out, status := stderr, 2
	if len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
		out, status = stdout, 0
	}
	fmt.Fprintf(out, "Usage: housecall %s COMMAND [options]\n", name)
	for _, c := range all {
		fmt.Fprintf(out, "  %-13s %s\n", c.name, c.about)
	}
	return status
}
