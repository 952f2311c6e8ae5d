// Package loadtest takes part in visits as a person's browser would, but without a browser: it redeems a link, fetches a pass,
// joins over the websocket with a Pion peer connection, sends synthetic sound and picture and counts what it receives.
// A Visitor owns a person's session, a Client one connection with its goroutines, until Close.
// It speaks only the public protocol (docs/protocol.md) and must never use the server's own packages nor keep anybody's name.
package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an HTTP answer, in bytes.
const maxAnswer = 64 << 10

// Refused is an answer of the server that says no.
type Refused struct {
	Status int    // HTTP status
	Code   string // `code` of docs/protocol.md; empty when the answer was no problem+json
}

func (r *Refused) Error() string {
	if r.Code == "" {
		return fmt.Sprintf("refused with status %d", r.Status)
	}
	return fmt.Sprintf("refused with status %d: %s", r.Status, r.Code)
}

// Visitor is a person who has redeemed a link: a browser's session in one visit.
type Visitor struct {
	Visit string // the visit's id
	Role  string

	http    *http.Client
	base    *url.URL // scheme and host
	path    string   // of everything of this visit: /v/{visit}/
	cookies []*http.Cookie
}

// Redeem opens a link https://host/v#CODE as a new browser would. birthDate (YYYY-MM-DD) is empty unless the visit asks for it. An
// error is a *Refused when the server said no.
func Redeem(ctx context.Context, client *http.Client, link, birthDate string) (*Visitor, error) {
	base, code, err := splitLink(link)
	if err != nil {
		return nil, err
	}
	question := map[string]string{"code": code}
	if birthDate != "" {
		question["birth_date"] = birthDate
	}
	v := &Visitor{http: client, base: base}
	var visit struct {
		Visit string `json:"visit"`
		Path  string `json:"path"`
		You   struct {
			Role string `json:"role"`
		} `json:"you"`
	}
	cookies, err := v.post(ctx, "/api/v1/join", question, &visit)
	if err != nil {
		return nil, fmt.Errorf("redeem a link: %w", err)
	}
	if visit.Visit == "" || !strings.HasPrefix(visit.Path, "/v/") {
		return nil, errors.New("redeem a link: the answer names no visit")
	}
	v.Visit, v.Role, v.path = visit.Visit, visit.You.Role, visit.Path
	for _, cookie := range cookies {
		if strings.HasPrefix(v.path, cookie.Path) {
			v.cookies = append(v.cookies, cookie)
		}
	}
	return v, nil
}

// splitLink takes a link apart. Errors don't repeat it: whoever reads a link's code may join.
func splitLink(link string) (base *url.URL, code string, err error) {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || u.Fragment == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, "", errors.New("read a link: want https://HOST/v#CODE")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, u.Fragment, nil
}

// Pass is what lets a visitor join once, within a minute.
type Pass struct {
	Token        string
	Audio, Video int // slots that the first offer should carry
	Relays       []Relay
}

// Relay is a TURN server with credentials that are good for some minutes.
type Relay struct {
	URLs       []string  `json:"urls"`
	Username   string    `json:"username"`
	Credential string    `json:"credential"`
	Expires    time.Time `json:"expires"`
}

// Pass fetches a pass. An error is a *Refused when the server said no.
func (v *Visitor) Pass(ctx context.Context) (Pass, error) {
	var answer struct {
		Pass  string `json:"pass"`
		Slots struct {
			Audio int `json:"audio"`
			Video int `json:"video"`
		} `json:"slots"`
		ICE []Relay `json:"ice"`
	}
	if _, err := v.post(ctx, v.path+"pass", struct{}{}, &answer); err != nil {
		return Pass{}, fmt.Errorf("fetch a pass: %w", err)
	}
	return Pass{Token: answer.Pass, Audio: answer.Slots.Audio, Video: answer.Slots.Video, Relays: answer.ICE}, nil
}

// post sends question as JSON and reads the answer into answer.
func (v *Visitor) post(ctx context.Context, path string, question, answer any) ([]*http.Cookie, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	where := v.base.JoinPath(path).String() // #nosec G125 -- ours, or what the server under test answers
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = v.header()
	request.Header.Set("Content-Type", "application/json")
	response, err := v.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		refused := &Refused{Status: response.StatusCode}
		var problem struct {
			Code string `json:"code"`
		}
		if json.Unmarshal(body, &problem) == nil {
			refused.Code = problem.Code
		}
		return nil, refused
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return response.Cookies(), nil
}

// header is what a browser sends along on the visit's own pages.
func (v *Visitor) header() http.Header {
	request := http.Request{Header: http.Header{}}
	request.Header.Set("Origin", v.base.String())
	for _, cookie := range v.cookies {
		request.AddCookie(cookie)
	}
	return request.Header
}

// websocketURL is where the visit's websocket is.
func (v *Visitor) websocketURL() string {
	u := v.base.JoinPath(v.path, "ws") // #nosec G125 -- what the server under test answers
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	return u.String()
}
