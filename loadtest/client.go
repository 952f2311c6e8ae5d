package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeWithin = 5 * time.Second // for one message to leave
	openWithin  = time.Minute     // for a websocket to open: a server that is busy answers late, and that is measured
	byeWithin   = 5 * time.Second // for the server to close after `bye`
	lookEvery   = 50 * time.Millisecond
	maxMessage  = 256 << 10 // bytes
)

// Options of a Join.
type Options struct {
	// Sends: with microphone and camera, both on. They send only while the client is in the visit.
	Sends bool
	// Relayed: its media goes through a relay of the pass, as from a network that lets out nothing but TCP.
	Relayed bool
	// Admits: everybody is let in who waits, as far as this client may.
	Admits bool
	// Light: a small picture ten times a second instead of a whole person's, so that one machine can play many visits.
	Light bool
	// Audio and Video are the slots of the first offer; zero: as many as the pass says.
	Audio, Video int

	arrived func(Slot) // is told of every packet that comes on a slot, on the goroutine that reads it; nil: nobody is
}

// Steps says how long after the beginning of the websocket's dial each step of a join was done; zero: it was not yet.
type Steps struct {
	Dialed    time.Duration // the websocket is open
	Offered   time.Duration // `join` with the offer is sent
	Joined    time.Duration // `joined` with the answer has come
	Checked   time.Duration // ICE has found a way
	Connected time.Duration // DTLS is done
}

// Client is one connection of a visitor to a visit, whose websocket may be lost and resumed.
type Client struct {
	visitor *Visitor
	peer    *peer
	begin   time.Time
	admits  bool

	writing sync.Mutex      // gorilla allows one writer at a time
	socket  *websocket.Conn // guarded by writing

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed and replaced whenever state changes
	token   string        // takes the connection up when the websocket is lost
	said    []chatMessage // what may not have been heard yet, oldest first
	linked  bool          // DTLS is done
	err     error         // why the reader ended, when it was not the server's close

	reading sync.WaitGroup
}

// Join connects with a pass. The clock of Steps begins right before the websocket is dialed, so that making the offer counts. Join returns
// when the offer is sent; Wait for the rest. The caller must Close the client.
func (v *Visitor) Join(ctx context.Context, pass Pass, options Options) (*Client, error) {
	if options.Audio == 0 {
		options.Audio = pass.Audio
	}
	if options.Video == 0 {
		options.Video = pass.Video
	}
	c := &Client{visitor: v, begin: time.Now(), admits: options.Admits, changed: make(chan struct{}), state: State{Messages: map[string]int{}}}
	socket, err := v.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.socket = socket
	c.step(func(s *Steps) *time.Duration { return &s.Dialed })
	if err := c.join(pass, options, isLoopback(v.base.Hostname())); err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	c.reading.Go(func() { c.read(socket) })
	return c, nil
}

// dial opens a websocket to the visit.
func (v *Visitor) dial(ctx context.Context) (*websocket.Conn, error) {
	dialer := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: openWithin}
	socket, response, err := dialer.DialContext(ctx, v.websocketURL(), v.header())
	if err != nil {
		if response != nil {
			return nil, fmt.Errorf("open the websocket: %w", &Refused{Status: response.StatusCode})
		}
		return nil, fmt.Errorf("open the websocket: %w", err)
	}
	socket.SetReadLimit(maxMessage)
	return socket, nil
}

// join makes the peer and sends its offer.
func (c *Client) join(pass Pass, options Options, local bool) error {
	var relays []Relay
	if options.Relayed {
		if relays = pass.Relays; len(relays) == 0 {
			return errors.New("join by a relay: the pass has none")
		}
	}
	p, err := newPeer(c.begin, options, local, relays, peerEvents{
		checked: func() { c.step(func(s *Steps) *time.Duration { return &s.Checked }) },
		connected: func() {
			c.step(func(s *Steps) *time.Duration { return &s.Connected })
			c.change(func() { c.linked = true })
		},
		keyFrame: func() { c.change(func() {}) },
		packet: func(mid string) {
			if options.arrived == nil {
				return
			}
			if slot, ok := c.slot(mid); ok {
				options.arrived(slot)
			}
		},
	})
	if err != nil {
		return err
	}
	c.peer = p
	offer, sources, err := p.offer(false)
	if err == nil {
		err = c.write(joinMessage{
			Type: "join", Pass: pass.Token, Offer: offer, Sources: sources,
			Media: sending{Microphone: options.Sends, Camera: options.Sends},
		})
	}
	if err != nil {
		return errors.Join(err, p.close())
	}
	c.step(func(s *Steps) *time.Duration { return &s.Offered })
	c.change(func() { c.state.Offers++ })
	return nil
}

