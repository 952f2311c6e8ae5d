package main

import (
	"io"
	"net/netip"
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
		{"--media-address", "localhost"},
		{"--trusted-proxy", "10.0.0.0/99"},
		{"--config", "/nowhere"},
		{"--opens-before", "-1m"},
	} {
		var out, errs strings.Builder
		if status := run(t.Context(), append([]string{"serve"}, args...), &out, &errs); status != 2 || errs.Len() == 0 {
			t.Errorf("serve %v: status %d, %q", args, status, errs.String())
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
