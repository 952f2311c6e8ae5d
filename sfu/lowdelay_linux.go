package sfu

import "syscall"

// limitUnsent sets TCP_NOTSENT_LOWAT, which package syscall has no name for.
func limitUnsent(fd uintptr) {
	const notSentLowAt = 25
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, notSentLowAt, mostUnsent)
}
