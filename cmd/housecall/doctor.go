package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"

	"housecall/cmd/housecall/doctor"
	"housecall/cmd/housecall/server"
)

// doctorCommand takes the options of `housecall serve`, so that it looks at what that server would use.
func doctorCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return exitStatus("doctor", runDoctor(ctx, args, stdout, stderr), stderr)
}

func runDoctor(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c server.Config
	var demo bool
	o := serveOptions(&c, &demo, stderr)
	o.Init("housecall doctor", flag.ContinueOnError) // as which it is asked for help, and says what is wrong
	if err := o.parse(args, os.Getenv); err != nil {
		return err
	}
	if o.NArg() > 0 {
		return o.wrong(fmt.Errorf("there is no argument %q: options begin with --", o.Arg(0)))
	}
	redis.SetLogger(redisLog{slog.New(slog.DiscardHandler)})
	if doctor.Print(stdout, doctor.Examine(ctx, c)) {
		return errors.New("what is marked BAD keeps visits from working")
	}
	return nil
}
