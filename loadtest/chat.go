package loadtest

import "slices"

// Line says that somebody said something; what it was is never kept.
type Line struct {
	ID   string // made by who said it
	From string // member id
}

// Say says something in the visit, once, however often the connection is lost before it is heard: after Resume it is sent again. A line that was
// refused may be said again with its id.
func (c *Client) Say(id, text string) error {
	line := chatMessage{Type: "chat", ID: id, Text: text}
	c.mu.Lock()
	c.said = append(slices.DeleteFunc(c.said, func(l chatMessage) bool { return l.ID == id }), line)
	c.mu.Unlock()
	return c.write(line)
}

// unheard lists what this client said that nobody was told yet.
func (c *Client) unheard() []chatMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = slices.DeleteFunc(c.said, func(l chatMessage) bool { return slices.Contains(c.state.Lines, Line{l.ID, c.state.You}) })
	return slices.Clone(c.said)
}

// hear takes in a line. The caller holds mu.
func (c *Client) hear(line Line) {
	if slices.Contains(c.state.Lines, line) {
		c.state.Doubled++
	}
	c.state.Lines = append(c.state.Lines, line)
}
