// Package bucket keeps the original bytes of exports in a NATS Object Store, for
// gates and workers that share no disk. It keeps the promises of blobs.Dir;
// decisions.md beside it says how, and what differs.
//
//	object <SHA-256>           the bytes of an export, in chunks
//	key <job> in a second one  the job of this identity was queued: JSON
package bucket

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

const (
	blobsBucket = "plodwatch-blobs"
	takenBucket = "plodwatch-taken"
	// marksKept is how many marks of a job stay when it is marked again: only
	// what is still there can be overwritten when the job is to be forgotten.
	marksKept = 8

	chunkPrefix = "$O." + blobsBucket + ".C."
	metaPrefix  = "$O." + blobsBucket + ".M."
	takenPrefix = "$KV." + takenBucket + "."
	blobsStream = "OBJ_" + blobsBucket
	takenStream = "KV_" + takenBucket

	// chunkBytes is the size of a chunk: under the smallest limit that servers
	// have for a message, and few messages for a file of a watch.
	chunkBytes = 512 << 10

	// inFlightBytes bounds the chunks of all Puts that wait for
	// acknowledgement.
	inFlightBytes = 8 << 20

	// headerChunks names an object's chunks beside its description, so that
	// whoever goes through the bucket need not read the descriptions.
	headerChunks = "Plodwatch-Chunks"
)

// Layout says how large and how safe the buckets are.
type Layout struct {
	// Replicas of both buckets; 1 for a single server, 3 for a cluster.
	Replicas int `yaml:"replicas"`
	// MaxBytes bounds what the exports take; 0 leaves it to the server's own
	// limit. A full bucket takes nothing (ingest.ErrDiskFull) and loses nothing.
	MaxBytes int64 `yaml:"max_bytes"`
}

// Streams returns the names of the streams behind the buckets.
func Streams() []string { return []string{blobsStream, takenStream} }

// Validate returns all faults of the layout at once, or nil.
func (l Layout) Validate() error {
	var faults []error
	if l.Replicas < 1 || l.Replicas > 5 {
		faults = append(faults, fmt.Errorf("replicas: %d is not within 1..5", l.Replicas))
	}
	if l.MaxBytes < 0 {
		faults = append(faults, fmt.Errorf("max_bytes: %d is negative", l.MaxBytes))
	}
	return errors.Join(faults...)
}

// Provision makes the buckets, or brings those that are there to the layout's
// values. It may be called at every start and by several processes at once.
func Provision(ctx context.Context, js jetstream.JetStream, l Layout) error {
	if err := l.Validate(); err != nil {
		return fmt.Errorf("check the layout of the blobs: %w", err)
	}
	maxBytes := l.MaxBytes
	if maxBytes == 0 {
		maxBytes = -1
	}
	_, err := js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: blobsBucket, Description: "original bytes of exports, by SHA-256", MaxBytes: maxBytes,
		Storage: jetstream.FileStorage, Replicas: l.Replicas,
	})
	if err != nil {
		return fmt.Errorf("provision bucket %s: %w", blobsBucket, err)
	}
	return provisionTaken(ctx, js, l.Replicas)
}

// provisionTaken makes the key-value bucket of the marks. It differs from one
// that the library makes in that its messages may be deleted, and so be
// overwritten; in one that was made so once, they cannot.
func provisionTaken(ctx context.Context, js jetstream.JetStream, replicas int) error {
	cfg := jetstream.StreamConfig{
		Name: takenStream, Description: "jobs that were queued", Subjects: []string{takenPrefix + ">"},
		MaxMsgsPerSubject: marksKept, MaxBytes: -1, MaxMsgs: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Discard: jetstream.DiscardNew, Duplicates: 2 * time.Minute, AllowRollup: true, AllowDirect: true,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
	there, err := js.Stream(ctx, takenStream)
	if err == nil {
		cfg.DenyDelete = there.CachedInfo().Config.DenyDelete
	}
	if err == nil || errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateOrUpdateStream(ctx, cfg)
	}
	if err != nil {
		return fmt.Errorf("provision bucket %s: %w", takenBucket, err)
	}
	return nil
}

// Config says how a Bucket works.
type Config struct {
	// TempDir is where Put keeps an export of more than a megabyte while it
	// comes in. Default "", the system's.
	TempDir string `yaml:"temp_dir"`
	// OrphanAge is how long chunks without a description are left alone: a Put
	// may be at work on them. Default 1 h.
	OrphanAge time.Duration `yaml:"orphan_age"`
	// SweepEvery is the time between two sweeps of Run. Default 24 h.
	SweepEvery time.Duration `yaml:"sweep_every"`
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config { return Config{OrphanAge: time.Hour, SweepEvery: 24 * time.Hour} }

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.OrphanAge <= 0 {
		faults = append(faults, fmt.Errorf("orphan_age: %s is not positive", c.OrphanAge))
	}
	if c.SweepEvery <= 0 {
		faults = append(faults, fmt.Errorf("sweep_every: %s is not positive", c.SweepEvery))
	}
	return errors.Join(faults...)
}

