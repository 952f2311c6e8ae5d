package uploads

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"housecall/platform/fault"
	"housecall/platform/uploads/eicar"
)

const (
	// takeWithin is how long a scanner may take for the next chunk: it only keeps it.
	takeWithin = time.Minute
	// scanWithin is how long it may look when all was sent. By its defaults clamd gives up after two minutes (clamd.conf(5), "MaxScanTime"), and says so.
	scanWithin = 150 * time.Second
	// dialWithin is how long it may take to answer a call.
	dialWithin = 10 * time.Second
	// chunkSize is how many bytes it is sent at once.
	chunkSize = 64 << 10
	// mostAnswer is how many bytes of an answer are read.
	mostAnswer = 4 << 10
)

// Scanner is a way to clamd, by its protocol (clamd(8), "COMMANDS"), or the operator's word that there is none.
type Scanner struct {
	network, address string // empty: nobody looks

	takes, looks time.Duration // how long it may take for a chunk, and for its answer
}

func scannerAt(network, address string) *Scanner {
	return &Scanner{network, address, takeWithin, scanWithin}
}

// ParseScanner reads an address: tcp://HOST:PORT, unix:/PATH, or none. Nothing of it gives nil: no files are taken then.
func ParseScanner(s string) (*Scanner, error) {
	if path, is := strings.CutPrefix(s, "unix:"); is && strings.HasPrefix(path, "/") {
		return scannerAt("unix", path), nil
	}
	if address, is := strings.CutPrefix(s, "tcp://"); is {
		if host, port, err := net.SplitHostPort(address); err == nil && host != "" && port != "" {
			return scannerAt("tcp", address), nil
		}
	}
	switch s {
	case "":
		return nil, nil
	case "none":
		return &Scanner{}, nil
	}
	return nil, fmt.Errorf("%q is no address of a scanner: write tcp://HOST:PORT, unix:/PATH of clamd's socket, or none", s)
}

// String is the address for people to read.
func (s *Scanner) String() string { return s.address }

// Looks says whether there is a scanner to be asked.
func (s *Scanner) Looks() bool { return s.network != "" }

// Scan has a file looked at, and says why it is to be refused: Virus, Encrypted or Limits, with the signature that it was known by; empty: it is clean. It may return before from was
// read to its end. Errors: fault.TryAgain when the scanner is away or can't look; those of from.
func (s *Scanner) Scan(ctx context.Context, from io.Reader) (why, signature string, err error) {
	if !s.Looks() {
		return "", "", nil
	}
	answer, early := s.ask(ctx, "zINSTREAM\x00", &source{Reader: from})
	if early != nil && !errors.Is(early, errEarly) {
		return "", "", early
	}
	why, signature, err = verdict(answer)
	if err == nil && why == "" && early != nil { // of what it has not seen it can say nothing good
		err = fault.Away(early)
	}
	return why, signature, err
}

// verdict reads an answer to INSTREAM.
func verdict(answer string) (why, signature string, err error) {
	said, is := strings.CutPrefix(answer, "stream: ")
	if is && said == "OK" {
		return "", "", nil
	}
	if signature, found := strings.CutSuffix(said, " FOUND"); is && found {
		switch {
		case strings.HasPrefix(signature, "Heuristics.Limits.Exceeded"):
			return Limits, signature, nil
		case strings.HasPrefix(signature, "Heuristics.Encrypted"):
			return Encrypted, signature, nil
		}
		return Virus, signature, nil
	}
	if strings.Contains(said, "size limit exceeded") {
		return Limits, "", nil
	}
	return "", "", fault.Away(fmt.Errorf("the scanner says %q", answer))
}

// Version asks which program the scanner is, and of when its signatures are; the zero time: it does not say. Errors: fault.TryAgain.
func (s *Scanner) Version(ctx context.Context) (program string, signatures time.Time, err error) {
	answer, err := s.ask(ctx, "zVERSION\x00", nil)
	if err != nil {
		return "", time.Time{}, err
	}
	program, rest, _ := strings.Cut(answer, "/") // as in ClamAV 1.4.6/27820/Sat Nov 28 08:26:54 2026
	if _, at, found := strings.Cut(rest, "/"); found {
		if signatures, err = time.Parse("Mon Jan _2 15:04:05 2006", at); err != nil {
			signatures = time.Time{}
		}
	}
	return program, signatures, nil
}

// Prove has it look at a text and at the file that every scanner must know, and says what of that does not work.
func (s *Scanner) Prove(ctx context.Context) error {
	if why, signature, err := s.Scan(ctx, strings.NewReader("Sample")); err != nil || why != "" {
		return errors.Join(fmt.Errorf("it refuses a harmless text: %s %s", why, signature), err)
	}
	if why, _, err := s.Scan(ctx, bytes.NewReader(eicar.File())); err != nil || why != Virus {
		return errors.Join(errors.New("it lets the test file of EICAR through: it has no signatures"), err)
	}
	return nil
}

// errEarly says that a scanner answered before it had all.
var errEarly = errors.New("it answered before all was sent")

// ask sends a command, and what it is about (nil: nothing), and gives the answer. Errors: fault.TryAgain; that of what it is about; with the answer, errEarly.
func (s *Scanner) ask(ctx context.Context, command string, about *source) (string, error) {
	dialer := net.Dialer{Timeout: dialWithin}
	conn, err := dialer.DialContext(ctx, s.network, s.address)
	if err != nil {
		return "", fault.Away(fmt.Errorf("call the scanner: %w", err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	within := func(wait time.Duration) {
		_ = conn.SetDeadline(time.Now().Add(wait))
		if ctx.Err() != nil { // which may have called it off just before
			_ = conn.SetDeadline(time.Unix(1, 0))
		}
	}
	within(s.takes)
	_, sent := io.WriteString(conn, command)
	if sent == nil && about != nil {
		sent = send(conn, about, func() { within(s.takes) })
		if about.err != nil {
			return "", about.err
		}
	}
	if sent == nil {
		within(s.looks)
	} else { // a scanner that has heard enough says so and hangs up: then sending fails, and the answer is there
		within(s.takes)
	}
	answer, err := bufio.NewReader(io.LimitReader(conn, mostAnswer)).ReadString(0)
	if err != nil { // half an answer is none: "OK" may be the beginning of anything
		return "", fault.Away(fmt.Errorf("ask the scanner: %w", errors.Join(sent, err, ctx.Err())))
	}
	if sent != nil {
		err = fmt.Errorf("%w: %w", errEarly, sent)
	}
	return strings.TrimSuffix(answer, "\x00"), err
}

// send sends a file in chunks, each after its length and patiently; one of length nothing ends it. Errors: errEarly when an answer is there before the end was sent; those of both.
func send(conn net.Conn, from io.Reader, patiently func()) error {
	chunk := make([]byte, 4+chunkSize)
	for {
		n, err := io.ReadFull(from, chunk[4:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		binary.BigEndian.PutUint32(chunk, uint32(n))
		if n == 0 && answered(conn) {
			return errEarly
		}
		patiently()
		if _, err := conn.Write(chunk[:4+n]); err != nil || n == 0 {
			return err
		}
	}
}

// answered says whether there is something to be read now.
func answered(conn net.Conn) (is bool) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			is = n > 0 && err == nil
			return true
		})
	}
	return is && err == nil
}

// source tells its own errors from those of whom it is sent to.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
