package phi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"housecall/platform/phi"
)

const canary = "Canary Ofhealth"

func TestTextNeverPrints(t *testing.T) {
	text := phi.Text(canary)
	nested := struct {
		Name phi.Text
		Ptr  *phi.Text
		List []phi.Text
		Map  map[phi.Text]phi.Text
	}{text, &text, []phi.Text{text}, map[phi.Text]phi.Text{text: text}}
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%t", "% x"} {
		printed = append(printed, fmt.Sprintf(verb, text), fmt.Sprintf(verb, nested), fmt.Sprintf(verb, &text))
	}
	printed = append(printed, fmt.Sprint(text), fmt.Errorf("who: %w, %v", errors.New("x"), text).Error(), text.String(), text.GoString())
	var logs bytes.Buffer
	slog.New(slog.NewJSONHandler(&logs, nil)).Info("m", "name", text, slog.Group("g", "name", text))
	slog.New(slog.NewTextHandler(&logs, nil)).Info("m", "name", text, "nested", nested)
	printed = append(printed, logs.String())
	hex := fmt.Sprintf("%x", canary)
	for _, p := range printed {
		if strings.Contains(p, "Canary") || strings.Contains(p, hex) || strings.Contains(strings.ToLower(p), hex) {
			t.Errorf("health data printed: %q", p)
		}
	}
	if got := fmt.Sprint(text); got != phi.Redacted {
		t.Errorf("printed %q", got)
	}
}

func TestTextTravels(t *testing.T) {
	in := struct {
		Name phi.Text `json:"name"`
	}{canary}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"name":"Canary Ofhealth"}` {
		t.Fatalf("marshal: %s, %v", b, err)
	}
	in.Name = ""
	if err := json.Unmarshal(b, &in); err != nil || in.Name.Reveal() != canary {
		t.Fatalf("unmarshal: %q, %v", in.Name.Reveal(), err)
	}
	if err := json.Unmarshal([]byte(`{"name":12345678}`), &in); err == nil || strings.Contains(err.Error(), "12345678") {
		t.Fatalf("a number was taken or quoted: %v", err)
	}
	v, err := phi.Text(canary).Value()
	if err != nil || v != canary {
		t.Fatalf("value: %v, %v", v, err)
	}
	for _, c := range []struct {
		src  any
		want string
	}{{canary, canary}, {[]byte(canary), canary}, {nil, ""}} {
		var got phi.Text
		if err := got.Scan(c.src); err != nil || got.Reveal() != c.want {
			t.Errorf("scan %T: %q, %v", c.src, got.Reveal(), err)
		}
	}
	var got phi.Text
	if got.Scan(int64(7)) == nil {
		t.Error("scanned a number")
	}
}
