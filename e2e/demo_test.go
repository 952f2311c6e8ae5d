package e2e

import (
	"bufio"
	"context"
	"os/exec"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"housecall/e2e/bidi"
)

// serve starts the program as an operator does, on a free port and an empty folder, and returns what it prints: for each pattern
// the first group of the first line that matches.
func serve(t *testing.T, options []string, patterns ...string) []string {
	t.Helper()
	binary, err := world.binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"serve", "--listen", ":0", "--data", t.TempDir()}, options...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout // one stream
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(output); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for line := range lines {
			t.Log(line)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("housecall serve, told to stop: %v", err)
		}
	})
	found := make([]string, len(patterns))
	for line := range lines {
		t.Log(line)
		for i, pattern := range patterns {
			if m := regexp.MustCompile(pattern).FindStringSubmatch(line); m != nil && found[i] == "" {
				found[i] = m[1]
			}
		}
		if !slices.Contains(found, "") {
			go func() { // so that the server can go on printing
				for range lines {
				}
			}()
			return found
		}
	}
	t.Fatalf("housecall serve did not print all of %q", patterns)
	return nil
}

// What a newcomer does: start the demo, open both links, admit, see and hear each other.
func TestDemo(t *testing.T) {
	links := serve(t, []string{"--demo"}, `^Clinician\b.*?(http://\S+)`, `^Patient\b.*?(http://\S+)`)
	doctor := chromium(t, 0, "", bidi.Laptop)
	family := chromium(t, 1, "", bidi.Phone)

	family.goTo(links[1])
	family.reaches("check")
	family.await("see themselves, since their browser needs not ask", `() => document.querySelector("#check-preview video").videoWidth > 0`)
	family.joins("waiting")

	doctor.goTo(links[0])
	doctor.joins("visit")
	family.name = family.text("#waiting-name")
	doctor.press("button", "Admit "+family.name)
	family.reaches("visit")
	doctor.name = family.text("#tiles .tile:not(.own) .name")
	family.meets(doctor)
	doctor.meets(family)

	doctor.press("button", "Chat")
	doctor.typeIn("textbox", "Write a message", "Good morning! Can you hear me well?"+bidi.Enter)
	family.press("button", "Chat")
	family.reads("Can you hear me well?")
	doctor.press("button", "Who is here")
}

// What somebody does who tries it with a phone: the server signs its own certificate, and everything comes to one port, encrypted.
func TestDemoOnTheLocalNetwork(t *testing.T) {
	links := serve(t, []string{"--demo", "--lan"}, `^Clinician\b.*?(https://\S+)`, `^Patient\b.*?(https://\S+)`)
	family, doctor := chromium(t, 0, "", bidi.Phone), firefox(t, 1, "", bidi.Laptop)
	family.goTo(links[1])
	family.joins("waiting")
	doctor.goTo(links[0])
	doctor.joins("visit")
	family.name = family.text("#waiting-name")
	doctor.press("button", "Admit "+family.name)
	family.reaches("visit")
	doctor.name = family.text("#tiles .tile:not(.own) .name")
	family.meets(doctor)
	doctor.meets(family)
}

// A scheduler's first day: the set-up link, an account, a visit made by hand, and the link it shows opens the visit.
func TestDesk(t *testing.T) {
	t.Parallel()
	links := serve(t, nil, `^Set up the first account:.*?(http://\S+)`)
	scheduler := chromium(t, 0, "", bidi.Laptop)
	scheduler.goTo(links[0])
	scheduler.retype("Your name", "Sam Scheduler")
	scheduler.retype("Email address", "sam@example.org")
	scheduler.retype("Password", "four words in a row")
	scheduler.press("button", "Create account")
	scheduler.reads("New visit")

	scheduler.press("link", "New visit")
	scheduler.retype("Service", "Cardiology")
	now := time.Now().UTC()
	scheduler.within("type date and time", func(ctx context.Context) error {
		// The second Tab after the date passes the button that opens its calendar.
		return scheduler.page.Keys(ctx, bidi.Tab+now.Format("01022006")+bidi.Tab+bidi.Tab+now.Format("0304PM"))
	})
	scheduler.retypeIn("combobox", "Patient’s name", robin)
	scheduler.retype("Clinician’s name", drAda) // a plain field, for nobody has an account yet who may lead
	scheduler.press("button", "Make visit and show links")
	scheduler.reads("The visit is made.")
	var link string
	scheduler.within("read the patient's link", func(ctx context.Context) error {
		return scheduler.page.Await(ctx, &link, `(name) => [...document.querySelectorAll("section")]
			.find((each) => each.textContent.includes(name))?.querySelector("input").value`, robin)
	})
	scheduler.press("link", "Back to the visit")
	scheduler.reads("Add a person")

	patient := chromium(t, 1, robin, bidi.Phone)
	patient.arrives(link, "waiting")
}
