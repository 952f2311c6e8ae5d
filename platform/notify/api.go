package notify

import (
	"context"
	"net/http"
	"slices"
	"time"

	"housecall/auth"
	"housecall/platform/api"
	"housecall/platform/fault"
	"housecall/platform/web"
)

const webhooksAPI = "/api/v1/webhooks"

// endpointJSON is where events are sent, as programs are told of it.
type endpointJSON struct {
	ID         string     `json:"id"`
	URL        string     `json:"url"`
	About      string     `json:"about,omitempty"`
	Types      []string   `json:"types" doc:"Of the events it gets; none: all"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty" doc:"It gets nothing since then"`
	Reason     string     `json:"reason,omitempty" doc:"Why it is disabled"`
	Secret     string     `json:"secret,omitempty" doc:"Signs what is sent to it; only in the answer that makes it"`
}

type deliveryJSON struct {
	ID        string    `json:"id"`
	Event     string    `json:"event" doc:"The event's id: webhook-id of what was sent"`
	Type      string    `json:"type"`
	At        time.Time `json:"at" doc:"When it happened"`
	State     State     `json:"state" enum:"waiting,sent,failed"`
	ChangedAt time.Time `json:"changed_at"`
	Reason    string    `json:"reason,omitempty" doc:"Why it was not sent"`
}

func endpointOf(p Endpoint, secret string) endpointJSON {
	out := endpointJSON{ID: p.ID, URL: p.URL, About: p.About, Types: append([]string{}, p.Types...), CreatedAt: p.Created, Reason: p.Reason, Secret: secret}
	if !p.Disabled.IsZero() {
		out.DisabledAt = &p.Disabled
	}
	return out
}

func webhookCall(id, method, path string, status int, summary string) api.Operation {
	return api.Operation{ID: id, Method: method, Path: webhooksAPI + path, Action: ManageWebhooks, Status: status, Summary: summary, Part: "webhooks"}
}

// one reads an endpoint. Errors: fault.NotFound.
func (w *Webhooks) one(ctx context.Context, id string) (Endpoint, error) {
	all, err := w.Endpoints(ctx)
	if err != nil {
		return Endpoint{}, err
	}
	at := slices.IndexFunc(all, func(p Endpoint) bool { return p.ID == id })
	if at < 0 {
		return Endpoint{}, fault.NotFound
	}
	return all[at], nil
}

// signed are the headers of what is sent, by the Standard Webhooks specification.
var signed = []api.Value{
	{Name: "webhook-id", Means: "The event's id, the same however often it is sent", Format: "uuid", Always: true},
	{Name: "webhook-timestamp", Means: "When it was sent, in seconds since 1970", Pattern: `^\d+$`, Always: true},
	{Name: "webhook-signature", Means: "v1, a comma, and in base64 the HMAC-SHA256 of id, timestamp and body with dots between; two of them with a blank between while a secret is being changed", Always: true},
}

