package uploads_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// taken is how many bytes this process has read so far, of files and of connections (proc(5), "/proc/pid/io"). It counts for one test alone: none of this
// package may run beside another.
func taken(t *testing.T) (n int64) {
	t.Helper()
	said, err := os.ReadFile("/proc/self/io")
	if err == nil {
		_, err = fmt.Sscanf(string(said), "rchar: %d", &n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestManyRanges: whoever asks for a thousand ranges at once gets the file once, and has none of it decrypted more than once.
func TestManyRanges(t *testing.T) {
	h := newHall(t, "none")
	content := pdf(17 * mebibyte)
	u := h.checked("Sample.pdf", content)
	var ranges []string
	for i := range 1000 {
		ranges = append(ranges, fmt.Sprintf("%d-%d", 15*mebibyte+i, 15*mebibyte+i+50))
	}
	for _, asked := range []string{strings.Join(ranges, ","), "0-1,5-6", "-5,-6", "0-1, 99999999999-"} {
		before := taken(t)
		response, body := h.get(http.MethodGet, u.ID, "bytes="+asked)
		if response.StatusCode != http.StatusOK || response.ContentLength != int64(len(content)) || !bytes.Equal(body, content) {
			t.Errorf("%.20s: %s, %d bytes", asked, response.Status, len(body))
		}
		if read := taken(t) - before; read > 4*int64(len(content)) { // from the disk, and from the connection
			t.Errorf("%.20s: %d bytes were read for %d", asked, read, len(content))
		}
	}
}
