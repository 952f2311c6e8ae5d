package visits

import (
	"context"
	"net/http"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/web"
)

// mostConsents bounds what a version is sent as: a text in each language, with each line break as two characters or more.
const mostConsents = 1 << 20

// askedTextJSON is what families read in a language.
type askedTextJSON struct {
	Language string `json:"language" maxLength:"35" example:"es"`
	Text     string `json:"text" doc:"Plain text of up to 32 KiB: paragraphs with an empty line between, headings after #, lists after -"`
}

// askedConsentJSON is what a site asks consent to.
type askedConsentJSON struct {
	Version string          `json:"version,omitempty" doc:"Not there: nothing is asked"`
	Texts   []askedTextJSON `json:"texts"`
}

// askedVersionJSON is a version that was published.
type askedVersionJSON struct {
	Version     string     `json:"version"`
	PublishedAt *time.Time `json:"published_at,omitempty" doc:"Not there: it is of the folder that the server was started with"`
	Languages   []string   `json:"languages" doc:"None: it says that nothing is asked any more"`
	Given       int        `json:"given" doc:"How many consents there are to it"`
}

func consentOf(t ConsentTexts) askedConsentJSON {
	out := askedConsentJSON{Version: t.Version, Texts: []askedTextJSON{}}
	for _, text := range t.Texts {
		out.Texts = append(out.Texts, askedTextJSON(text))
	}
	return out
}

func consentCall(id, method, path string, status int, summary string) api.Operation {
	op := call(id, method, path, auth.ConsentWrite, status, summary)
	op.Part, op.Most = "consents", mostConsents
	return op
}

// registerConsents adds what families are asked to consent to: what the administrators' pages do.
func (s *Service) registerConsents(a *api.API) {
	const ofSite = "/api/v1/sites/{site}/consent"
	type siteInput struct {
		Site string `path:"site" doc:"The site's id"`
	}
	type siteOutput struct {
		Body struct {
			Now      askedConsentJSON   `json:"now" doc:"What families of the site are asked"`
			Versions []askedVersionJSON `json:"versions" doc:"All there were of the site, and of folders, the newest first"`
		}
	}
	api.Register(a, consentCall("show-consent", http.MethodGet, ofSite, http.StatusOK, "Show what families of a site are asked to consent to, and which versions there were"),
		func(ctx context.Context, in *siteInput) (*siteOutput, error) {
			now, versions, err := s.ConsentOf(ctx, web.Actor(ctx), in.Site)
			if err != nil {
				return nil, err
			}
			var out siteOutput
			out.Body.Now, out.Body.Versions = consentOf(now), []askedVersionJSON{}
			for _, v := range versions {
				one := askedVersionJSON{Version: v.Version, Languages: append([]string{}, v.Languages...), Given: v.Given}
				if !v.Published.IsZero() {
					one.PublishedAt = &v.Published
				}
				out.Body.Versions = append(out.Body.Versions, one)
			}
			return &out, nil
		})

	type versionInput struct {
		Version string `path:"version" maxLength:"100" doc:"As the list of versions has it"`
	}
	type versionOutput struct{ Body askedConsentJSON }
	api.Register(a, consentCall("show-consent-version", http.MethodGet, "/api/v1/consents/{version}", http.StatusOK, "Show the texts of a version, as they were when people consented to them"),
		func(ctx context.Context, in *versionInput) (*versionOutput, error) {
			texts, err := s.ConsentVersion(ctx, web.Actor(ctx), in.Version)
			if err != nil {
				return nil, err
			}
			return &versionOutput{consentOf(texts)}, nil
		})

	type publishInput struct {
		Site string `path:"site" doc:"The site's id"`
		Body struct {
			Seen  string          `json:"seen,omitempty" maxLength:"100" doc:"The version that you have read; not there: nothing was asked. Where another is asked meanwhile, that is a conflict and nothing is changed"`
			Texts []askedTextJSON `json:"texts" maxItems:"20" doc:"One for each language; none: nothing is asked any more"`
		}
	}
	type publishOutput struct {
		Location string `header:"Location"`
		Body     struct {
			Version string `json:"version"`
		}
	}
	api.Register(a, consentCall("publish-consent", http.MethodPost, ofSite, http.StatusCreated, "Have families of a site asked to consent to these texts from now on, in a version that never changes"),
		func(ctx context.Context, in *publishInput) (*publishOutput, error) {
			var texts []ConsentText
			for _, t := range in.Body.Texts {
				texts = append(texts, ConsentText(t))
			}
			version, err := s.Publish(ctx, web.Actor(ctx), in.Site, in.Body.Seen, texts)
			if err != nil {
				return nil, err
			}
			out := publishOutput{Location: "/api/v1/consents/" + version}
			out.Body.Version = version
			return &out, nil
		})
}
