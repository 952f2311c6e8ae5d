package testkit

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a program, which the kernel kills when this process dies without cleaning up; a signal that is set in cmd.SysProcAttr.Pdeathsig already comes instead.
// ended is closed when the program has ended; cmd.ProcessState says how.
func Start(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	started, over := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel ends the program when the thread that started it ends, so the thread is this goroutine's alone.
		runtime.LockOSThread()
		defer close(over)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return over, <-started
}
