package visits

import (
	"context"
	"errors"
	"slices"

	"housecall/platform/fault"
	"housecall/platform/people"
)

// FormerContacts are those who are invited to a visit, that was read whole and whose links work yet, by a contact whom the patient has no more, by the ids of
// their invitations. A contact may be removed because they must not come any more, or for other reasons: their links stay until somebody withdraws them.
func (s *Service) FormerContacts(ctx context.Context, v Visit) (map[string]bool, error) {
	patient, err := s.patientOf(ctx, v)
	if err != nil || patient.ID == "" {
		return nil, err
	}
	return s.former(v, patient), nil
}

// patientOf is the patient of a visit, the zero Patient where nobody is known.
func (s *Service) patientOf(ctx context.Context, v Visit) (people.Patient, error) {
	if v.PatientID == "" || s.config.Patients == nil {
		return people.Patient{}, nil
	}
	patient, err := s.config.Patients.Patient(ctx, v.PatientID)
	if errors.Is(err, fault.NotFound) {
		return people.Patient{}, nil
	}
	return patient, err
}

// GuardiansLeft are the guardians among the patient's contacts who may be invited to a visit, that was read whole, and are not: none to a confidential one.
func (s *Service) GuardiansLeft(ctx context.Context, v Visit) ([]people.Contact, error) {
	if v.Confidential || s.Over(v) {
		return nil, nil
	}
	patient, err := s.patientOf(ctx, v)
	return slices.DeleteFunc(slices.Clone(patient.Contacts), func(c people.Contact) bool {
		return c.Kind != people.Guardian || slices.ContainsFunc(v.Invitations, func(i Invitation) bool { return i.ContactID == c.ID && !i.Revoked() })
	}), err
}

func (s *Service) former(v Visit, patient people.Patient) map[string]bool {
	all := map[string]bool{}
	for _, i := range v.Invitations {
		if _, is := patient.Contact(i.ContactID); !is && i.ContactID != "" && !i.Revoked() && !s.Over(v) {
			all[i.ID] = true
		}
	}
	return all
}

// WithFormerContacts are the visits of a patient that have FormerContacts, in order of their start.
func (s *Service) WithFormerContacts(ctx context.Context, id string) (found []Visit, err error) {
	patient, err := s.config.Patients.Patient(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := s.visitsOfPatient(ctx, s.config.DB, id)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if len(s.former(v, patient)) > 0 {
			found = append(found, v)
		}
	}
	return found, nil
}
