package main

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"housecall/cmd/housecall/server"
)

func TestServeRefusesWrongOptions(t *testing.T) {
	for _, args := range [][]string{
		{"extra"},
		{"--nothing"},
		{"--time-zone", "Local"},
		{"--time-zone", "EST"},
		{"--media-address", "localhost"},
		{"--trusted-proxy", "10.0.0.0/99"},
		{"--config", "/nowhere"},
		{"--opens-before", "-1m"},
		{"--phone", "call us"},
		{"--find-address", "stun.example.org"},
		{"--find-address", "turn:stun.example.org:3478"},
		{"--relay-address", "example.org"},
		{"--relay-address", ":443"},
	} {
		var out, errs strings.Builder
		if status := run(t.Context(), append([]string{"serve"}, args...), &out, &errs); status != 2 || errs.Len() == 0 {
			t.Errorf("serve %v: status %d, %q", args, status, errs.String())
		}
	}
}

// TestConfigFile: a name in the file that is no option is refused, and what is an option of the server alone is not, by other commands.
func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "housecall.conf")
	for text, right := range map[string]bool{
		"# all\n\nSITE = Example\nHOUSECALL_PUBLIC_URL=https://visits.example.org\nTRUSTED_PROXY=10.0.0.1\n": true,
		"TRUSTED_PROXIES=10.0.0.1\n": false,
		"trusted_proxy=10.0.0.1\n":   false,
		"KEY-FILE=/etc/master.key\n": false,
		"SITE\n":                     false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		none := func(string) string { return "" }
		served := serveOptions(&server.Config{}, new(bool), io.Discard).parse([]string{"--config", path}, none)
		desk := newDeskOptions("backup", io.Discard, io.Discard).parse([]string{"--config", path}, none)
		if (served == nil) != right || (desk == nil) != right {
			t.Errorf("%q: serve %v, backup %v", text, served, desk)
		}
	}
}

func TestServeReadsTelephoneNumbers(t *testing.T) {
	for number, right := range map[string]bool{
		"+1 617 555 0100": true, "617-555-0100": true, "(617) 555-0100 ext. 12": true, "617.555.0100 x12": true, "+49 30/55501": true, "112": true, " 911 ": true,
		"11": false, "": false, "call 911": false, "617 555 0100, then 2": false, "+1 617 555 0100\n": true, "1\n2 3": false, "javascript:1": false,
		"1234567890123456789012345678901234": false,
	} {
		var c server.Config
		var demo bool
		o := serveOptions(&c, &demo, io.Discard)
		if err := o.parse([]string{"--phone", number}, func(string) string { return "" }); (err == nil) != right || right && c.Phone != strings.TrimSpace(number) {
			t.Errorf("%q: %v, phone %q", number, err, c.Phone)
		}
	}
}

func TestServeReadsListsOfAddresses(t *testing.T) {
	var c server.Config
	var demo bool
	o := serveOptions(&c, &demo, io.Discard)
	env := map[string]string{"HOUSECALL_MEDIA_ADDRESS": "192.0.2.1, 2001:db8::1", "HOUSECALL_TRUSTED_PROXY": "10.1.2.3/8,192.0.2.7"}
	if err := o.parse(nil, func(name string) string { return env[name] }); err != nil {
		t.Fatal(err)
	}
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}; !slices.Equal(c.MediaAddresses, want) {
		t.Errorf("media addresses %v", c.MediaAddresses)
	}
	if want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")}; !slices.Equal(c.TrustedProxies, want) {
		t.Errorf("trusted proxies %v", c.TrustedProxies)
	}
}
