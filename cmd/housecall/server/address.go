package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/stun/v4"

	"housecall/sfu"
)

const (
	findWithin  = 3 * time.Second        // an answer of the STUN server's; at the start the server waits so long for it
	findResend  = 500 * time.Millisecond // of a question that may have been lost
	findAgain   = 5 * time.Minute        // whether the address is still the same
	findTryNext = 30 * time.Second       // after a failure
)

// findAddresses asks a STUN server where our packets seem to come from, and announces that address beside our own, now and whenever it changes.
func (s *Server) findAddresses(ctx context.Context, engine *sfu.Engine) {
	if s.config.FindAddress == "" {
		return
	}
	var last []netip.Addr
	wait := func(ctx context.Context) time.Duration {
		found, err := publicAddresses(ctx, s.config.FindAddress)
		if err != nil {
			if ctx.Err() == nil {
				s.config.Logger.Warn("the STUN server does not say where clients reach this one", "server", s.config.FindAddress, "err", err)
			}
			return findTryNext
		}
		if !slices.Equal(found, last) {
			last = found
			engine.Announce(found)
			s.config.Logger.Info("clients reach the media port at", "addresses", found)
		}
		return findAgain
	}
	next := wait(ctx)
	running, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-s.config.After(next):
				next = wait(running)
			case <-running.Done():
				return
			}
		}
	}()
	s.onClose(func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

// publicAddresses asks by IPv4 and by IPv6, and answers what it was told by either; an error when by none.
func publicAddresses(ctx context.Context, server string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, findWithin)
	defer cancel()
	type answer struct {
		addr netip.Addr
		err  error
	}
	answers := [2]chan answer{make(chan answer, 1), make(chan answer, 1)}
	for i, network := range []string{"udp4", "udp6"} {
		go func() {
			addr, err := askSTUN(ctx, network, server)
			answers[i] <- answer{addr, err}
		}()
	}
	var found []netip.Addr
	var failed []error
	for _, each := range answers {
		if a := <-each; a.err != nil {
			failed = append(failed, a.err)
		} else {
			found = append(found, a.addr)
		}
	}
	if len(found) == 0 {
		return nil, errors.Join(failed...)
	}
	return found, nil
}

// askSTUN sends a binding request (RFC 8489) until it is answered or the context ends.
func askSTUN(ctx context.Context, network, server string) (netip.Addr, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("asking %s: %w", server, err)
	}
	buf := make([]byte, 1500)
	for ctx.Err() == nil {
		if _, err := conn.Write(request.Raw); err != nil {
			return netip.Addr{}, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(findResend)); err != nil {
			return netip.Addr{}, err
		}
		n, err := conn.Read(buf)
		if isTimeout(err) {
			continue
		}
		if err != nil {
			return netip.Addr{}, err
		}
		response := &stun.Message{Raw: slices.Clone(buf[:n])}
		if response.Decode() != nil || response.TransactionID != request.TransactionID || response.Type != stun.BindingSuccess {
			continue
		}
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(response); err != nil {
			return netip.Addr{}, fmt.Errorf("asking %s: %w", server, err)
		}
		if addr, ok := netip.AddrFromSlice(mapped.IP); ok {
			return addr.Unmap(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("asking %s by %s: %w", server, network, ctx.Err())
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
