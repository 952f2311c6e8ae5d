package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"housecall/auth"
	"housecall/platform/phi"
	"housecall/visits"
)

func visitCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return subcommands(ctx, "visit", []command{
		{"create", "plan a visit and print a link for each person", visitCreate},
		{"invite", "add a person to a visit and print their link", visitInvite},
		{"list", "list visits in order of their start", visitList},
		{"show", "show a visit and who is invited", visitShow},
		{"revoke", "call a visit off, or withdraw one person's invitation", visitRevoke},
		{"resend", "print a person's link again, or a new one", visitResend},
	}, args, stdout, stderr)
}

func visitCreate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("visit create", stdout, stderr)
	var r visits.Request
	var start string
	o.StringVar(&r.Service, "service", "", "what it is about, as in Cardiology")
	o.StringVar(&start, "start", "", "`time` it starts, as in \"2026-11-24 15:00\" (in --time-zone) or 2026-11-24T15:00:00+01:00")
	o.IntVar(&r.Minutes, "minutes", 30, "planned length")
	asks := o.Bool("ask-birth-date", true, "whether the links of patient, guardians and guests ask for --birth-date, where it is given")
	o.Func("birth-date", "the patient's `date` of birth (YYYY-MM-DD): clinicians see the age, and the family's links ask for it", func(s string) error {
		r.AskBirthDate, r.BirthDate = true, phi.Text(s)
		return nil
	})
	language := o.String("language", "", "`tag` of the language that patient, guardians and guests read, as in es")
	o.typed = map[string]string{"starts_at": "--start", "people": "people (--patient, --clinician and so on)"}
	for _, role := range auth.InvitedRoles() {
		o.Func(string(role), "`name` of a person to invite as "+string(role)+"; may be given again", func(name string) error {
			o.typed[fmt.Sprintf("people[%d].name", len(r.People))] = "--" + string(role)
			r.People = append(r.People, visits.Person{Name: phi.Text(name), Role: role})
			return nil
		})
	}
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	r.AskBirthDate = r.AskBirthDate && *asks
	for i := range r.People {
		if visits.OfFamily(r.People[i].Role) {
			r.People[i].Language = *language
			o.typed[fmt.Sprintf("people[%d].language", i)] = "--language"
		}
	}
	var err error
	if r.StartsAt, err = o.time("start", start); err != nil {
		return o.finish(err)
	}
	return o.finish(o.withVisits(ctx, true, func(s *visits.Service) error {
		v, links, err := s.Create(ctx, auth.Operator(), r)
		if err != nil {
			return err
		}
		if o.json {
			return o.print(v.JSON(links))
		}
		o.checkAddress()
		o.printVisit(v)
		rows := make([]string, len(links))
		for i, l := range links {
			rows[i] = fmt.Sprintf("%s\t%s\t%s", l.Invitation.Role, l.Invitation.Name.Reveal(), l.URL)
		}
		return o.table(rows...)
	}))
}

// printVisit prints what is the same for everybody invited.
func (o *deskOptions) printVisit(v visits.Visit) {
	fmt.Fprintf(o.stdout, "Visit %s\n%s, %s to %s (%s), %s\n", v.ID, v.Service, o.shown(v.StartsAt), o.shown(v.EndsAt), o.zone, v.State)
	if !v.State.Over() {
		fmt.Fprintf(o.stdout, "Links work from %s to %s\n", o.shown(v.OpensAt), o.shown(v.ClosesAt))
	}
	fmt.Fprintln(o.stdout)
}

func visitInvite(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("visit invite", stdout, stderr)
	role := o.String("role", "", "`role` of the person: patient, guardian, guest, interpreter, clinician or observer")
	name := o.String("name", "", "the person's `name`, as everybody in the visit will read it")
	language := o.String("language", "", "`tag` of the language the person reads, as in es")
	ids, err := o.read(args, "VISIT")
	if err != nil {
		return o.finish(err)
	}
	return o.finish(o.withVisits(ctx, false, func(s *visits.Service) error {
		l, err := s.Invite(ctx, auth.Operator(), ids[0], visits.Person{Name: phi.Text(*name), Role: auth.Role(*role), Language: *language})
		if err != nil {
			return err
		}
		return o.printLink(l)
	}))
}

