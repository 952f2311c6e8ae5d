package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

const (
	gatewayWithin = 30 * time.Second // bounds a request to a gateway
	gatewayReads  = 64 << 10         // bytes of its answer
	longestWait   = 6 * time.Hour    // that an answer may ask for
)

// Gateway sends SMS by the HTTP interface of whoever carries them.
type Gateway struct {
	client  *http.Client
	method  string
	url     *template.Template
	headers map[string]*template.Template
	body    *template.Template
	takes   []int
	says    *regexp.Regexp // nil: the status says all
	retry   []int
}

// gatewayFile is a gateway as operators describe it.
type gatewayFile struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Success struct {
		Status []int  `json:"status"`
		Body   string `json:"body"`
	} `json:"success"`
	Retry []int `json:"retry"`
}

// sms is what templates are filled with.
type sms struct {
	To     string // E.164, as in +16175550100
	Digits string // the same without its plus
	Text   string
	ID     string // of the message, the same at each try
}

// smsSample is as awkward as texts get.
var smsSample = sms{To: "+16175550100", Digits: "16175550100", Text: "\"Vizit\" <b> & \\ {{x}}\nموعد", ID: "019d3c4e-0000-7000-8000-000000000000"}

var templateFuncs = template.FuncMap{
	"json": func(s string) (string, error) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(s)
		return strings.TrimSuffix(b.String(), "\n"), err
	},
	"query": url.QueryEscape,
}

// ReadGateway reads a gateway's description; docs/operating.md has its form, under "Mail and SMS".
func ReadGateway(path string) (*Gateway, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the SMS gateway: %w", err)
	}
	g, err := newGateway(b)
	if err != nil {
		return nil, fmt.Errorf("SMS gateway %s: %w", path, err)
	}
	return g, nil
}

func newGateway(description []byte) (*Gateway, error) {
	f := gatewayFile{Method: http.MethodPost, Retry: []int{401, 403, 408, 425, 429, 503}}
	d := json.NewDecoder(bytes.NewReader(description))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	if len(f.Success.Status) == 0 {
		f.Success.Status = []int{200, 201, 202, 204}
	}
	g := &Gateway{method: f.Method, headers: map[string]*template.Template{}, takes: f.Success.Status, retry: f.Retry, client: &http.Client{
		Timeout:       gatewayWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// A connection of its own for each message: then nothing is sent a second time behind our back.
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
	}}
	var err error
	if f.Success.Body != "" {
		if g.says, err = regexp.Compile(f.Success.Body); err != nil {
			return nil, fmt.Errorf("success.body: %w", err)
		}
	}
	if g.url, err = parseTemplate("url", f.URL); err != nil {
		return nil, err
	}
	if g.body, err = parseTemplate("body", f.Body); err != nil {
		return nil, err
	}
	for name, text := range f.Headers {
		if g.headers[name], err = parseTemplate("headers."+name, text); err != nil {
			return nil, err
		}
	}
	return g, g.try()
}

func parseTemplate(name, text string) (*template.Template, error) {
	return template.New(name).Funcs(templateFuncs).Parse(text)
}

// try fills everything in with a sample, so that mistakes show at the start.
func (g *Gateway) try() error {
	r, err := g.request(context.Background(), smsSample)
	if err != nil {
		return err
	}
	host := r.URL.Hostname()
	addr, _ := netip.ParseAddr(host)
	if r.URL.Scheme != "https" && (r.URL.Scheme != "http" || (host != "localhost" && !addr.IsLoopback())) || host == "" {
		return errors.New("url: it must begin with https://")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if strings.Contains(r.Header.Get("Content-Type"), "json") && !json.Valid(body) {
		return errors.New("body: with some texts it is no JSON: write texts as in {{json .Text}}, without quotes around")
	}
	return nil
}

// request fills the templates in.
func (g *Gateway) request(ctx context.Context, m sms) (*http.Request, error) {
	fill := func(t *template.Template) (string, error) {
		var b strings.Builder
		if err := t.Execute(&b, m); err != nil {
			return "", err
		}
		return b.String(), nil
	}
	address, err := fill(g.url)
	if err != nil {
		return nil, err
	}
	body, err := fill(g.body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, g.method, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("url or method: they make no request") // the library's words may hold the number
	}
	for name, t := range g.headers {
		value, err := fill(t)
		if err != nil {
			return nil, err
		}
		r.Header.Set(name, value)
	}
	return r, nil
}

// send implements transport. The message can't be taken back once the request is on its way.
func (g *Gateway) send(ctx context.Context, o outgoing, begin func() error) error {
	m := sms{To: o.To.Reveal(), Digits: strings.TrimPrefix(o.To.Reveal(), "+"), Text: o.Text.Reveal(), ID: o.ID}
	ctx, cancel := graceful(ctx, o.Grace)
	defer cancel()
	connected := false
	r, err := g.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}), m)
	if err != nil {
		return &refusal{reason: "the gateway's templates can't be filled in", permanent: true}
	}
	if err := begin(); err != nil {
		return err
	}
	answer, err := g.client.Do(r)
	if err != nil && !connected {
		return &refusal{reason: "the gateway was not reached"}
	}
	if err != nil {
		return &doubt{"the connection to the gateway was lost before its answer came"}
	}
	defer answer.Body.Close()
	return g.judge(answer)
}

// judge reads an answer.
func (g *Gateway) judge(answer *http.Response) error {
	reason := "the gateway answered " + strconv.Itoa(answer.StatusCode)
	switch {
	case slices.Contains(g.takes, answer.StatusCode):
		if g.says == nil {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(answer.Body, gatewayReads))
		if err != nil {
			return &doubt{"the connection to the gateway was lost before its answer came"}
		}
		if !g.says.Match(body) {
			return &refusal{reason: reason + ", but not what it says when it takes a message", permanent: true}
		}
		return nil
	case slices.Contains(g.retry, answer.StatusCode):
		return &refusal{reason: reason, wait: retryAfter(answer.Header)}
	case answer.StatusCode >= 500:
		return &doubt{reason} // after which it may have passed the message on
	}
	return &refusal{reason: reason, permanent: true}
}

// retryAfter is how long an answer asks to wait, in seconds (RFC 9110, section 10.2.3); 0: it says nothing that we take.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestWait)
}

// Check connects to the gateway, with TLS, and sends nothing. It says where that is.
func (g *Gateway) Check(ctx context.Context) (found string, err error) {
	r, err := g.request(ctx, smsSample)
	if err != nil {
		return "", err
	}
	port, dial := r.URL.Port(), (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext
	switch {
	case r.URL.Scheme == "http":
		dial = new(net.Dialer).DialContext
		port = cmp.Or(port, "80")
	default:
		port = cmp.Or(port, "443")
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(r.URL.Hostname(), port))
	if err != nil {
		return "", err
	}
	return r.URL.Host, conn.Close()
}
