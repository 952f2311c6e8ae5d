// Package doctor looks at what a server needs around it (ports, certificate, clock, addresses, database, blobs, virus scanner, Redis, mail, disk) and says of each what is wrong and
// what helps. It leaves everything as it was, and may be run beside the server.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/platform/fault"
)

// State is how a thing does.
type State string

// The states.
const (
	Good State = "ok"
	Weak State = "look" // works now, or may be meant so
	Bad  State = "BAD"  // does not work
)

// Finding is what was found of one thing.
type Finding struct {
	Thing  string // "clock", "database", …
	State  State
	Found  string
	Remedy string // empty when nothing is wrong
}

func good(thing, found string, args ...any) Finding {
	return Finding{Thing: thing, State: Good, Found: fmt.Sprintf(found, args...)}
}

// bad tells of an error; what stands around its cause is for people in a visit.
func bad(thing string, err error, remedy string) Finding {
	var problem *fault.Problem
	if errors.As(err, &problem) && problem.Cause != nil {
		err = problem.Cause
	}
	return Finding{Thing: thing, State: Bad, Found: strings.Join(strings.Fields(err.Error()), " "), Remedy: remedy} // in one line
}

// within bounds each look.
const within = 10 * time.Second

// Examine looks at everything that a server with these options would use, and answers in a fixed order.
func Examine(ctx context.Context, c server.Config) []Finding {
	looks := []func(context.Context, server.Config) []Finding{folder, masterKey, database, apiKeys, blobs, scanner, sharedRedis, clock, certificateFiles, publicAddress, theRelay, mediaAddresses, mail, sms, limits}
	list := options(c)
	c = c.WithDefaults()
	list = append(list, ports(ctx, c)...) // before the others: for a moment it listens there itself, which they must not take for a server
	found := make([][]Finding, len(looks))
	var all sync.WaitGroup
	for i, look := range looks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, within)
			defer cancel()
			found[i] = look(ctx, c)
		})
	}
	all.Wait()
	for _, some := range found {
		list = append(list, some...)
	}
	return list
}

// Print writes findings for people, and says whether any is Bad.
func Print(w io.Writer, list []Finding) (anyBad bool) {
	for _, f := range list {
		fmt.Fprintf(w, "%-5s %-12s %s\n", f.State, f.Thing, f.Found)
		if f.Remedy != "" {
			fmt.Fprintf(w, "      %-12s → %s\n", "", f.Remedy)
		}
		anyBad = anyBad || f.State == Bad
	}
	return anyBad
}