// isLoopback says whether a URL's host is this machine's loopback.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Wait returns when the state satisfies enough. It looks at every change, and at the counters of packets every lookEvery. It fails
// when the context ends or the connection is closed before.
func (c *Client) Wait(ctx context.Context, enough func(State) bool) (State, error) {
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		state := c.State()
		if enough(state) {
			return state, nil
		}
		if state.Closed {
			c.mu.Lock()
			defer c.mu.Unlock()
			return state, fmt.Errorf("the connection was closed with code %d: %w", state.CloseCode, errors.Join(errClosed, c.err))
		}
		select {
		case <-changed:
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return state, fmt.Errorf("wait for a client in place %q: %w", state.Place, ctx.Err())
		}
	}
}

var errClosed = errors.New("closed")

// Close says `bye`, waits until the server has closed, and ends everything the client has started.
func (c *Client) Close() error {
	if c.write(plainMessage{Type: "bye"}) != nil {
		_ = c.socket.Close() // closed by the server already
	}
	_ = c.socket.SetReadDeadline(time.Now().Add(byeWithin))
	c.reading.Wait()
	_ = c.socket.Close()
	return c.peer.close()
}

// End ends the visit for everyone, as a clinician may. The server closes everybody's connection; Close is still the caller's.
func (c *Client) End() error { return c.write(plainMessage{Type: "end"}) }

// drop lets go of a connection that another has taken the place of: everything is closed, and nothing said.
func (c *Client) drop() error {
	c.writing.Lock()
	_ = c.socket.WriteControl(websocket.CloseMessage, nil, time.Now().Add(writeWithin)) // the server may be gone
	c.writing.Unlock()
	c.Cut()
	return c.peer.close()
}

// read takes the server's messages until the socket is closed.
func (c *Client) read(socket *websocket.Conn) {
	var err error
	for err == nil {
		var frame []byte
		if _, frame, err = socket.ReadMessage(); err == nil {
			err = c.take(frame)
		}
	}
	c.change(func() {
		c.state.Closed = true
		if closed := (*websocket.CloseError)(nil); errors.As(err, &closed) {
			c.state.CloseCode = closed.Code
		} else {
			c.err = err
		}
	})
}

// take acts on one message.
func (c *Client) take(frame []byte) error {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(frame, &kind); err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	var m received
	var about memberMessage
	var left leftMessage
	var err error
	switch kind.Type {
	case "joined", "resumed", "place", "answer", "need", "slots", "chat":
		err = json.Unmarshal(frame, &m)
	case "member":
		err = json.Unmarshal(frame, &about)
	case "left":
		err = json.Unmarshal(frame, &left)
	}
	if err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	switch kind.Type {
	case "joined":
		c.step(func(s *Steps) *time.Duration { return &s.Joined })
		err = c.peer.accept(m.Answer)
	case "answer":
		err = c.peer.accept(m.Answer)
	case "need":
		err = c.offerAgain(m.Audio, m.Video)
	}
	if c.admits && err == nil {
		err = c.admit(append(m.Others, about.Member))
	}
	c.change(func() {
		c.state.Messages[kind.Type]++
		switch kind.Type {
		case "joined", "resumed":
			c.state.You, c.token = m.You.ID, m.Token
			if c.state.Came == "" {
				c.state.Came = m.Place
			}
			c.state.Place, c.state.Lines, c.state.Members = m.Place, m.lines(), m.ids()
		case "place":
			c.state.Place, c.state.Lines, c.state.Members = m.Place, m.lines(), m.ids()
		case "member":
			c.state.Members = append(without(c.state.Members, about.Member.ID), about.Member.ID)
		case "left":
			c.state.Members = without(c.state.Members, left.Member)
		case "slots":
			c.state.Slots = m.Slots
		case "chat":
			c.hear(Line{m.ID, m.From.ID})
		}
	})
	return err
}

// admit lets in whoever waits.
func (c *Client) admit(members []member) error {
	for _, other := range members {
		if other.Place == placeWaiting {
			if err := c.write(admitMessage{Type: "admit", Member: other.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(ids, func(other string) bool { return other == id })
}

// offerAgain answers `need` with an offer of so many slots in all.
func (c *Client) offerAgain(audio, video int) error {
	if err := c.peer.widen(audio, video); err != nil {
		return err
	}
	offer, sources, err := c.peer.offer(false)
	if err != nil {
		return err
	}
	return c.sendOffer(offer, sources)
}

// step notes the time of a step, the first time it is done.
func (c *Client) step(which func(*Steps) *time.Duration) {
	at := time.Since(c.begin)
	c.change(func() {
		if step := which(&c.state.Steps); *step == 0 {
			*step = at
		}
	})
}

// change makes a change to the state and wakes those who wait for one.
func (c *Client) change(act func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	act()
	c.settle()
	close(c.changed)
	c.changed = make(chan struct{})
}

// settle lets the peer send when it may: in the visit, connected, and not closed by the server. The caller holds mu.
func (c *Client) settle() {
	if c.peer != nil {
		c.peer.sending.Store(c.state.Place == placeVisit && c.linked && c.state.CloseCode == 0)
	}
}

// write sends one message.
func (c *Client) write(message any) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.socket.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	if err := c.socket.WriteJSON(message); err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	return nil
}
