package loadtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/gorilla/websocket"
)

// Cut loses the websocket as a network does, without a word to the server. Sound and pictures go on. Resume or Close comes after it.
func (c *Client) Cut() {
	c.writing.Lock()
	_ = c.socket.NetConn().Close()
	c.writing.Unlock()
	c.reading.Wait()
}

// Resume takes the connection up again with another websocket, once the one before is over, and returns when the server has said how everything
// stands. An error says that it is over for good; State has the close code.
func (c *Client) Resume(ctx context.Context) error {
	c.reading.Wait()
	socket, err := c.visitor.dial(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	message, before := resumeMessage{Type: "resume", Token: c.token}, c.state.Messages["resumed"]
	c.mu.Unlock()
	c.use(socket)
	if err := c.write(message); err != nil {
		return errors.Join(err, socket.Close())
	}
	c.reading.Go(func() { c.read(socket) })
	if _, err = c.Wait(ctx, func(s State) bool { return s.Messages["resumed"] > before }); err != nil {
		return err
	}
	return c.catchUp() // before the caller says anything more
}

// use makes a websocket the client's.
func (c *Client) use(socket *websocket.Conn) {
	c.writing.Lock()
	c.socket = socket
	c.writing.Unlock()
	c.change(func() { c.state.Closed, c.state.CloseCode, c.err = false, 0, nil })
}

// Restart restarts ICE, as a client does whose network was lost or has changed. An offer that was not answered is sent again instead.
func (c *Client) Restart() error {
	offer, sources, err := c.peer.offer(true)
	if err != nil {
		return err
	}
	return c.sendOffer(offer, sources)
}

// catchUp sends again what the server may not have got, or what its answer was lost to.
func (c *Client) catchUp() error {
	if c.peer.connection.PendingLocalDescription() != nil {
		offer, sources, err := c.peer.offer(false)
		if err != nil {
			return err
		}
		if err := c.sendOffer(offer, sources); err != nil {
			return err
		}
	}
	for _, line := range c.unheard() {
		if err := c.write(line); err != nil {
			return fmt.Errorf("say something again: %w", err)
		}
	}
	return nil
}

func (c *Client) sendOffer(offer string, sources map[string]string) error {
	c.change(func() { c.state.Offers++ })
	return c.write(offerMessage{Type: "offer", Offer: offer, Sources: sources})
}
