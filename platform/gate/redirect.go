package gate

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	redirectHeader = 8 << 10     // bytes a request without TLS may have before its body
	redirectLinger = time.Second // for the answer to be read, before what is left unread resets the connection
	redirectDrain  = 64 << 10    // bytes of a body read meanwhile
)

// redirect answers one request that came without TLS, under the deadline of the connection, and closes it: who reads is sent to the same address
// with https, and who sends something is refused, so that it isn't sent a second time as if nothing had happened.
func redirect(conn *replayed) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReader(io.LimitReader(conn, redirectHeader)))
	answer := &http.Response{StatusCode: http.StatusBadRequest, ProtoMajor: 1, ProtoMinor: 1, Close: true,
		Header: http.Header{"Cache-Control": {"no-store"}, "Content-Type": {"text/plain; charset=utf-8"}}}
	text := "This address begins with https.\n"
	if err == nil && request.Host != "" && (request.Method == http.MethodGet || request.Method == http.MethodHead) {
		to := url.URL{Scheme: "https", Host: request.Host, Path: request.URL.Path, RawPath: request.URL.RawPath, RawQuery: request.URL.RawQuery}
		answer.StatusCode = http.StatusPermanentRedirect
		answer.Header.Set("Location", to.String())
		answer.Request = request
	}
	answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	if answer.Write(conn) != nil || conn.CloseWrite() != nil {
		return
	}
	if conn.SetReadDeadline(time.Now().Add(redirectLinger)) == nil {
		_, _ = io.CopyN(io.Discard, conn, redirectDrain)
	}
}
