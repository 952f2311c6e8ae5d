package bidi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Chromium starts chromedriver, which starts Chromium and speaks BiDi for it.
func Chromium(ctx context.Context, o Options) (*Browser, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	logPath := filepath.Join(o.Dir, "chromedriver.log")
	program, host := []string{"chromedriver", "--port=0"}, "127.0.0.1"
	if o.Network != "" {
		program, host = append([]string{"ip", "netns", "exec", o.Network}, append(program, "--allowed-ips=", "--allowed-origins=*")...), o.Control.String()
	}
	b, port, err := startDriver(ctx, logPath, o.Env, program)
	for err != nil && strings.Contains(err.Error(), "bind() failed") && ctx.Err() == nil {
		b, port, err = startDriver(ctx, logPath, o.Env, program)
	}
	if err != nil {
		return nil, err
	}
	session := "http://" + net.JoinHostPort(host, port) + "/session"
	var made struct {
		Value struct {
			SessionID string `json:"sessionId"`
		} `json:"value"`
	}
	if err := post(ctx, session, chromiumCapabilities(o), &made); err != nil {
		return nil, fmt.Errorf("start chromium: %w", orClose(b, err))
	}
	b.stop = func() error { return endSession(session + "/" + made.Value.SessionID) }
	socket := "ws://" + net.JoinHostPort(host, port) + "/session/" + made.Value.SessionID
	if b.conn, err = dial(ctx, socket, b.event); err != nil {
		return nil, orClose(b, err)
	}
	if err := b.prepare(ctx, o.Preload); err != nil {
		return nil, orClose(b, err)
	}
	return b, nil
}

// startDriver starts chromedriver and says which port it took. It takes one that is free for IPv6, and ends where that is in use for IPv4: then bind() failed.
func startDriver(ctx context.Context, logPath string, env []string, program []string) (*Browser, string, error) {
	driver, err := start(logPath, env, program[0], program[1:]...)
	if err != nil {
		return nil, "", err
	}
	b := newBrowser("Chromium", driver)
	port, err := awaitLine(ctx, driver, logPath, regexp.MustCompile(`started successfully on port (\d+)`))
	if err != nil {
		return nil, "", fmt.Errorf("start chromedriver: %w", orClose(b, err))
	}
	return b, port, nil
}

func chromiumCapabilities(o Options) any {
	args := []string{
		"--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
		"--user-data-dir=" + filepath.Join(o.Dir, "profile"),
		"--autoplay-policy=no-user-gesture-required",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--no-proxy-server",
		// Windows behind others must go on as if they were seen.
		"--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
		// Nobody types an address: what would show suggestions takes two processes a window, and as much time to start as the browser.
		"--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
		"--window-size=1440,900", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-US",
	}
	switch o.Devices {
	case Allowed:
		args = append(args, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
	case Sharing:
		args = append(args, "--use-fake-device-for-media-stream", "--auto-select-tab-capture-source-by-title="+SharedTitle)
	case Denied:
		args = append(args, "--use-fake-device-for-media-stream", "--deny-permission-prompts")
	case Missing:
		args = append(args, "--use-fake-ui-for-media-stream")
	}
	if o.Localhost.IsValid() {
		args = append(args, "--host-resolver-rules=MAP localhost "+o.Localhost.String())
	}
	if o.Hosts != "" {
		args = append(args, "--host-resolver-rules="+o.Hosts)
	}
	if o.Trusted != "" {
		args = append(args, "--ignore-certificate-errors-spki-list="+o.Trusted)
	}
	if o.Camera != "" {
		args = append(args, "--use-file-for-fake-video-capture="+o.Camera)
	}
	if o.Tone != "" {
		args = append(args, "--use-file-for-fake-audio-capture="+o.Tone)
	}
	return map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName":             "chrome",
		"webSocketUrl":            true,
		"unhandledPromptBehavior": "ignore",
		"acceptInsecureCerts":     true, // as somebody does who goes on past the warning
		"goog:chromeOptions":      map[string]any{"args": args},
	}}}
}

// awaitLine waits until the program's log has a line that matches, and returns the first group.
func awaitLine(ctx context.Context, p *process, logPath string, pattern *regexp.Regexp) (string, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if m := pattern.FindStringSubmatch(p.tail()); m != nil {
			return m[1], nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return "", fmt.Errorf("it ended: %s", p.tail())
		case <-ctx.Done():
			return "", fmt.Errorf("%w: %s", ctx.Err(), p.tail())
		}
	}
}

// orClose closes a browser that did not come up whole and returns why.
func orClose(b *Browser, err error) error {
	if closeErr := b.Close(); closeErr != nil {
		return fmt.Errorf("%w (and closing it: %w)", err, closeErr)
	}
	return err
}

func post(ctx context.Context, url string, body, result any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("post %s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("post %s: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var said struct {
			Value struct{ Message string }
		}
		_ = json.NewDecoder(resp.Body).Decode(&said) // the status alone is worth reporting
		return fmt.Errorf("post %s: %s: %s", url, resp.Status, said.Value.Message)
	}
	if err := json.NewDecoder(resp.Body).Decode(result); err != nil {
		return fmt.Errorf("decode answer of %s: %w", url, err)
	}
	return nil
}

// endSession asks chromedriver to end Chromium, which it does with all of Chromium's processes.
func endSession(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, url, nil)
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	resp.Body.Close()
	return nil
}
