package uploads_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"housecall/platform/blobs"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
	"housecall/platform/uploads"
	"housecall/platform/uploads/clamtest"
	"housecall/platform/uploads/eicar"
)

// TestChecked: what is clean is taken and read; it belongs to who took it, and is gone with it.
func TestChecked(t *testing.T) {
	h := newHall(t, clamd(t))
	content := pdf(17 * mebibyte)
	u := h.checked("Plan für Sample.pdf", content)
	if u.State != uploads.Clean || u.Type != "application/pdf" || u.SHA256 != hashOf(content) || u.Name.Reveal() != "Plan für Sample.pdf" {
		var why string
		_ = h.db.QueryRowContext(t.Context(), `SELECT error FROM jobs WHERE kind = 'uploads.check'`).Scan(&why)
		t.Fatalf("%+v, %s: %s\n%s", u, u.Name.Reveal(), why, h.log)
	}
	if !bytes.Equal(h.read(u.ID), content) {
		t.Error("it is read as another")
	}
	by := store.NewID()
	h.tx(func(tx *store.Tx) error {
		for _, wrong := range []struct{ owner, id string }{{others, u.ID}, {mine, store.NewID()}, {mine, "../" + u.ID}, {"", u.ID}} {
			if _, err := h.Take(t.Context(), tx, wrong.owner, wrong.id, by); !isNotFound(err) {
				t.Errorf("%v: %v", wrong, err)
			}
		}
		taken, err := h.Take(t.Context(), tx, mine, u.ID, by)
		if err == nil && taken.SHA256 != u.SHA256 {
			t.Errorf("taken is %+v", taken)
		}
		if _, again := h.Take(t.Context(), tx, mine, u.ID, store.NewID()); !isNotFound(again) {
			t.Errorf("it is taken twice: %v", again)
		}
		return err
	})
	if all, err := h.Waiting(t.Context(), h.db, mine); err != nil || len(all) > 0 {
		t.Errorf("it waits still: %v, %v", all, err)
	}
	h.clock.Pass(1000 * time.Hour)
	h.due()
	if all, err := h.Taken(t.Context(), h.db, by); err != nil || len(all) != 1 || !bytes.Equal(h.read(u.ID), content) {
		t.Errorf("what was taken: %v, %v", all, err)
	}
	h.tx(func(tx *store.Tx) error { return h.Drop(t.Context(), tx, by) })
	if all, err := h.Taken(t.Context(), h.db, by); err != nil || len(all) > 0 {
		t.Errorf("what was dropped: %v, %v", all, err)
	}
	h.swept()
	about := ": file " + u.ID + ", sample, 17825796 bytes"
	want := []string{"upload.begin" + about, "upload.finish" + about, "upload.check" + about}
	if got := h.acts(); !slices.Equal(got, want) {
		t.Errorf("audit: %q", got)
	}
}

// swept has the sweeps of two days done, after which no blob is left.
func (h *hall) swept() {
	h.t.Helper()
	for range 3 {
		h.clock.Pass(25 * time.Hour)
		h.due()
	}
	if n := h.kept(); n > 0 {
		h.t.Errorf("%d blobs are left", n)
	}
}

