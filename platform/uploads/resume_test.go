package uploads_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/platform/uploads"
)

// noise is content that is of no type and equal to no other.
func noise(n int, seed uint64) []byte {
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	b := make([]byte, n)
	_, _ = rng.Read(b)
	b[0] = 0
	return b
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

const mebibyte = 1 << 20

// TestResumes: a file whose connection is cut ten times, at odd places, goes on where it was each time, and is what was sent.
func TestResumes(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	content := noise(36*mebibyte+12345, 1)
	at := c.begin("sample.bin", int64(len(content)))
	sent := 0
	for i, length := range []int{0, 1, 2, 65535, 65536, 16*mebibyte - 65537, 1, 16*mebibyte + 1, 7, 3 * mebibyte} {
		c.cut(at, int64(sent), content[sent:], length)
		if sent += length; c.offset(at) != int64(sent) {
			t.Fatalf("after cut %d: at %d, and %d came", i, c.offset(at), sent)
		}
	}
	c.rest(at, content)
	h.due()
	if u := h.one(); u.State != uploads.Clean || u.SHA256 != hashOf(content) || u.Offset != u.Size || !bytes.Equal(h.read(u.ID), content) {
		t.Errorf("it is another than was sent: %+v", u)
	}
}

// TestCutKeepsWhatCame: to the byte, when the server has it.
func TestCutKeepsWhatCame(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	content := []byte("Sample text")
	at := c.begin("sample.txt", int64(len(content)))
	if _, err := c.patch(at, 0, content[:4]); err != nil || c.offset(at) != 4 {
		t.Fatalf("%v, at %d", err, c.offset(at))
	}
	for offset, want := range map[int64]int{0: http.StatusConflict, 5: http.StatusConflict, -1: http.StatusUnprocessableEntity} {
		if response, err := c.patch(at, offset, content[4:5]); err != nil || response.StatusCode != want {
			t.Errorf("at %d: %v, %v", offset, response, err)
		}
	}
	if response, err := c.patch(at, 4, append(content[4:len(content):len(content)], "and more"...)); err != nil || response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("more than was announced: %v, %v", response, err)
	}
	if n := c.offset(at); n != 4 {
		t.Errorf("at %d after all that", n)
	}
	c.rest(at, content)
	if response, err := c.patch(at, int64(len(content)), []byte("more")); err != nil || response.StatusCode != http.StatusNoContent || c.offset(at) != int64(len(content)) {
		t.Errorf("after the end: %v, %v", response, err)
	}
	h.holds(content)
}

// TestHangs: who comes back while a connection of before still hangs is told how much has come, at once, and the other ends. It was the last request of its connection.
func TestHangs(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	at := c.begin("sample.txt", 11)
	conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: test\r\nOwner: %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 11\r\n\r\nSampl", at, mine)
	for offset := int64(0); offset == 0; { // until the first request has the upload, the second is the first
		if offset = c.offset(at); offset != 0 && offset != 5 {
			t.Fatalf("at %d", offset)
		}
		if offset == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusBadRequest || !answer.Close {
		t.Errorf("the one that hung: %v, %v", answer, err)
	}
	if err == nil {
		_ = answer.Body.Close()
	}
	c.rest(at, []byte("Sample text"))
	h.holds([]byte("Sample text"))
}

// TestReset: a connection that breaks is no fault of ours, and what came is kept.
func TestReset(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	at := c.begin("sample.txt", 11)
	conn, err := net.Dial("tcp", h.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: test\r\nOwner: %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n", at, mine)
	from := bufio.NewReader(conn)
	if line, err := from.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v", line, err) // the server reads now
	}
	if err := errors.Join(conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(h.log.String(), `"method":"PATCH"`) {
		time.Sleep(time.Millisecond)
	}
	if log := h.log.String(); !strings.Contains(log, `"status":409`) || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("it is logged as %s", log)
	}
	c.rest(at, []byte("Sample text"))
	h.holds([]byte("Sample text"))
}

// TestSlow: a file may take longer to come and to go than any other request may: what counts is that something of it does.
func TestSlow(t *testing.T) {
	const limit = 2 * time.Second
	h := newHall(t, "none")
	strict := httptest.NewUnstartedServer(h.http.Config.Handler)
	strict.Config.ReadTimeout, strict.Config.WriteTimeout = limit, limit
	strict.Start()
	t.Cleanup(strict.Close)
	c := h.client(mine)
	c.url, c.http = strict.URL, strict.Client()
	content := noise(16*mebibyte, 4) // more than is on its way unread
	at := c.begin("sample.bin", int64(len(content)))
	half := len(content) / 2
	slowly := io.MultiReader(bytes.NewReader(content[:half]), pausing(limit*3/2), bytes.NewReader(content[half:]))
	response, _, err := c.ask(t.Context(), http.MethodPatch, at, patching(0), slowly, int64(len(content)))
	if err != nil || response.StatusCode != http.StatusNoContent {
		t.Fatalf("coming: %v, %v", response, err)
	}
	h.due()
	response, err = c.http.Get(strict.URL + "/read/" + h.one().ID)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.MultiReader(pausing(limit*3/2), response.Body))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("going: %d bytes, %v", len(got), err)
	}
}

