package gpxfile

import (
	"context"
	"io"

	"plodwatch/schema"
)

// Limits are the limits that tests lower; zero means as usual.
type Limits struct {
	FileBytes, TagBytes                 int64
	Points, Tracks, Sessions, ChunkSize int
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
	if l.Tracks > 0 {
		lim.tracks = l.Tracks
	}
	if l.Sessions > 0 {
		lim.sessions = l.Sessions
	}
	if l.ChunkSize > 0 {
		lim.chunkPoints = l.ChunkSize
	}
	return decode(ctx, r, lim)
}
