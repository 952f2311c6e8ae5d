package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/audit"
	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/visits"
)

func auditCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return subcommands(ctx, "audit", []command{
		{"verify", "compare all rows with what was sealed and signed; 1: something was changed", auditVerify},
		{"show", "show who did what to a patient or a visit, or what somebody did", auditShow},
	}, args, stdout, stderr)
}

// errChanged says that the audit is not as it was sealed. What was changed has been printed.
var errChanged = errors.New("the audit log is NOT as it was sealed")

func auditVerify(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("audit verify", stdout, stderr)
	path := o.String("checkpoints", "", "`file` of checkpoints, or your copy of it (default: audit-checkpoints in --data, where it is there)")
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	return o.finish(o.withDB(ctx, false, func(db *store.DB) error { return o.verifyAudit(ctx, db, *path) }))
}

func (o *deskOptions) verifyAudit(ctx context.Context, db *store.DB, path string) (err error) {
	master, err := keys.Master(o.keyFile)
	if err != nil {
		return err
	}
	private, err := keys.Audit(master)
	if err != nil {
		return err
	}
	key, err := audit.NewKey(private)
	if err != nil {
		return err
	}
	var file io.Reader
	own := path == ""
	if own {
		path = server.AuditFile(o.data)
	}
	checkpoints, err := audit.OpenCheckpoints(path)
	switch {
	case own && errors.Is(err, fs.ErrNotExist): // the report says that nothing was in it
	case err != nil:
		return err
	default:
		file = checkpoints
		defer func() { err = errors.Join(err, checkpoints.Close()) }()
	}
	report, err := audit.Verify(ctx, db, key, file)
	if ctx.Err() != nil {
		return errors.New("stopped before the end: nothing is known") // and not as commands that are stopped: 0 says that all is whole
	}
	if err != nil {
		return err
	}
	if err := o.tellAudit(report); err != nil {
		return err
	}
	switch {
	case !report.Whole():
		return errChanged
	case report.InFile == 0 && report.Checkpoints > 0: // whoever cut the log off would remove what tells so, and a nightly check looks at nothing but how this ends
		return errors.New("there is no checkpoint in a file at " + path + ", so nobody can say that nothing was cut off at the end: name your copy with --checkpoints")
	case report.InFile == 0:
		o.warn("nothing is sealed yet")
	}
	return nil
}

// auditJSON is a report as programs read it.
type auditJSON struct {
	Whole bool `json:"whole"`
	audit.Report
	Unsealed int64 `json:"unsealed"`
}

func (o *deskOptions) tellAudit(r audit.Report) error {
	if o.json {
		if r.Findings == nil {
			r.Findings = []audit.Finding{}
		}
		return o.print(auditJSON{r.Whole(), r, r.Unsealed.Rows})
	}
	for _, f := range r.Findings {
		fmt.Fprintf(o.stdout, "%-18s %s\n", f.Kind, f.Detail)
	}
	if r.More > 0 {
		fmt.Fprintf(o.stdout, "%-18s %d more are not as they were sealed\n", "and", r.More)
	}
	fmt.Fprintf(o.stdout, "%d rows; %d sealed by %d checkpoints\n", r.Rows, r.Sealed, r.Checkpoints)
	if r.Unsealed.Rows > 0 {
		fmt.Fprintf(o.stdout, "%d rows are not sealed yet, the oldest of %s: a server does it within a minute\n", r.Unsealed.Rows, o.shown(r.Unsealed.Since))
	}
	if r.Whole() {
		fmt.Fprintln(o.stdout, "The audit log is as it was sealed.")
	}
	return nil
}

// entryJSON is an act as programs read it.
type entryJSON struct {
	Place   int64     `json:"place"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Actor   subject   `json:"actor"`
	Role    auth.Role `json:"role"`
	Action  string    `json:"action"`
	Subject subject   `json:"subject"`
	Outcome string    `json:"outcome"`
	Detail  string    `json:"detail"`
}

type subject struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

func auditShow(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("audit show", stdout, stderr)
	q := audit.Query{Limit: 1000}
	for _, kind := range []string{"patient", "visit"} {
		o.Func(kind, "the `id` of a "+kind+": who saw it, or did something to it", func(id string) error {
			q.Subject = store.Subject{Kind: kind, ID: id}
			return nil
		})
	}
	o.StringVar(&q.Actor, "actor", "", "the `id` of an account, key or invitation: what it did")
	from, to := o.String("from", "", "only acts at this `time` or later; a day will do"), o.String("to", "", "only acts before this `time`")
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	if q.Subject.ID == "" && q.Actor == "" {
		return o.finish(o.wrong(errors.New("say whose: --patient, --visit or --actor")))
	}
	for option, bound := range map[string]struct {
		typed string
		to    *time.Time
	}{"from": {*from, &q.From}, "to": {*to, &q.To}} {
		if bound.typed == "" {
			continue
		}
		at, err := o.time(option, bound.typed)
		if err != nil {
			return o.finish(err)
		}
		*bound.to = at
	}
	return o.finish(o.withDB(ctx, false, func(db *store.DB) error { return o.showAudit(ctx, db, q) }))
}

// showAudit prints all that fits, the newest first.
func (o *deskOptions) showAudit(ctx context.Context, db *store.DB, q audit.Query) error {
	policy, err := server.Policy(modules...)
	if err != nil {
		return err
	}
	reader := audit.Reader{DB: db, Policy: policy, Now: time.Now, Of: visits.BelongTo}
	all, rows := []entryJSON{}, []string{"WHEN\tWHO\tROLE\tACTION\tTO\tOUTCOME\tDETAIL"}
	for {
		page, err := reader.Show(ctx, auth.Operator(), q)
		if err != nil {
			return err
		}
		for _, e := range page.Acts {
			all = append(all, entryJSON{e.Place, e.ID, e.At, subject{e.Actor.Kind, e.Actor.ID}, e.Actor.Role, e.Action, subject(e.Subject), string(e.Outcome), e.Detail})
			rows = append(rows, fmt.Sprintf("%s\t%s %s\t%s\t%s\t%s %s\t%s\t%s", o.shown(e.At), e.Actor.Kind, e.Actor.ID, e.Actor.Role, e.Action,
				e.Subject.Kind, e.Subject.ID, e.Outcome, e.Detail))
		}
		if page.Next == 0 {
			break
		}
		q.Before = page.Next
	}
	if o.json {
		return o.print(all)
	}
	return o.table(rows...)
}
