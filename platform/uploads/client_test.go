package uploads_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client speaks tus 1.0 (https://tus.io/protocols/resumable-upload), as one owner.
type client struct {
	t     *testing.T
	http  *http.Client
	url   string // of the server
	owner string
}

func (h *hall) client(owner string) *client {
	return &client{h.t, h.http.Client(), h.http.URL, owner}
}

// ask makes a request and reads its answer.
func (c *client) ask(ctx context.Context, method, path string, headers map[string]string, body io.Reader, length int64) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return nil, nil, err
	}
	r.ContentLength = length
	r.Header.Set("Owner", c.owner)
	r.Header.Set("Tus-Resumable", "1.0.0")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, answer, err
}

// post begins an upload.
func (c *client) post(name string, size int64) (*http.Response, []byte) {
	c.t.Helper()
	response, answer, err := c.ask(c.t.Context(), http.MethodPost, base, map[string]string{"Upload-Length": strconv.FormatInt(size, 10),
		"Upload-Metadata": "filetype " + base64.StdEncoding.EncodeToString([]byte("text/html")) + ",filename " + base64.StdEncoding.EncodeToString([]byte(name))}, nil, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	return response, answer
}

// begin begins an upload that is taken, and says where it is.
func (c *client) begin(name string, size int64) (at string) {
	c.t.Helper()
	response, answer := c.post(name, size)
	at = response.Header.Get("Location")
	if response.StatusCode != http.StatusCreated || !strings.HasPrefix(at, base) {
		c.t.Fatalf("begin: %s %q, %s", response.Status, at, answer)
	}
	return at
}

// patch sends bytes from an offset on.
func (c *client) patch(at string, offset int64, content []byte) (*http.Response, error) {
	response, _, err := c.ask(c.t.Context(), http.MethodPatch, at, patching(offset), bytes.NewReader(content), int64(len(content)))
	return response, err
}

func patching(offset int64) map[string]string {
	return map[string]string{"Upload-Offset": strconv.FormatInt(offset, 10), "Content-Type": "application/offset+octet-stream"}
}

// cut sends bytes from an offset on, of which so many come through before the connection ends, and returns when the server knows.
func (c *client) cut(at string, offset int64, content []byte, after int) {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	head := fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: test\r\nOwner: %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: %d\r\nContent-Length: %d\r\n\r\n",
		at, c.owner, offset, len(content))
	_, err = conn.Write(append([]byte(head), content[:after]...))
	if err == nil {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, conn)
	}
	if err != nil {
		c.t.Log("at a cut:", err) // the server may be the first to hang up
	}
}

// offset asks how much there is; negative: no such upload.
func (c *client) offset(at string) int64 {
	c.t.Helper()
	for c.t.Context().Err() == nil {
		response, _, err := c.ask(c.t.Context(), http.MethodHead, at, nil, nil, 0)
		switch {
		case err == nil && response.StatusCode == http.StatusInternalServerError:
			c.t.Error("HEAD:", response.Status) // as on a connection that an interrupted request has spoilt
			return -1
		case err != nil || response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusLocked:
			time.Sleep(5 * time.Millisecond)
			continue
		case response.StatusCode == http.StatusNotFound:
			return -1
		}
		n, err := strconv.ParseInt(response.Header.Get("Upload-Offset"), 10, 64)
		if err != nil || response.StatusCode != http.StatusOK {
			c.t.Errorf("HEAD: %s, %v", response.Status, err)
			return -1
		}
		return n
	}
	return -1
}

// rest sends what is missing, as often as that takes.
func (c *client) rest(at string, content []byte) {
	c.t.Helper()
	for c.t.Context().Err() == nil {
		n := c.offset(at)
		if n < 0 || n == int64(len(content)) {
			return
		}
		if response, err := c.patch(at, n, content[n:]); err == nil && response.StatusCode >= 400 && response.StatusCode < 500 &&
			response.StatusCode != http.StatusConflict && response.StatusCode != http.StatusLocked && response.StatusCode != http.StatusBadRequest {
			c.t.Errorf("PATCH at %d: %s", n, response.Status)
			return
		}
	}
}

// patchThen sends bytes from an offset on, and calls then after so many of them, before the connection ends.
func (c *client) patchThen(at string, offset int64, content []byte, after int, then func()) error {
	body := io.MultiReader(bytes.NewReader(content[:after]), calling(then))
	_, _, err := c.ask(c.t.Context(), http.MethodPatch, at, patching(offset), body, int64(len(content)))
	return err
}

// calling is a reader that calls a function and fails.
type calling func()

func (f calling) Read([]byte) (int, error) {
	f()
	return 0, errors.New("the connection is cut")
}