// pausing reads as nothing, after a while.
type pausing time.Duration

func (p pausing) Read([]byte) (int, error) {
	time.Sleep(time.Duration(p)) // what is measured is that the limit of time does not strike
	return 0, io.EOF
}

// TestTogether: two clients send one file at once, to one node and to two. Each goes on where the other was, and the file is whole.
func TestTogether(t *testing.T) {
	for nodes := 1; nodes <= 2; nodes++ {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			h := newHall(t, "none")
			all := []*hall{h, h}
			if nodes == 2 {
				all[1] = openHall(t, h.place, "none")
			}
			content := noise(20*mebibyte+1, 2)
			at := h.client(mine).begin("sample.bin", int64(len(content)))
			var work sync.WaitGroup
			for i, node := range all {
				work.Go(func() {
					c := node.client(mine)
					rng := rand.New(rand.NewPCG(uint64(i), uint64(nodes)))
					for t.Context().Err() == nil {
						n := c.offset(at)
						if n < 0 || n == int64(len(content)) {
							return
						}
						_, _ = c.patch(at, n, content[n:min(n+1+rng.Int64N(4*mebibyte), int64(len(content)))])
					}
				})
			}
			work.Wait()
			h.due()
			if u := h.one(); u.State != uploads.Clean || u.SHA256 != hashOf(content) {
				t.Errorf("it is another than was sent: %+v", u)
			}
		})
	}
}

// TestOffsets plays any pieces, in any order, cut anywhere, against what a file should be then.
func TestOffsets(t *testing.T) {
	h := newHall(t, "none")
	for seed := range uint64(many) {
		rng := rand.New(rand.NewPCG(seed, 0))
		content := noise(1+rng.IntN(20000), seed)
		size := int64(len(content))
		c := h.client(mine)
		at := c.begin("sample.bin", size)
		for have := int64(0); have < size; {
			from := have
			if rng.IntN(4) == 0 {
				from = rng.Int64N(size)
			}
			piece := content[from : from+1+rng.Int64N(min(size-from, 3000))]
			cut := -1
			if rng.IntN(3) == 0 {
				cut = rng.IntN(len(piece))
			}
			var response *http.Response
			var err error
			if cut >= 0 {
				c.cut(at, from, piece, cut)
			} else {
				response, err = c.patch(at, from, piece)
			}
			now := c.offset(at)
			switch {
			case from != have && now != have:
				t.Fatalf("seed %d: a piece at %d moved %d to %d", seed, from, have, now)
			case from != have && cut < 0 && (err != nil || response.StatusCode != http.StatusConflict):
				t.Fatalf("seed %d: a piece at %d, not %d: %v, %v", seed, from, have, response, err)
			case from == have && cut < 0 && now != from+int64(len(piece)):
				t.Fatalf("seed %d: %d after %d bytes at %d", seed, now, len(piece), from)
			case from == have && cut >= 0 && now != from+int64(cut):
				t.Fatalf("seed %d: %d after a cut at %d of a piece at %d", seed, now, cut, from)
			}
			have = now
		}
		h.due()
		all, err := h.Waiting(t.Context(), h.db, mine)
		if err != nil || all[len(all)-1].SHA256 != hashOf(content) || !bytes.Equal(h.read(all[len(all)-1].ID), content) {
			t.Fatalf("seed %d: it is another than was sent: %v", seed, err)
		}
	}
}
