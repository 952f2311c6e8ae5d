package main

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"housecall/cmd/housecall/server"
)

func versionCommand(_ context.Context, _ []string, stdout, _ io.Writer) int {
	fmt.Fprintf(stdout, "housecall %s (%s)\n", server.Version, runtime.Version())
	return 0
}
