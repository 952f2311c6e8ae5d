package bidi

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// process is a program that leads a process group of its own, so that everything it starts can be ended with it.
type process struct {
	cmd    *exec.Cmd
	log    *os.File
	exited chan struct{}
}

// start runs a program with its output in logPath. extraEnv is laid over this process's own environment.
func start(logPath string, extraEnv []string, name string, args ...string) (*process, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: %w", name, err)
	}
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", filepath.Base(name), err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), extraEnv...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, log: log, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // a killed browser reports just that
	}()
	return p, nil
}

// kill ends the whole process group and waits for its leader; it is safe to call twice.
func (p *process) kill() error {
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
	p.log.Close()
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process group %d: %w", p.cmd.Process.Pid, err)
	}
	return nil
}

// tail is the end of what the program printed, for error messages.
func (p *process) tail() string {
	const last = 2000
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return ""
	}
	if len(b) > last {
		b = b[len(b)-last:]
	}
	return string(b)
}
