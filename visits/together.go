package visits

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/people"
	"housecall/platform/store"
)

// Checked is what would hinder a visit that is not made yet.
type Checked struct {
	Wrong    []fault.Field
	Overlaps []Overlap
}

// Check says what would hinder each of these visits, as Create and CreateAll would. Nothing is made. Of each other's times it knows nothing.
func (s *Service) Check(ctx context.Context, actor auth.Actor, all []Request) ([]Checked, error) {
	if !actor.May(auth.VisitSchedule) { // or it would be told what is known
		return nil, fault.NotAllowed
	}
	out := make([]Checked, len(all))
	for i, r := range all {
		r, p := s.dress(ctx, r)
		wrong, err := s.wrongs(r, p)
		if err != nil {
			return nil, err
		}
		out[i].Wrong = wrong
		if len(wrong) > 0 {
			continue
		}
		if out[i].Overlaps, err = s.overlaps(ctx, s.config.DB, s.visitOf(r, "", s.now())); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CreateAll plans visits within an act, all of them or none, each with an audit row of its own. NewPatient may be the same of several: they are kept once.
// What is wrong is told as Create does, of the first visit with which something is.
func (s *Service) CreateAll(ctx context.Context, actor auth.Actor, all []Request, act store.Act, before func(context.Context, *store.Tx) error) ([]Made, error) {
	type dressed struct {
		Request
		Practice
	}
	ready := make([]dressed, len(all))
	if actor.May(auth.VisitSchedule) {
		for i, r := range all {
			ready[i].Request, ready[i].Practice = s.dress(ctx, r)
		}
	}
	act.At, act.Actor = s.now(), actor
	var made []Made
	err := s.config.DB.Do(ctx, act, actor.May(auth.VisitSchedule), func(tx *store.Tx, a *store.Act) error {
		if err := before(ctx, tx); err != nil {
			return err
		}
		var kept []*people.Patient
		for i, r := range ready {
			if err := s.judge(r.Request, r.Practice); err != nil {
				return fmt.Errorf("visit %d: %w", i, err)
			}
			v := s.visitOf(r.Request, store.NewID(), act.At)
			if err := s.checkOverlaps(ctx, tx, v, r.AllowOverlap); err != nil {
				return err
			}
			if !slices.Contains(kept, r.NewPatient) {
				if err := s.keepPatient(ctx, tx, actor, r.Request); err != nil {
					return err
				}
				kept = append(kept, r.NewPatient)
			}
			links, err := s.insert(ctx, tx, actor, &v, r.Request)
			if err != nil {
				return err
			}
			row := store.Act{At: act.At, Actor: actor, Action: "visit.create", Subject: store.About("visit", v.ID), Detail: "people " + strconv.Itoa(len(links)), Outcome: store.Allowed}
			if err := store.Audit(ctx, tx, row); err != nil {
				return err
			}
			made = append(made, Made{v, links})
		}
		a.Detail = "visits " + strconv.Itoa(len(made))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}