func visitList(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("visit list", stdout, stderr)
	var from, to, state string
	o.StringVar(&from, "from", "", "only visits that start at this `time` or later; a day will do")
	o.StringVar(&to, "to", "", "only visits that start before this `time`")
	o.StringVar(&state, "state", "", "only visits in this `state`: scheduled, open, in_progress, ended, cancelled or no_show")
	if _, err := o.read(args); err != nil {
		return o.finish(err)
	}
	q := visits.Query{Limit: 100}
	if state != "" {
		q.States = []visits.State{visits.State(state)}
	}
	for _, bound := range []struct {
		option, typed string
		to            *time.Time
	}{{"from", from, &q.From}, {"to", to, &q.To}} {
		if bound.typed == "" {
			continue
		}
		at, err := o.time(bound.option, bound.typed)
		if err != nil {
			return o.finish(err)
		}
		*bound.to = at
	}
	return o.finish(o.withVisits(ctx, false, func(s *visits.Service) error {
		all, rows := []any{}, []string{"ID\tSTARTS\tMINUTES\tSTATE\tPEOPLE\tSERVICE"}
		for {
			page, err := s.List(ctx, auth.Operator(), q)
			if err != nil {
				return err
			}
			for _, v := range page.Visits {
				all = append(all, v.JSON(nil))
				rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%s\t%d\t%s", v.ID, o.shown(v.StartsAt), int(v.EndsAt.Sub(v.StartsAt).Minutes()),
					v.State, len(v.Invitations), v.Service))
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if o.json {
			return o.print(all)
		}
		return o.table(rows...)
	}))
}

func visitShow(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("visit show", stdout, stderr)
	ids, err := o.read(args, "VISIT")
	if err != nil {
		return o.finish(err)
	}
	return o.finish(o.withVisits(ctx, false, func(s *visits.Service) error {
		v, err := s.Show(ctx, auth.Operator(), ids[0])
		if err != nil {
			return err
		}
		if o.json {
			return o.print(v.JSON(nil))
		}
		o.printVisit(v)
		rows := []string{"INVITATION\tROLE\tNAME\tLINK"}
		for _, i := range v.Invitations {
			link := "works"
			switch {
			case i.Revoked():
				link = "withdrawn " + o.shown(i.RevokedAt)
			case v.State.Over():
				link = "over"
			case i.Locked:
				link = "locked after wrong dates of birth"
			}
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", i.ID, i.Role, i.Name.Reveal(), link))
		}
		return o.table(rows...)
	}))
}

func visitRevoke(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("visit revoke", stdout, stderr)
	ids, err := o.read(args, "VISIT", "[INVITATION]")
	if err != nil {
		return o.finish(err)
	}
	return o.finish(o.withVisits(ctx, false, func(s *visits.Service) error {
		var done string
		if len(ids) == 2 {
			err, done = s.Withdraw(ctx, auth.Operator(), ids[0], ids[1]), "The invitation is withdrawn; its link works no more."
		} else {
			err, done = s.Cancel(ctx, auth.Operator(), ids[0]), "The visit is called off; its links work no more."
		}
		if err != nil {
			return err
		}
		if o.json {
			return o.print(map[string]string{"revoked": ids[len(ids)-1]})
		}
		fmt.Fprintln(stdout, done)
		return nil
	}))
}

func visitResend(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := newDeskOptions("visit resend", stdout, stderr)
	newLink := o.Bool("new-link", false, "make another link; the old one stops working")
	ids, err := o.read(args, "VISIT", "INVITATION")
	if err != nil {
		return o.finish(err)
	}
	return o.finish(o.withVisits(ctx, false, func(s *visits.Service) error {
		l, err := s.Resend(ctx, auth.Operator(), ids[0], ids[1], *newLink)
		if err != nil {
			return err
		}
		if l.Invitation.Locked {
			o.warn("this link is locked after wrong dates of birth; make another with --new-link")
		}
		return o.printLink(l)
	}))
}

// printLink prints one person's link.
func (o *deskOptions) printLink(l visits.Link) error {
	if o.json {
		return o.print(l.JSON())
	}
	o.checkAddress()
	return o.table(fmt.Sprintf("%s\t%s\t%s\t%s", l.Invitation.Role, l.Invitation.Name.Reveal(), l.Invitation.ID, l.URL))
}