// TestRefused: why files are, and that nothing of them is left.
func TestRefused(t *testing.T) {
	h := newHall(t, clamtest.Start(t, clamtest.Options{ScanMost: "2M"}).Address())
	for why, content := range map[string][]byte{
		uploads.Virus:  append(bytes.Repeat([]byte("Sample "), 1000), eicar.File()...),
		uploads.Limits: pdf(3 * mebibyte),
		uploads.Type:   []byte("<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"),
	} {
		u := h.checked("Sample.pdf", content)
		if u.State != uploads.Refused || u.Why != why || u.SHA256 != "" {
			t.Errorf("%s: %+v", why, u)
		}
		if response, err := h.http.Client().Get(h.http.URL + "/read/" + u.ID); err != nil || response.StatusCode != 404 {
			t.Errorf("%s can be read: %v, %v", why, response, err)
		} else {
			_ = response.Body.Close()
		}
		h.tx(func(tx *store.Tx) error {
			if _, err := h.Take(t.Context(), tx, mine, u.ID, store.NewID()); err == nil || isNotFound(err) {
				t.Errorf("%s can be taken: %v", why, err)
			}
			var parts int
			if err := tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM upload_parts WHERE upload_id = ?`, u.ID).Scan(&parts); err != nil || parts > 0 {
				t.Errorf("%s: %d parts, %v", why, parts, err)
			}
			return h.Cancel(t.Context(), tx, mine, u.ID)
		})
	}
	if !slices.ContainsFunc(h.acts(), func(act string) bool {
		return strings.HasPrefix(act, "upload.refuse: ") && strings.HasSuffix(act, ", virus")
	}) {
		t.Errorf("audit: %q", h.acts())
	}
	if log := h.log.String(); !strings.Contains(log, "Eicar-Test-Signature") || strings.Contains(log, "Sample") {
		t.Errorf("the log should have the signature, and no name: %s", log)
	}
	h.swept()
}

// TestScannerAway: what comes meanwhile is nobody's to read, and is looked at when the scanner is back.
func TestScannerAway(t *testing.T) {
	clamd := clamtest.Start(t, clamtest.Options{})
	h := newHall(t, clamd.Address())
	clamd.Kill()
	u := h.checked("sample.txt", []byte("Sample"))
	for range 3 {
		h.clock.Pass(time.Hour)
		h.due()
	}
	if u = h.one(); u.State != uploads.Scanning {
		t.Fatalf("%+v", u)
	}
	if response, err := h.http.Client().Get(h.http.URL + "/read/" + u.ID); err != nil || response.StatusCode != 404 {
		t.Errorf("it can be read: %v, %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	counted, err := h.Counted(t.Context())
	if err != nil || counted[uploads.Scanning] != 1 || counted[uploads.Clean] != 0 {
		t.Errorf("counted: %v, %v", counted, err)
	}
	clamd.Restart()
	h.due()
	if u = h.one(); u.State != uploads.Clean {
		t.Errorf("%+v", u)
	}
}

// TestNobodyTook: a file goes a day after anything came of it, whatever it was then.
func TestNobodyTook(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	at := c.begin("sample.bin", 10)
	c.cut(at, 0, noise(10, 1), 5)
	clean := h.checked("sample.txt", []byte("Sample")).ID
	coming := strings.TrimPrefix(at, base)
	h.clock.Pass(23 * time.Hour)
	h.due()
	if all, err := h.Waiting(t.Context(), h.db, mine); err != nil || len(all) != 2 || c.offset(at) != 5 {
		t.Errorf("after 23 hours: %v, %v", all, err)
	}
	h.clock.Pass(2 * time.Hour)
	h.due()
	if all, err := h.Waiting(t.Context(), h.db, mine); err != nil || len(all) != 0 || c.offset(at) != -1 {
		t.Errorf("after 25 hours: %v, %v", all, err)
	}
	h.swept()
	if acts := h.acts(); !slices.Contains(acts, "upload.expire: file "+coming+", sample, 10 bytes, coming") || !slices.Contains(acts, "upload.expire: file "+clean+", sample, 6 bytes, clean") {
		t.Errorf("audit: %q", acts)
	}
}

// TestDamaged: a blob that was changed is refused. One that is not there is not: it is looked for again, and so it is for who wants to read it.
func TestDamaged(t *testing.T) {
	h := newHall(t, "none")
	c, content := h.client(mine), noise(1000, 7)
	c.rest(c.begin("sample.bin", 1000), content)
	h.eachBlob(func(path string) {
		if err := os.Truncate(path, 300); err != nil {
			t.Error(err)
		}
	})
	h.due()
	if u := h.one(); u.State != uploads.Refused || u.Why != uploads.Damaged {
		t.Errorf("%+v", u)
	}
	h.tx(func(tx *store.Tx) error { return h.Cancel(t.Context(), tx, mine, h.oneIn(tx).ID) })

	away := h.place.files + ".away"
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	c.rest(c.begin("sample.bin", 1000), content)
	for _, there := range []bool{false, true} { // the folder is not there; it is an empty one, as that of a disk that is not mounted
		move(h.place.files, away)
		if there {
			if err := os.Mkdir(h.place.files, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		h.due()
		if u := h.one(); u.State != uploads.Scanning {
			t.Errorf("while the folder is away: %+v", u)
		}
		if err := os.RemoveAll(h.place.files); err != nil {
			t.Fatal(err)
		}
		move(away, h.place.files)
	}
	h.due()
	u := h.one()
	if u.State != uploads.Clean || !bytes.Equal(h.read(u.ID), content) {
		t.Errorf("when it is back: %+v", u)
	}
	move(h.place.files, away)
	if response, _ := h.get("GET", u.ID, ""); response.StatusCode != 503 {
		t.Errorf("read while the folder is away: %s", response.Status)
	}
}

func (h *hall) oneIn(q store.Queryer) uploads.Upload {
	h.t.Helper()
	all, err := h.Waiting(h.t.Context(), q, mine)
	if err != nil || len(all) != 1 {
		h.t.Fatalf("%d files wait, %v", len(all), err)
	}
	return all[0]
}

// eachBlob calls f with the file of each.
func (h *hall) eachBlob(f func(path string)) {
	h.t.Helper()
	err := filepath.WalkDir(h.place.files, func(path string, d fs.DirEntry, err error) error {
		if err == nil && blobs.IsKey(d.Name()) {
			f(path)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestNothingInTheClear: neither the content nor the name is anywhere on the disk, nor in the log, whatever became of the file.
func TestNothingInTheClear(t *testing.T) {
	const canary = "CanaryOfSample"
	h := newHall(t, clamd(t))
	content := []byte(strings.Repeat(canary+"\n", 1000))
	h.checked(canary+".pdf", content)
	h.checked(canary+".txt", append(eicar.File(), content...))
	c := h.client(mine)
	c.cut(c.begin(canary+".bin", int64(len(content))), 0, content, 5000)
	found := 0
	err := filepath.WalkDir(h.place.files, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		found++
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(canary)) || strings.Contains(path, canary) {
			t.Errorf("%s is in the clear", d.Name())
		}
		return err
	})
	if err != nil || found < 3 {
		t.Fatalf("%d files, %v", found, err)
	}
	if disk := storetest.OnDisk(t, h.place.url); !bytes.Contains(disk, []byte(mine)) || bytes.Contains(disk, []byte(canary)) {
		t.Error("the database has it in the clear, or not at all")
	}
	if strings.Contains(h.log.String(), canary) {
		t.Errorf("the log has it: %s", h.log)
	}
}

// TestStopped: a check that is cut short by the end of its node is done by another.
func TestStopped(t *testing.T) {
	h := newHall(t, "none")
	c := h.client(mine)
	c.rest(c.begin("sample.txt", 6), []byte("Sample"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.clock.Pass(time.Minute)
	h.queue.RunDue(ctx)
	if u := h.one(); u.State != uploads.Scanning {
		t.Errorf("%+v", u)
	}
	h.due()
	if u := h.one(); u.State != uploads.Clean {
		t.Errorf("%+v", u)
	}
}
