package fitfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tormoder/fit"
)

// errNoActivity says that tormoder/fit gave nothing back for a canonical
// stream.
var errNoActivity = errors.New("no activity in the canonical stream")

// decodeSummary has tormoder/fit decode the canonical stream. A panic in there is an
// error here.
func decodeSummary(stream []byte) (file *fit.File, activity *fit.ActivityFile, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode summary messages: panic: %v", p)
		}
	}()
	file, err = fit.Decode(bytes.NewReader(stream))
	if err != nil {
		return nil, nil, fmt.Errorf("decode summary messages: %w", err)
	}
	activity, err = file.Activity()
	if err != nil {
		return nil, nil, fmt.Errorf("decode summary messages: %w", err)
	}
	if activity == nil {
		return nil, nil, errNoActivity
	}
	return file, activity, nil
}
