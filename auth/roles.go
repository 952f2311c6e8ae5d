// Package auth holds the rules of who may do what: one table of roles and actions, and the passes that let a person into a visit.
// It owns no state: keys, clocks and identifiers are handed in, and every function is pure.
// It must never do input or output, and never decide from anything but its arguments.
package auth

import "slices"

// Role is what somebody is, in a visit or at the hospital.
type Role string

// The roles. The first six take part in visits by invitation; the next three work at the hospital's desks; the last is that of programs.
const (
	Patient     Role = "patient"
	Guardian    Role = "guardian"
	Guest       Role = "guest"
	Interpreter Role = "interpreter"
	Clinician   Role = "clinician"
	Observer    Role = "observer"
	Scheduler   Role = "scheduler"
	Coordinator Role = "coordinator"
	Admin       Role = "admin"
	Program     Role = "program" // a program with an API key: its row says what a key can be made for, its key's scopes what this one is
)

// Roles returns every role, in the order of the table in docs/roles.md.
func Roles() []Role {
	return append(InvitedRoles(), Scheduler, Coordinator, Admin, Program)
}

// InvitedRoles returns the roles a person can be invited to a visit with.
func InvitedRoles() []Role {
	return []Role{Patient, Guardian, Guest, Interpreter, Clinician, Observer}
}

// Invited says whether a person can be invited to a visit with this role.
func (r Role) Invited() bool { return slices.Contains(InvitedRoles(), r) }

// Known says whether the role is one of ours.
func (r Role) Known() bool { return slices.Contains(Roles(), r) }

// Action is something a role may or may not do.
type Action string

// The actions of visits.
const (
	VisitEnter      Action = "visit.enter"       // enter the visit without being admitted
	VisitAdmit      Action = "visit.admit"       // let somebody who waits into the visit
	VisitEnd        Action = "visit.end"         // end the visit for everyone
	VisitChat       Action = "visit.chat"        // write in the visit's chat
	VisitPublish    Action = "visit.publish"     // send microphone and camera in the visit
	VisitSeeWaiting Action = "visit.see_waiting" // hear who waits, and since when
	VisitReturn     Action = "visit.return"      // move somebody from the visit back to waiting
	VisitRemove     Action = "visit.remove"      // decline somebody who waits; show somebody out and withdraw their invitation
	VisitPrivate    Action = "visit.private"     // begin and end private time
	VisitConfide    Action = "visit.confide"     // stay in the visit during private time
	VisitHearing    Action = "visit.hearing"     // say in private time whether anybody can hear
	VisitTell       Action = "visit.tell"        // write to somebody who waits
	VisitLead       Action = "visit.lead"        // lead the visit, and hand it over
	VisitInvite     Action = "visit.invite"      // invite another person from within the visit
	VisitInviteAny  Action = "visit.invite_any"  // invite a person who is no guest
	VisitShare      Action = "visit.share"       // share the screen in the visit
	VisitSign       Action = "visit.sign"        // say that an interpreter is signing
	VisitSeeAge     Action = "visit.see_age"     // see the patient's age
	VisitSchedule   Action = "visit.schedule"    // create visits and invitations, send links again
	VisitRead       Action = "visit.read"        // list and show visits
	VisitRevoke     Action = "visit.revoke"      // cancel visits, withdraw invitations
	ConsentGive     Action = "consent.give"      // read and answer what the site asks to consent to
	ConsentWrite    Action = "consent.write"     // publish what families are asked to consent to
)

// Rule is one row of the table: who may do an action, and what it means.
type Rule struct {
	Action  Action
	Meaning string // plain English, for docs/roles.md
	Roles   []Role
}

// Rules returns the table. What it doesn't grant is refused.
func Rules() []Rule {
	inVisit := []Role{Patient, Guardian, Guest, Interpreter, Clinician}
	clinician := []Role{Clinician}
	desk := []Role{Scheduler, Admin, Program}
	return []Rule{
		{VisitEnter, "enter a visit without being admitted", clinician},
		{VisitAdmit, "let somebody who waits into the visit", clinician},
		{VisitEnd, "end the visit for everyone", clinician},
		{VisitSeeWaiting, "see who waits, and since when", clinician},
		{VisitChat, "write in the visit's chat", inVisit},
		{VisitPublish, "send microphone and camera in the visit", inVisit},
		{VisitShare, "share the screen in the visit", inVisit},
		{VisitReturn, "move somebody from the visit back to waiting", clinician},
		{VisitRemove, "decline somebody who waits; show somebody out and withdraw their invitation", clinician},
		{VisitPrivate, "begin and end private time", clinician},
		{VisitConfide, "stay in the visit during private time", []Role{Patient, Interpreter, Clinician, Observer}},
		{VisitHearing, "say in private time whether anybody can hear", []Role{Patient}},
		{VisitTell, "write to somebody who waits", clinician},
		{VisitLead, "lead the visit, and hand it over to another who may", clinician},
		{VisitInvite, "invite another person from within the visit", []Role{Patient, Guardian, Clinician}},
		{VisitInviteAny, "invite a person from within the visit who is no guest", clinician},
		{VisitSign, "say that an interpreter is signing (interpreters of themselves)", []Role{Interpreter, Clinician}},
		{VisitSeeAge, "see the patient's age", clinician},
		{VisitSchedule, "create visits and invitations, send links again", desk},
		{VisitRead, "list and show visits", []Role{Scheduler, Coordinator, Admin, Program}},
		{VisitRevoke, "cancel visits and withdraw invitations", desk},
		{ConsentGive, "read what the hospital asks families to consent to, and consent", []Role{Patient, Guardian}},
		{ConsentWrite, "publish what families are asked to consent to, and read what they were", []Role{Admin, Program}},
	}
}

// May says whether a role may do an action. Unknown roles and actions may nothing.
func May(role Role, action Action) bool {
	for _, r := range Rules() {
		if r.Action == action {
			return slices.Contains(r.Roles, role)
		}
	}
	return false
}

// The kinds of actor.
const (
	KindStaff      = "staff"      // an account of the hospital's people
	KindKey        = "api_key"    // a program with an API key
	KindInvitation = "invitation" // a person who came by a link
	KindSystem     = "system"     // the program itself, or an operator at its command line
)

// Actor is who does something, for the rules and for the audit log. It carries no name.
type Actor struct {
	Kind string // one of the kinds above
	ID   string // the row of the account, key or invitation; for the system, which part of it
	Role Role
	// Scopes are what the key of a program is for; other actors have none, and are not bound by any.
	Scopes Scopes
}

// Operator is whoever runs the program's commands on the server itself.
func Operator() Actor { return Actor{Kind: KindSystem, ID: "command-line", Role: Admin} }

// May says whether the actor may do an action of visits.
func (a Actor) May(action Action) bool { return May(a.Role, action) && a.within(action) }

// within says whether the scopes leave an actor an action.
func (a Actor) within(action Action) bool { return a.Kind != KindKey || a.Scopes.Has(action) }
