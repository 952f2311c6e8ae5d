//go:build !linux

package sfu

func limitUnsent(uintptr) {}
