package signaling

import (
	"errors"

	"github.com/gorilla/websocket"

	"housecall/platform/fault"
	"housecall/rooms"
	"housecall/sfu"
)

// closing is how a connection ends: a close code of docs/protocol.md and a reason a person may read.
type closing struct {
	code int
	text string
}

// The ways a connection ends.
var (
	closeBye      = closing{1000, "Goodbye."}
	closeStopping = closing{1001, "The server is stopping. Please connect again."}
	closeMoved    = closing{1001, "The visit goes on at another server. Please connect again."}
	closeTooLarge = closing{1009, "The message is too large."}
	closeMessage  = closing{4400, "The message is not as described in the protocol."}
	closePass     = closing{4401, "The pass was refused."}
	closeNothing  = closing{4404, "There is nothing to resume. Please join again."}
	closeSilent   = closing{4408, "Nothing was heard from you in time."}
	closeReplaced = closing{4409, "You joined from somewhere else."}
	closeEnded    = closing{4410, "The visit has ended."}
	closeRemoved  = closing{4411, "Your link was withdrawn."}
	closeDeclined = closing{4412, "You could not be let in."}
	closeCrowded  = closing{4413, "Your link waits on three other devices already."}
	closeSlow     = closing{4429, "Messages were read too slowly."}
	closeFull     = closing{4503, "The room is full. Please try again later."}
	closeAway     = closing{4503, "A part of the service is away. Please try again soon."}
)

// closingFor turns a room's reason into the way a connection ends.
func closingFor(r rooms.Reason) closing {
	switch r {
	case rooms.Replaced:
		return closeReplaced
	case rooms.Removed:
		return closeRemoved
	case rooms.Ended:
		return closeEnded
	case rooms.Declined:
		return closeDeclined
	case rooms.Slow:
		return closeSlow
	}
	return closeStopping
}

// resumable says whether a connection closed like this may be taken up by another: the client has not heard enough, or was not heard.
func (c closing) resumable() bool { return c == closeSilent || c == closeSlow }

// closingOfSession says how a connection closes after what ended its reading.
func closingOfSession(err error) closing {
	var ended *websocket.CloseError
	switch {
	case errors.Is(err, errBye):
		return closeBye
	case errors.Is(err, websocket.ErrReadLimit):
		return closeTooLarge
	case errors.Is(err, errSilent), errors.Is(err, errCut):
		return closeSilent
	case errors.As(err, &ended):
		return closeBye
	}
	return closingOf(err)
}

// closingOf turns an error on the way in into the way a connection ends. This is the one place for it.
func closingOf(err error) closing {
	switch {
	case errors.Is(err, ErrMessage), errors.Is(err, sfu.ErrOffer):
		return closeMessage
	case errors.Is(err, rooms.ErrEnded):
		return closeEnded
	case errors.Is(err, rooms.ErrRemoved):
		return closeRemoved
	case errors.Is(err, rooms.ErrFull):
		return closeFull
	case errors.Is(err, rooms.ErrCrowded):
		return closeCrowded
	case errors.Is(err, errPass):
		return closePass
	case errors.Is(err, errNothing):
		return closeNothing
	case errors.Is(err, rooms.ErrHeld), errors.Is(err, rooms.ErrMoved), errors.Is(err, rooms.ErrDraining):
		return closeMoved
	}
	return closeAway
}

// refusalOf turns an error of something asked for into a message; ok is false when the connection has to end instead.
func refusalOf(err error) (r Refused, ok bool) {
	switch {
	case errors.Is(err, rooms.ErrPrivate):
		return Refused{Code: "private", Message: "During private time neither those moved out nor another device can be let in."}, true
	case errors.Is(err, rooms.ErrPrivateOver):
		return Refused{Code: "private_over", Message: "Private time has ended. What was written in it was sent to nobody."}, true
	case errors.Is(err, rooms.ErrFull):
		return Refused{Code: "full", Message: "The visit is full. Somebody has to leave before another can come in."}, true
	case errors.Is(err, rooms.ErrCutOff), errors.Is(err, rooms.ErrNotKept), errors.Is(err, rooms.ErrMoved):
		return Refused{Code: fault.CodeTryLater, Message: "A part of the service is away. Please try again soon."}, true
	case errors.Is(err, fault.NotAllowed):
		return Refused{Code: fault.CodeNotAllowed, Message: "You can’t do that in this visit."}, true
	case errors.Is(err, fault.NotFound):
		return Refused{Code: fault.CodeNotFound, Message: "That person is not here any more."}, true
	}
	return Refused{}, false
}

// aboutOf is the id of the line or of the member that something asked for is about; empty: of neither.
func aboutOf(m FromClient) string {
	switch m := m.(type) {
	case Chat:
		return m.ID
	case Tell:
		return m.ID
	case Admit:
		return m.Member
	case Return:
		return m.Member
	case Decline:
		return m.Member
	case Remove:
		return m.Member
	case Lead:
		return m.Member
	case Sign:
		return m.Member
	}
	return ""
}
