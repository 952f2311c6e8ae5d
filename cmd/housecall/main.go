// Command housecall is the virtual-visit server and its tools: one file a subcommand.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A command runs one subcommand and returns its exit status: 0 done, 1 failed, 2 called wrongly.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

var commands = []command{
	{"serve", "run the server", serveCommand},
	{"visit", "create, list, show, revoke and resend visits and their links", visitCommand},
	{"user", "make, list, reset and switch off the accounts of people who work here", userCommand},
	{"key", "make, list and revoke keys for the JSON API", keyCommand},
	{"audit", "find out whether the audit log is as it was sealed, and show what is in it", auditCommand},
	{"doctor", "look for what is wrong with this server's surroundings, and say what helps", doctorCommand},
	{"backup", "copy everything into one file, while the server runs", backupCommand},
	{"restore", "put a backup into an empty place", restoreCommand},
	{"version", "print the version", versionCommand},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(stdout)
		return 0
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "housecall: there is no %q; `housecall help` lists what there is\n", args[0])
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Housecall: video visits for a children's hospital.\n\nUsage: housecall COMMAND [options]")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.about)
	}
	fmt.Fprintln(w, "\n`housecall COMMAND -h` lists the options of a command.")
}