// Bucket is a store in a NATS Object Store. It implements ingest.Blobs and
// jobs.Ledger, and is safe for concurrent use, also by several processes.
type Bucket struct {
	cfg       Config
	js        jetstream.JetStream
	publisher *streams.Publisher

	mu      sync.Mutex
	streams map[string]jetstream.Stream // opened ones

	asking sync.Mutex
	asked  time.Time // when the room was looked at last
	room   error     // what that said
}

var _ ingest.Blobs = (*Bucket)(nil)

// New returns a Bucket over conn, which stays the caller's and need not be
// connected yet. Close it before conn.
func New(conn *nats.Conn, cfg Config) (*Bucket, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check configuration of the blobs: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	publisher, err := streams.NewPublisher(conn, streams.PublisherConfig{InFlightBytes: inFlightBytes})
	if err != nil {
		return nil, err
	}
	return &Bucket{cfg: cfg, js: js, publisher: publisher, streams: make(map[string]jetstream.Stream)}, nil
}

// Close gives up on Puts under way.
func (b *Bucket) Close() { b.publisher.Close() }

// stream returns one of the two streams.
func (b *Bucket) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	b.mu.Lock()
	s := b.streams[name]
	b.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.streams[name] = s
	b.mu.Unlock()
	return s, nil
}

// Errors of the server about room, besides streams.ErrFull.
const (
	codeAccountFull jetstream.ErrorCode = 10002
	codeServerFull  jetstream.ErrorCode = 10023
	codeStoreFull   jetstream.ErrorCode = 10047
)

// fault adds what was done to an error, and whether it is about room or may be
// tried again.
func fault(doing string, err error) error {
	var api *jetstream.APIError
	full := errors.Is(err, streams.ErrFull)
	if errors.As(err, &api) {
		full = full || api.ErrorCode == codeAccountFull || api.ErrorCode == codeServerFull || api.ErrorCode == codeStoreFull
	}
	switch {
	case full:
		return fmt.Errorf("%s: %w: %w", doing, ingest.ErrDiskFull, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("%s: the NATS server has no bucket for blobs (plodwatch migrate makes it): %w", doing, err)
	}
	for _, away := range []error{
		streams.ErrBusy, streams.ErrClosed, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected,
		nats.ErrConnectionReconnecting, nats.ErrConnectionClosed, nats.ErrReconnectBufExceeded,
		jetstream.ErrNoStreamResponse, context.DeadlineExceeded,
	} {
		if errors.Is(err, away) {
			return fmt.Errorf("%s: %w: %w", doing, ingest.ErrBusy, err)
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// metaSubject is where the description of an export is.
func metaSubject(id schema.ExportID) string {
	return metaPrefix + base64.URLEncoding.EncodeToString([]byte(id.String()))
}

// describe returns the description of an export, or an error that wraps
// fs.ErrNotExist.
func (b *Bucket) describe(ctx context.Context, id schema.ExportID) (*jetstream.ObjectInfo, error) {
	s, err := b.stream(ctx, blobsStream)
	if err != nil {
		return nil, err
	}
	msg, err := s.GetLastMsgForSubject(ctx, metaSubject(id))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	var info jetstream.ObjectInfo
	if err := json.Unmarshal(msg.Data, &info); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	if info.Deleted {
		return nil, fs.ErrNotExist
	}
	info.ModTime = msg.Time
	return &info, nil
}

// Room limits of CheckDisk.
const (
	roomShare   = 0.05
	roomMemory  = time.Second // how long an answer holds
	roomTimeout = 5 * time.Second
)

// CheckDisk returns an error that wraps ingest.ErrDiskFull when less than 5 % of
// the bucket's limit is left, and one that wraps ingest.ErrBusy when the server
// does not answer. A bucket without a limit of its own has room until the server
// refuses. An answer holds for a second.
func (b *Bucket) CheckDisk() error { return b.ready(context.Background()) }

// ready is CheckDisk for who has a context.
func (b *Bucket) ready(ctx context.Context) error {
	b.asking.Lock()
	defer b.asking.Unlock()
	if !b.asked.IsZero() && time.Since(b.asked) < roomMemory {
		return b.room
	}
	// Not the caller's end: the answer is for everybody.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roomTimeout)
	defer cancel()
	b.room = b.checkRoom(ctx)
	b.asked = time.Now()
	return b.room
}

func (b *Bucket) checkRoom(ctx context.Context) error {
	s, err := b.js.Stream(ctx, blobsStream)
	if err != nil {
		return fault("ask for room for blobs", err)
	}
	info := s.CachedInfo()
	limit := float64(info.Config.MaxBytes)
	if left := limit - float64(info.State.Bytes); limit > 0 && left < roomShare*limit {
		return fmt.Errorf("%.0f MiB are left of the %.0f MiB that blobs may take: %w", max(0, left)/(1<<20), limit/(1<<20), ingest.ErrDiskFull)
	}
	return nil
}
