package web

import (
	"net/http"
	"strings"
)

// features of https://github.com/w3c/webappsec-permissions-policy/blob/main/features.md that a page of ours may use. Besides the devices: pictures must play by
// themselves, may fill the screen, keep it awake and go into a small window; a speaker can be chosen; a link can be copied; who works here signs in by passkey.
var ourFeatures = []string{"autoplay", "camera", "clipboard-write", "display-capture", "fullscreen", "microphone",
	"picture-in-picture", "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "speaker-selection"}

// otherFeatures are switched off.
var otherFeatures = []string{"accelerometer", "browsing-topics", "clipboard-read", "compute-pressure", "encrypted-media",
	"gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection", "keyboard-map", "local-fonts",
	"magnetometer", "midi", "otp-credentials", "payment", "serial",
	"storage-access", "sync-xhr", "usb", "window-management", "xr-spatial-tracking"}

// headers returns the function that sets the security headers every answer starts with; a handler may narrow or replace one of them
// (static files are cached, uploads are sandboxed). origin is that of the public address, or "".
func headers(origin string) func(h http.Header, encrypted bool) {
	policy := contentPolicy(origin)
	permissions := permissionsPolicy()
	public := strings.HasPrefix(origin, "https://")
	return func(h http.Header, encrypted bool) {
		h.Set("Content-Security-Policy", policy)
		h.Set("Permissions-Policy", permissions)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if public || encrypted {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
	}
}

// contentPolicy is the Content-Security-Policy: everything from our own origin, nothing inline.
//
// 'self' covers websockets to the same host (CSP3 §6.7.2.8) in Chromium (tried with 156), Firefox (153) and Safari since 16; older Safari
// needs the address itself (https://github.com/w3c/webappsec-csp/issues/7), which is given when the public address is known.
func contentPolicy(origin string) string {
	connect := "'self'"
	if host, ok := strings.CutPrefix(origin, "https://"); ok {
		connect += " wss://" + host
	} else if host, ok := strings.CutPrefix(origin, "http://"); ok {
		connect += " ws://" + host
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self' data: blob:",
		"media-src 'self' blob: mediastream:",
		"connect-src " + connect,
		"font-src 'self'",
		"manifest-src 'self'",
		"base-uri 'none'",
		"form-action 'self'",
		"frame-ancestors 'none'",
		"object-src 'none'",
		// No script may turn a string into markup or code: there is no policy that could make such a string.
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
}

func permissionsPolicy() string {
	var b strings.Builder
	for _, f := range ourFeatures {
		b.WriteString(f + "=(self), ")
	}
	for _, f := range otherFeatures {
		b.WriteString(f + "=(), ")
	}
	return strings.TrimSuffix(b.String(), ", ")
}
