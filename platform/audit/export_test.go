package audit

import "context"

// Turn is what a server does from time to time.
func (l *Log) Turn(ctx context.Context) error { return l.turn(ctx) }
