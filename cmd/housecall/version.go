package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
)

// version is set by the release build with -ldflags "-X main.version=…".
var version = "development"

func versionCommand(_ context.Context, _ []string, stdout, _ io.Writer) int {
	goVersion := "unknown Go"
	if build, ok := debug.ReadBuildInfo(); ok {
		goVersion = build.GoVersion
	}
	fmt.Fprintf(stdout, "housecall %s (%s)\n", version, goVersion)
	return 0
}
