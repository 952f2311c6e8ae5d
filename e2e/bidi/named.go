package bidi

import (
	"context"
	"fmt"
)

// rolesOf are the elements that have a role, as a CSS selector.
var rolesOf = map[string]string{
	"":         "*",
	"button":   "button, input[type=submit], input[type=button], [role=button]",
	"checkbox": "input[type=checkbox], [role=checkbox]",
	"combobox": "select, [role=combobox]",
	"link":     "a[href], [role=link]",
	"radio":    "input[type=radio], [role=radio]",
	"textbox":  "textarea, input:not([type]), input:is([type=text], [type=email], [type=password], [type=tel]), [role=textbox]",
}

// named finds elements by what names them, the first that does: https://www.w3.org/TR/accname-1.2/#computation-steps, without what no page of ours has.
const named = `(selector, name) => {
	const text = (nodes) => [...nodes].map((each) => each.textContent).join(" ").replace(/\s+/g, " ").trim();
	const ids = (e) => (e.getAttribute("aria-labelledby") ?? "").split(/\s+/).map((id) => document.getElementById(id)).filter(Boolean);
	const nameOf = (e) => text(ids(e)) || e.ariaLabel?.trim() || text(e.labels ?? []) || (e.matches("input") ? e.value : text([e])) || e.title;
	return [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility({visibilityProperty: true}) && (!name || nameOf(e) === name));
}`

// findNamed is find by a function in the page: Firefox looks for roles and names in a tree that it makes anew each time, which takes seconds beside
// pictures that move, and once took more than a minute and a half.
func (p *Page) findNamed(ctx context.Context, role, name string) ([]string, error) {
	selector, known := rolesOf[role]
	if !known {
		return nil, fmt.Errorf("no selector for role %q", role)
	}
	var got struct {
		ExceptionDetails struct{ Text string }
		Result           struct {
			Value []struct {
				SharedID string `json:"sharedId"`
			}
		}
	}
	text := func(s string) map[string]string { return map[string]string{"type": "string", "value": s} }
	err := p.browser.conn.command(ctx, "script.callFunction", map[string]any{
		"functionDeclaration": named,
		"arguments":           []any{text(selector), text(name)},
		"target":              map[string]any{"context": p.context},
		"awaitPromise":        false,
	}, &got)
	if err != nil {
		return nil, err
	}
	if said := got.ExceptionDetails.Text; said != "" {
		return nil, fmt.Errorf("find %s %q: %s", role, name, said)
	}
	ids := make([]string, 0, len(got.Result.Value))
	for _, node := range got.Result.Value {
		ids = append(ids, node.SharedID)
	}
	return ids, nil
}
