package bidi

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Firefox starts a stock Firefox, which speaks BiDi by itself. It needs an audio server (see Options.Env), or any AudioContext hangs it.
func Firefox(ctx context.Context, o Options) (*Browser, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	profile := filepath.Join(o.Dir, "profile")
	if err := os.MkdirAll(profile, 0o700); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), firefoxPrefs(o), 0o600); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	logPath := filepath.Join(o.Dir, "firefox.log")
	env := append([]string{"HOME=" + o.Dir, "MOZ_CRASHREPORTER_DISABLE=1", "MOZ_DISABLE_AUTO_SAFE_MODE=1"}, o.Env...)
	fox, err := start(logPath, env, "firefox-esr", "--headless", "--no-remote", "--new-instance",
		"--profile", profile, "--width", "1440", "--height", "900", "--remote-debugging-port", "0", "about:blank")
	if err != nil {
		return nil, err
	}
	b := newBrowser("Firefox", fox)
	address, err := awaitLine(ctx, fox, logPath, regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`))
	if err != nil {
		return nil, fmt.Errorf("start firefox: %w", orClose(b, err))
	}
	if b.conn, err = dial(ctx, address+"/session", b.event); err != nil {
		return nil, orClose(b, err)
	}
	capabilities := map[string]any{"alwaysMatch": map[string]any{"unhandledPromptBehavior": map[string]string{"default": "ignore"}, "acceptInsecureCerts": true}}
	if err := b.conn.command(ctx, "session.new", map[string]any{"capabilities": capabilities}, nil); err != nil {
		return nil, orClose(b, err)
	}
	b.stop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		// A politely closed Firefox ends its children itself; if it won't, its process group is killed.
		if err := b.conn.command(ctx, "browser.close", nil, nil); err != nil {
			return nil
		}
		select {
		case <-fox.exited:
		case <-ctx.Done():
		}
		return nil
	}
	if err := b.prepare(ctx, o.Preload); err != nil {
		return nil, orClose(b, err)
	}
	return b, nil
}

func firefoxPrefs(o Options) []byte {
	permission := 0 // ask
	if o.Devices == Denied {
		permission = 2
	}
	prefs := map[string]any{
		"media.navigator.streams.fake":                         o.Devices == Allowed || o.Devices == Denied,
		"media.navigator.permission.disabled":                  o.Devices != Denied,
		"permissions.default.camera":                           permission,
		"permissions.default.microphone":                       permission,
		"media.navigator.audio.fake_frequency":                 o.ToneHz,
		"media.peerconnection.ice.obfuscate_host_addresses":    false,
		"media.peerconnection.ice.loopback":                    true,
		"media.autoplay.default":                               0,
		"media.autoplay.blocking_policy":                       0,
		"media.gmp-manager.updateEnabled":                      false,
		"media.gmp-provider.enabled":                           false,
		"app.update.disabledForTesting":                        true,
		"app.normandy.enabled":                                 false,
		"browser.shell.checkDefaultBrowser":                    false,
		"browser.startup.page":                                 0,
		"browser.safebrowsing.malware.enabled":                 false,
		"browser.safebrowsing.phishing.enabled":                false,
		"browser.search.update":                                false,
		"browser.newtabpage.enabled":                           false,
		"datareporting.policy.dataSubmissionEnabled":           false,
		"datareporting.healthreport.uploadEnabled":             false,
		"toolkit.telemetry.enabled":                            false,
		"toolkit.telemetry.server":                             "",
		"dom.disable_open_during_load":                         false,
		"dom.min_background_timeout_value":                     4,
		"dom.timeout.enable_budget_timer_throttling":           false,
		"extensions.update.enabled":                            false,
		"extensions.getAddons.cache.enabled":                   false,
		"intl.accept_languages":                                "en-US, en",
		"network.captive-portal-service.enabled":               false,
		"network.connectivity-service.enabled":                 false,
		"network.dns.disableIPv6":                              true,
		"network.proxy.type":                                   0,
		"remote.active-protocols":                              1,
		"security.sandbox.content.level":                       0,
		"services.settings.server":                             "data:,#remote-settings-dummy/v1",
		"signon.rememberSignons":                               false,
		"ui.prefersReducedMotion":                              0,
		"widget.use-xdg-desktop-portal.settings":               0,
		"dom.ipc.processPrelaunch.enabled":                     false,
		"browser.tabs.remote.separatePrivilegedContentProcess": false,
	}
	if o.ToneHz == 0 {
		delete(prefs, "media.navigator.audio.fake_frequency")
	}
	lines := make([]string, 0, len(prefs))
	for name, value := range prefs {
		if text, ok := value.(string); ok {
			value = fmt.Sprintf("%q", text)
		}
		lines = append(lines, fmt.Sprintf("user_pref(%q, %v);\n", name, value))
	}
	sort.Strings(lines)
	return []byte(strings.Join(lines, ""))
}
