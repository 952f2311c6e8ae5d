// Package eicar has the test file that every virus scanner knows, and that does nothing (https://www.eicar.org/download-anti-malware-testfile/). It owns no state.
// It must never stand in one piece, neither in our sources nor in the program: the scanners of those who have them know it too.
package eicar

import "strings"

// File is its content.
func File() []byte {
	return []byte(strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}`, `$EICAR`, `-STANDARD-`, `ANTIVIRUS-`, `TEST-FILE!`, `$H+H*`}, ""))
}
