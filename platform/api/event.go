package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Event describes something that happens, of which programs are told by a request to an address of theirs: a webhook of OpenAPI.
type Event struct {
	Type    string // as in "visit.created"
	Means   string // when it happens, in words
	Part    string // of the house
	Headers []Value
	Data    []Value
}

// Value is a string that comes with an event.
type Value struct {
	Name, Means string
	Format      string // of JSON Schema, as in "uuid"; empty: none
	Pattern     string // likewise
	Always      bool   // it is there
}

func (v Value) schema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: v.Means, Format: v.Format, Pattern: v.Pattern}
}

// Tell adds an event to the description. What is sent is {"type", "timestamp", "data"}, as the Standard Webhooks specification has it.
func (a *API) Tell(e Event) {
	doc := a.huma.OpenAPI()
	data := object()
	for _, v := range e.Data {
		data.Properties[v.Name] = v.schema()
		if v.Always {
			data.Required = append(data.Required, v.Name)
		}
	}
	body := object()
	body.Properties["type"] = &huma.Schema{Type: huma.TypeString, Enum: []any{e.Type}}
	body.Properties["timestamp"] = &huma.Schema{Type: huma.TypeString, Format: "date-time", Description: "When it happened"}
	body.Properties["data"] = data
	body.Required = []string{"type", "timestamp", "data"}
	told := &huma.Operation{OperationID: "on-" + strings.NewReplacer(".", "-", "_", "-").Replace(e.Type), Method: http.MethodPost, Summary: e.Means, Tags: []string{e.Part},
		Security:    []map[string][]string{{}}, // the house asks, and signs
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: body}}},
		Responses: map[string]*huma.Response{"2XX": {Description: "It was taken"}, "410": {Description: "No more of these, please"},
			"default": {Description: "It was not taken, and is sent again"}}}
	for _, v := range e.Headers {
		told.Parameters = append(told.Parameters, &huma.Param{Name: v.Name, In: "header", Required: v.Always, Schema: v.schema(), Description: v.Means})
	}
	if doc.Webhooks == nil {
		doc.Webhooks = map[string]*huma.PathItem{}
	}
	doc.Webhooks[e.Type] = &huma.PathItem{Post: told}
}

// object is the schema of an object, whose members may become more.
func object() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
}
