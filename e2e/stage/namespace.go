// Package stage makes the world that browser tests play in: network and process namespaces of their own, an audio server without
// a loudspeaker, and pictures and tones that are known beforehand. Everything it starts belongs to the process that called it and
// ends with it. It must never touch the machine's own network, sound or processes.
package stage

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Address is the namespace's own address that is not loopback; Firefox checks no other way to a server.
var Address = netip.MustParseAddr("10.77.0.1")

// insideEnv marks the process that runs inside.
const insideEnv = "HOUSECALL_E2E_INSIDE"

// Enter runs the calling test program again inside fresh network, mount and process namespaces and returns its exit code with
// outside true. Inside, it sets the network up and returns false. When the process inside ends, however it ends, the kernel
// ends everything it started.
func Enter() (code int, outside bool, err error) {
	if os.Getenv(insideEnv) != "" {
		return 0, false, furnish()
	}
	if os.Getuid() != 0 {
		return 1, true, errors.New("browser tests need root, to make a network namespace of their own")
	}
	runtime.LockOSThread() // Pdeathsig follows the thread that started the child
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 1, true, fmt.Errorf("network namespace for browser tests: %w", err)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended meanwhile
		}
	}()
	err = cmd.Wait()
	signal.Stop(signals)
	close(signals)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), true, nil
	}
	if err != nil {
		return 1, true, fmt.Errorf("browser tests: %w", err)
	}
	return 0, true, nil
}

// furnish sets up the namespaces from inside: a /proc that shows only our processes, and a pair of network devices.
func furnish() error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, line := range []string{
		"link set lo up",
		"link add visit0 type veth peer name visit1",
		"link set visit0 addrgenmode none", // see NewNetwork
		"link set visit1 addrgenmode none",
		"addr add " + Address.String() + "/24 dev visit0",
		"link set visit0 up",
		"link set visit1 up",
		"route add default via " + Address.Next().String(), // browsers take a machine without a route for offline
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	return nil
}

// Leftovers names the processes of the namespace besides this one that still run, as "pid name".
func Leftovers() ([]string, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	var left []string
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended between the look and the read
		}
		// "pid (name) state …"; an ended one that nobody waited for is a Z.
		text := string(b)
		opening, closing := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
		if opening < 0 || closing < 0 || strings.HasPrefix(text[closing:], ") Z") {
			continue
		}
		left = append(left, fmt.Sprintf("%d %s", pid, text[opening+1:closing]))
	}
	return left, nil
}
