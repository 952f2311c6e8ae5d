package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"housecall/cmd/housecall/server"
)

// options are the flags of one subcommand. Each can also be given by the environment (--public-url as HOUSECALL_PUBLIC_URL)
// or as a line PUBLIC_URL=… of the file named by --config. The command line wins over the environment, the environment over the file.
type options struct {
	*flag.FlagSet
	config string
}

// errUsage says that the options were wrong and that the person has been told how.
var errUsage = errors.New("wrong options")

func newOptions(name string, stderr io.Writer) *options {
	o := &options{FlagSet: flag.NewFlagSet("housecall "+name, flag.ContinueOnError)}
	o.SetOutput(stderr)
	o.StringVar(&o.config, "config", "", "`file` with lines NAME=value for any option, e.g. LISTEN=:8080")
	return o
}

// parse reads args and fills in what they leave open. It answers flag.ErrHelp after -h and errUsage after anything wrong.
func (o *options) parse(args []string, getenv func(string) string) error {
	if err := o.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag set has said what is wrong
	}
	if o.config == "" {
		o.config = getenv(envName("config"))
	}
	file, err := readConfig(o.config)
	if err != nil {
		return o.wrong(err)
	}
	if err := o.knows(file); err != nil {
		return o.wrong(err)
	}
	given := map[string]bool{}
	o.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.VisitAll(func(f *flag.Flag) {
		value, from := getenv(envName(f.Name)), envName(f.Name)
		if value == "" {
			value, from = file[strings.TrimPrefix(envName(f.Name), "HOUSECALL_")], o.config
		}
		if given[f.Name] || value == "" || err != nil {
			return
		}
		if e := o.Set(f.Name, value); e != nil {
			err = fmt.Errorf("%s: %s: %w", from, f.Name, e)
		}
	})
	if err != nil {
		return o.wrong(err)
	}
	return nil
}

// knows refuses a name in the file that is an option neither of this subcommand nor of the server: a slip there would go unseen. In the environment it can't
// be told from names of others, as those that Kubernetes makes for a service.
func (o *options) knows(file map[string]string) error {
	known := map[string]bool{}
	note := func(f *flag.Flag) { known[strings.TrimPrefix(envName(f.Name), "HOUSECALL_")] = true }
	o.VisitAll(note)
	serveOptions(&server.Config{}, new(bool), io.Discard).VisitAll(note)
	for _, name := range slices.Sorted(maps.Keys(file)) {
		if !known[name] {
			return fmt.Errorf("%s: there is no option %q; --public-url, for one, is written PUBLIC_URL", o.config, name)
		}
	}
	return nil
}

// wrong tells the person what is wrong with the options.
func (o *options) wrong(err error) error {
	fmt.Fprintf(o.Output(), "%s: %v\n", o.Name(), err)
	return errUsage
}

func envName(option string) string {
	return "HOUSECALL_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// readConfig reads lines NAME=value; empty lines and lines that begin with # are passed over.
func readConfig(path string) (map[string]string, error) {
	values := map[string]string{}
	if path == "" {
		return values, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading --config: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s line %d: want NAME=value", path, n)
		}
		values[strings.TrimPrefix(strings.TrimSpace(name), "HOUSECALL_")] = strings.TrimSpace(value)
	}
	return values, lines.Err()
}

// exitStatus turns the error of a subcommand into its exit status, telling the person where nobody has yet.
func exitStatus(name string, err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, context.Canceled):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintf(stderr, "housecall %s: %v\n", name, err)
	return 1
}
