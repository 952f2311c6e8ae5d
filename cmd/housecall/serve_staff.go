package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
)

// staffOptions are those of how people who work here sign in.
func staffOptions(o *options, c *server.Config) {
	o.DurationVar(&c.Staff.Idle, "idle-lock", 15*time.Minute, "how long somebody at the desk may do nothing until pages ask again who is there; 0: for ever")
	o.Func("require-second-factor", "`roles` that must show a second factor when they sign in, with commas between (default: none)", func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			role := auth.Role(strings.TrimSpace(part))
			if !slices.Contains(staff.Roles(), role) {
				return fmt.Errorf("%q is no role: there are %v", part, staff.Roles())
			}
			c.Staff.RequireSecond = append(c.Staff.RequireSecond, role)
		}
		return nil
	})
}
