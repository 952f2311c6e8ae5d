package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Sound is an audio server whose only loudspeaker is a null sink. Without one, Firefox hangs as soon as a page makes an AudioContext.
type Sound struct {
	cmd    *exec.Cmd
	exited chan struct{}
	dir    string
}

// StartSound starts pulseaudio with its files in dir, which must be empty, and waits until it listens.
func StartSound(ctx context.Context, dir string) (*Sound, error) {
	socket := filepath.Join(dir, "native")
	log, err := os.Create(filepath.Join(dir, "pulseaudio.log"))
	if err != nil {
		return nil, fmt.Errorf("log of pulseaudio: %w", err)
	}
	defer log.Close()
	cmd := exec.Command("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disallow-exit",
		"--load=module-null-sink sink_name=nowhere",
		"--load=module-native-protocol-unix auth-anonymous=1 socket="+socket)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "PULSE_RUNTIME_PATH="+dir, "PULSE_STATE_PATH="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pulseaudio: %w", err)
	}
	s := &Sound{cmd: cmd, exited: make(chan struct{}), dir: dir}
	go func() {
		defer close(s.exited)
		_ = cmd.Wait() // it is ended by a signal
	}()
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
			return s, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case <-s.exited:
			err = errors.New("it ended")
		case <-ctx.Done():
			err = ctx.Err()
			s.Close()
		}
		said, _ := os.ReadFile(log.Name()) // only to explain err
		return nil, fmt.Errorf("start pulseaudio: %w: %s", err, said)
	}
}

// Env is what a program needs in its environment to play into this server.
func (s *Sound) Env() []string {
	return []string{"PULSE_SERVER=unix:" + filepath.Join(s.dir, "native"), "XDG_RUNTIME_DIR=" + s.dir}
}

// Close ends the server.
func (s *Sound) Close() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-s.exited
}