// API adds what programs may do with webhooks, which is what the administrators' pages do, and what events there are.
func (w *Webhooks) API(a *api.API) {
	for _, k := range w.Kinds {
		a.Tell(api.Event{Type: k.Type, Means: k.Means, Part: "webhooks", Headers: signed, Data: k.Data})
	}
	type endpointInput struct {
		Endpoint string `path:"endpoint" doc:"The endpoint's id"`
	}
	type webhookOutput struct{ Body endpointJSON }
	type webhooksOutput struct {
		Body struct {
			Webhooks []endpointJSON `json:"webhooks"`
		}
	}
	api.Register(a, webhookCall("list-webhooks", http.MethodGet, "", http.StatusOK, "List where events are sent"), func(ctx context.Context, _ *struct{}) (*webhooksOutput, error) {
		all, err := w.Endpoints(ctx)
		if err != nil {
			return nil, err
		}
		var out webhooksOutput
		out.Body.Webhooks = []endpointJSON{}
		for _, p := range all {
			out.Body.Webhooks = append(out.Body.Webhooks, endpointOf(p, ""))
		}
		return &out, nil
	})
	type webhookInput struct {
		Body struct {
			URL   string   `json:"url" maxLength:"2000" doc:"https, and not of a private network unless the server allows that"`
			About string   `json:"about,omitempty" maxLength:"200" doc:"What it is for"`
			Types []string `json:"types,omitempty" doc:"Of the events it is to get; none: all" example:"[\"visit.created\"]"`
		}
	}
	api.Register(a, webhookCall("create-webhook", http.MethodPost, "", http.StatusCreated, "Have events sent to an address; the answer has the secret, this once"), func(ctx context.Context, in *webhookInput) (*webhookOutput, error) {
		p, secret, err := w.Create(ctx, web.Actor(ctx), Endpoint{URL: in.Body.URL, About: in.Body.About, Types: in.Body.Types})
		if err != nil {
			return nil, err
		}
		return &webhookOutput{endpointOf(p, secret)}, nil
	})
	type webhookSecretOutput struct {
		Body struct {
			Secret string `json:"secret" doc:"Shown this once; the old one signs beside it for a day"`
		}
	}
	api.Register(a, webhookCall("rotate-webhook-secret", http.MethodPost, "/{endpoint}/secret", http.StatusOK, "Give an endpoint another secret"), func(ctx context.Context, in *endpointInput) (*webhookSecretOutput, error) {
		secret, err := w.Rotate(ctx, web.Actor(ctx), in.Endpoint)
		if err != nil {
			return nil, err
		}
		var out webhookSecretOutput
		out.Body.Secret = secret
		return &out, nil
	})
	for _, act := range []struct {
		id, path, summary string
		do                func(context.Context, auth.Actor, string) error
	}{{"disable-webhook", "/disable", "Send an endpoint nothing any more", w.Disable}, {"enable-webhook", "/enable", "Send an endpoint what happens from now on", w.Enable}} {
		api.Register(a, webhookCall(act.id, http.MethodPost, "/{endpoint}"+act.path, http.StatusOK, act.summary), func(ctx context.Context, in *endpointInput) (*webhookOutput, error) {
			if err := act.do(ctx, web.Actor(ctx), in.Endpoint); err != nil {
				return nil, err
			}
			p, err := w.one(ctx, in.Endpoint)
			return &webhookOutput{endpointOf(p, "")}, err
		})
	}
	api.Register(a, webhookCall("remove-webhook", http.MethodDelete, "/{endpoint}", http.StatusNoContent, "Forget an endpoint and what was sent to it"), func(ctx context.Context, in *endpointInput) (*struct{}, error) {
		return nil, w.Remove(ctx, web.Actor(ctx), in.Endpoint)
	})
	w.registerDeliveries(a)
}

// registerDeliveries adds what was sent, and sending it again.
func (w *Webhooks) registerDeliveries(a *api.API) {
	type deliveriesInput struct {
		Endpoint string `path:"endpoint" doc:"The endpoint's id"`
		Limit    int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	type deliveriesOutput struct {
		Body struct {
			Deliveries []deliveryJSON `json:"deliveries" doc:"The latest event first"`
		}
	}
	api.Register(a, webhookCall("list-webhook-deliveries", http.MethodGet, "/{endpoint}/deliveries", http.StatusOK, "List what was sent to an endpoint, and what was not"), func(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
		if _, err := w.one(ctx, in.Endpoint); err != nil {
			return nil, err
		}
		all, err := w.Deliveries(ctx, in.Endpoint, in.Limit)
		if err != nil {
			return nil, err
		}
		var out deliveriesOutput
		out.Body.Deliveries = []deliveryJSON{}
		for _, d := range all {
			out.Body.Deliveries = append(out.Body.Deliveries, deliveryJSON{ID: d.ID, Event: d.Event, Type: d.Type, At: d.At, State: d.State, ChangedAt: d.Changed, Reason: d.Reason})
		}
		return &out, nil
	})
	type webhookReplayInput struct {
		Endpoint string `path:"endpoint" doc:"The endpoint's id"`
		Body     struct {
			Since time.Time `json:"since" doc:"RFC 3339; events are kept for 30 days"`
		}
	}
	type webhookReplayOutput struct {
		Body struct {
			Events int `json:"events" doc:"How many are sent again"`
		}
	}
	api.Register(a, webhookCall("replay-webhook", http.MethodPost, "/{endpoint}/replay", http.StatusOK, "Send an endpoint every event since then that it has not taken"), func(ctx context.Context, in *webhookReplayInput) (*webhookReplayOutput, error) {
		n, err := w.Replay(ctx, web.Actor(ctx), in.Endpoint, in.Body.Since)
		if err != nil {
			return nil, err
		}
		var out webhookReplayOutput
		out.Body.Events = n
		return &out, nil
	})
}
