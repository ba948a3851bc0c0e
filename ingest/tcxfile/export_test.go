package tcxfile

import (
	"context"
	"io"

	"plodwatch/schema"
)

// Limits are the limits that tests lower; zero means as usual.
type Limits struct {
	FileBytes, TagBytes      int64
	Points, Activities, Laps int
}

// DecodeWithin is Decode with other limits.
func DecodeWithin(ctx context.Context, r io.Reader, l Limits) (*schema.Recording, error) {
	lim := defaultLimits()
	if l.FileBytes > 0 {
		lim.fileBytes = l.FileBytes
	}
	if l.TagBytes > 0 {
		lim.tagBytes = l.TagBytes
	}
	if l.Points > 0 {
		lim.points = l.Points
	}
	if l.Activities > 0 {
		lim.activities = l.Activities
	}
	if l.Laps > 0 {
		lim.laps = l.Laps
	}
	return decode(ctx, r, lim)
}
