package visits

import (
	"slices"
	"strings"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/phi"
)

// barred says why somebody of a role must not be written to at an address or a number about a confidential visit, by the field of what is wrong: "email" where
// a contact of the patient who must not hear of it reads what goes there, "contact_id" where the patient has a confidential contact and this is not theirs;
// empty: they may.
func (p *Practice) barred(role auth.Role, email, phone phi.Text) (field string) {
	for _, one := range [][2]phi.Text{{email, ""}, {"", phone}} {
		if at := one[0] + one[1]; at == "" {
			continue
		}
		has := func(c people.Contact) bool { return reaches(c, one[0], one[1]) }
		confidential := p.Patient.Recipients(true)
		theirs := slices.ContainsFunc(confidential, has)
		switch {
		case slices.ContainsFunc(p.Patient.Contacts, func(c people.Contact) bool { return has(c) && (c.Kind == people.Guardian || !theirs) }):
			return "email"
		case role == auth.Patient && len(confidential) > 0 && !theirs:
			return "contact_id"
		}
	}
	return ""
}

// reaches says whether a contact has that address, or that number.
func reaches(c people.Contact, email, phone phi.Text) bool {
	return email != "" && strings.EqualFold(email.Reveal(), c.Email.Reveal()) || phone != "" && phone == c.Phone
}

// recognize takes a patient of a confidential visit who is to be reached where their confidential contact is for that contact, so that they are reached there also when it changes.
func (p *Practice) recognize(q Person) Person {
	if !p.confidential || q.Role != auth.Patient || q.ContactID != "" || q.Email+q.Phone == "" {
		return q
	}
	for _, c := range p.Patient.Recipients(true) {
		if (q.Email == "" || reaches(c, q.Email, "")) && (q.Phone == "" || reaches(c, "", q.Phone)) {
			q.ContactID, q.Email, q.Phone = c.ID, "", ""
		}
	}
	return q
}
