package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"housecall/platform/web"
)

// ETag names what an answer says of a thing that keeps no version: a hash of it, so that it is another when anything in it is.
func ETag(body any) string {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // what an answer is made of can be written
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// IfMatch refuses what a caller wants only while a thing is as they have read it: header is their If-Match (RFC 9110, section 13.1.1), etag that of the thing as
// it is. Without the header everything is right. Tags that a proxy has made weak count as they were.
func IfMatch(header, etag string) error {
	if strings.TrimSpace(header) == "" {
		return nil
	}
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(etag, "W/") {
			return nil
		}
	}
	return Unmet()
}

// errTags says what an If-Match must be.
var errTags = errors.New("expected an ETag, or * alone")

// CheckIfMatch refuses lines of an If-Match that name no version, as where a program has not filled its variable, or any version besides some. No lines are right.
func CheckIfMatch(lines []string) error {
	var tags []string
	for one := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if one = strings.TrimSpace(one); one != "" {
			tags = append(tags, one)
		}
	}
	if len(lines) > 0 && len(tags) == 0 || len(tags) > 1 && slices.Contains(tags, "*") {
		return errTags
	}
	return nil
}

// Unmet says that a thing is not as the caller has read it.
func Unmet() error {
	return &web.Fault{Code: "precondition_failed", Status: http.StatusPreconditionFailed, Title: "Changed meanwhile",
		Detail: "It is not as it was in the version that If-Match names. Read it again, and change what is left to change."}
}
