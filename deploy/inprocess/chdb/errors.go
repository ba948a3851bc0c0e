package chdb

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

var (
	// ErrNotInstalled is returned by Find and Open when libchdb is not on this
	// machine; the message names the command that installs it.
	ErrNotInstalled = errors.New("libchdb is not installed")
	// ErrLocked is returned by Open when another process holds the data path.
	ErrLocked = errors.New("the data path is held by another process")
	// ErrAlreadyOpen is returned by Open when this process has an engine open:
	// libchdb holds one per process.
	ErrAlreadyOpen = errors.New("this process has a ClickHouse engine open already")
	// ErrClosed is returned by a second Close.
	ErrClosed = errors.New("the engine is closed")
)

// ClickHouse's own numbers for the errors this package raises or tells apart.
const (
	codeNotImplemented   = 48
	codeSyntax           = 62
	codeUnknownSetting   = 115
	codeTimeout          = 159
	codeReadOnly         = 164
	codeTooManyQueries   = 202
	codeAborted          = 236
	codeTooLarge         = 396
	codeAccessDenied     = 497
	codeAuthFailed       = 516
	codeCannotDecompress = 271
	codeBadRequest       = 36
	codeUnknown          = 1002
)

var exceptionStart = regexp.MustCompile(`^Code: (\d+)\.`)

// exceptionError is an error as ClickHouse words it: "Code: 60. DB::Exception: ...".
type exceptionError struct {
	code int
	text string
}

// Error returns the whole text, which begins with the code.
func (e *exceptionError) Error() string { return e.text }

// engineException reads the code out of the engine's own text.
func engineException(text string) *exceptionError {
	if m := exceptionStart.FindStringSubmatch(text); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil {
			return &exceptionError{code: code, text: text}
		}
	}
	return &exceptionError{code: codeUnknown, text: fmt.Sprintf("Code: %d. DB::Exception: %s", codeUnknown, text)}
}

// refuse makes an error of our own in ClickHouse's shape; name is its symbolic
// name, ACCESS_DENIED for instance.
func refuse(code int, name, format string, args ...any) *exceptionError {
	return &exceptionError{
		code: code,
		text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name),
	}
}

// asException gives any error ClickHouse's shape.
func asException(err error) *exceptionError {
	var e *exceptionError
	if errors.As(err, &e) {
		return e
	}
	return refuse(codeUnknown, "UNKNOWN_EXCEPTION", "%v", err)
}

// httpStatus is the status ClickHouse's server gives an error code
// (exceptionCodeToHTTPStatus).
func httpStatus(code int) int {
	switch code {
	case codeAuthFailed:
		return http.StatusUnauthorized
	case codeAccessDenied:
		return http.StatusForbidden
	case codeSyntax, codeBadRequest, codeCannotDecompress, 6, 26, 27, 38, 41, 43, 44, 46, 47, 53, 69, 70, 72, 130, 131, 386:
		return http.StatusBadRequest
	case 5, 16, 60, 81, codeUnknownSetting:
		return http.StatusNotFound
	case 125, 161, 168, 193, codeTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeNotImplemented:
		return http.StatusNotImplemented
	case codeTimeout:
		return http.StatusRequestTimeout
	case codeTooManyQueries, codeAborted:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
