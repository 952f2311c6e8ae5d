package people

import (
	"context"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/phi"
	"housecall/platform/web"
)

const apiPath = "/api/v1/patients"

// contactJSON is a way to reach somebody about a patient.
type contactJSON struct {
	ID           string   `json:"id,omitempty" maxLength:"36" doc:"In a change: of a contact that is to stay; not there: a new one"`
	Kind         Kind     `json:"kind" enum:"self,guardian"`
	Name         phi.Text `json:"name,omitempty" maxLength:"80" doc:"Of the patient's own it may be left out"`
	Relation     phi.Text `json:"relation,omitempty" maxLength:"40" doc:"What a guardian is to the patient"`
	Email        phi.Text `json:"email,omitempty" maxLength:"254" doc:"This or phone is needed"`
	Phone        phi.Text `json:"phone,omitempty" maxLength:"40" doc:"With its country code where it is of another country than the site; answered in E.164"`
	Language     string   `json:"language,omitempty" maxLength:"35" doc:"Tag of the language they read; not there: the patient's"`
	Confidential bool     `json:"confidential,omitempty" doc:"The only one to hear of confidential visits: one of the patient's own"`
}

// patientJSON is what is known of a patient.
type patientJSON struct {
	SiteID    string        `json:"site_id,omitempty" maxLength:"36" doc:"Of a new one; not there: the hospital's first site. It stays"`
	Name      phi.Text      `json:"name" maxLength:"80" doc:"Whole, as the family writes it" example:"Sample Patient"`
	BirthDate phi.Text      `json:"birth_date,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	Language  string        `json:"language,omitempty" maxLength:"35" doc:"Tag of the language they read, one of those the pages come in"`
	Number    phi.Text      `json:"number,omitempty" maxLength:"40" doc:"The hospital's own; each is one patient's of a site"`
	Contacts  []contactJSON `json:"contacts,omitempty" maxItems:"8"`
	Version   int           `json:"version,omitempty" doc:"In a change: of the patient as you have read it. What somebody else has changed since is a conflict"`
}

// shownJSON is a patient as one is told of.
type shownJSON struct {
	ID        string        `json:"id"`
	SiteID    string        `json:"site_id"`
	Name      phi.Text      `json:"name"`
	BirthDate phi.Text      `json:"birth_date,omitempty"`
	Language  string        `json:"language,omitempty"`
	Number    phi.Text      `json:"number,omitempty"`
	Contacts  []contactJSON `json:"contacts,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	ChangedAt time.Time     `json:"changed_at"`
	Version   int           `json:"version" doc:"Counts changes, from 1"`
}

func (p patientJSON) patient() Patient {
	out := Patient{SiteID: p.SiteID, Name: p.Name, BirthDate: p.BirthDate, Language: p.Language, Number: p.Number, Version: p.Version}
	for _, c := range p.Contacts {
		out.Contacts = append(out.Contacts, Contact(c))
	}
	return out
}

func shown(p Patient) shownJSON {
	out := shownJSON{ID: p.ID, SiteID: p.SiteID, Name: p.Name, BirthDate: p.BirthDate, Language: p.Language, Number: p.Number,
		CreatedAt: p.CreatedAt, ChangedAt: p.ChangedAt, Version: p.Version}
	for _, c := range p.Contacts {
		out.Contacts = append(out.Contacts, contactJSON(c))
	}
	return out
}

func call(id, method, path string, action auth.Action, status int, summary string) api.Operation {
	return api.Operation{ID: id, Method: method, Path: path, Action: action, Status: status, Summary: summary, Part: "patients"}
}

// API adds what programs may do with patients.
func (s *Service) API(a *api.API) {
	type output struct{ Body shownJSON }
	type createInput struct{ Body patientJSON }
	type createOutput struct {
		Location string `header:"Location"`
		Body     shownJSON
	}
	api.Register(a, call("create-patient", http.MethodPost, apiPath, Write, http.StatusCreated, "Add a patient"),
		func(ctx context.Context, in *createInput) (*createOutput, error) {
			p, err := s.Create(ctx, web.Actor(ctx), in.Body.patient())
			if err != nil {
				return nil, err
			}
			return &createOutput{Location: apiPath + "/" + p.ID, Body: shown(p)}, nil
		})

	type showInput struct {
		Patient string `path:"patient" doc:"The patient's id"`
	}
	api.Register(a, call("show-patient", http.MethodGet, apiPath+"/{patient}", Read, http.StatusOK, "Show a patient"),
		func(ctx context.Context, in *showInput) (*output, error) {
			p, err := s.Show(ctx, web.Actor(ctx), in.Patient)
			if err != nil {
				return nil, err
			}
			return &output{shown(p)}, nil
		})

	type updateInput struct {
		Patient string `path:"patient" doc:"The patient's id"`
		Body    patientJSON
	}
	api.Register(a, call("update-patient", http.MethodPut, apiPath+"/{patient}", Write, http.StatusOK, "Replace what is known of a patient"),
		func(ctx context.Context, in *updateInput) (*output, error) {
			p := in.Body.patient()
			p.ID = in.Patient
			p, err := s.Update(ctx, web.Actor(ctx), p)
			if err != nil {
				return nil, err
			}
			return &output{shown(p)}, nil
		})

	type searchInput struct {
		Body struct {
			Query phi.Text `json:"query" maxLength:"100" doc:"Beginnings of words of the name in any order, the date of birth, the hospital's number: as far as they are known" example:"sam pat 2012-05-31"`
		}
	}
	type searchOutput struct {
		Body struct {
			Patients []shownJSON `json:"patients" doc:"Without their contacts; twenty at most"`
			More     bool        `json:"more" doc:"There are more: say more of the one you look for"`
		}
	}
	search := call("search-patients", http.MethodPost, apiPath+"/search", Read, http.StatusOK, "Find patients by what is known of them")
	search.Looks = true
	api.Register(a, search, func(ctx context.Context, in *searchInput) (*searchOutput, error) {
		found, err := s.Search(ctx, web.Actor(ctx), in.Body.Query.Reveal())
		if err != nil {
			return nil, err
		}
		var out searchOutput
		out.Body.Patients, out.Body.More = make([]shownJSON, len(found.Patients)), found.More
		for i, p := range found.Patients {
			out.Body.Patients[i] = shown(p)
		}
		return &out, nil
	})
}
