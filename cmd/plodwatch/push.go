package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"plodwatch/ingest"
	"plodwatch/ingest/inbox"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// pushCmd hands files to a running plodwatch and prints the receipts.
type pushCmd struct {
	Files   []string      `arg:"" name:"file" help:"Files: FIT, GPX, TCX, gzip or zip." complete:"file"`
	Athlete string        `help:"Whose files these are." default:"me" placeholder:"ID" complete:"athlete"`
	Timeout time.Duration `help:"How long to try again while a file cannot be taken now." default:"1m"`
	JSON    bool          `help:"Print one JSON object a file."`
}

// Help says more than fits a line.
func (c *pushCmd) Help() string {
	return `With --nats URL (or PLODWATCH_NATS) the files go to any plodwatch behind that server, as
messages of at most 1 MiB; without, to the one that holds the data directory. A receipt
means that the file is on its disk and will be analyzed; push does not wait for that.

Exit codes: 0 all taken, 1 usage, environment or not now, 2 some files refused.

Examples:
  plodwatch push --nats nats://10.0.0.5:4222 --athlete anna run.fit
  plodwatch push --json *.fit | jq -r .upload_id
  nats req plodwatch.v1.inbox.anna < run.fit`
}

// pushAtOnce is how many files are on their way at the same time.
const pushAtOnce = 4

// pushed is what became of a file. Its keys are stable.
type pushed struct {
	File     string  `json:"file"`
	UploadID *int64  `json:"upload_id"` // null: not taken
	IDStr    *string `json:"id_str"`
	ExportID *string `json:"export_id"`

	Duplicate bool   `json:"duplicate"`
	Error     string `json:"error,omitempty"`
	NotNow    bool   `json:"not_now,omitempty"`
}

// errRefused says that a file will never be taken.
var errRefused = errors.New("refused")

// pushDoor takes one file. Its errors wrap ingest.ErrNotNow when it may be
// tried again, and errRefused when it will never be taken.
type pushDoor func(ctx context.Context, path string) (inbox.Receipt, error)

// Run hands the files in.
func (c *pushCmd) Run(ctx context.Context, a *app) error {
	athlete, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	first, second, stop := signals(ctx)
	defer stop()
	var door pushDoor
	var end func() error
	if a.NATS != "" {
		conn, err := a.connectToPush()
		if err != nil {
			return err
		}
		end = func() error { conn.Close(); return nil }
		door = natsDoor(conn, athlete)
	} else {
		h, err := a.openHost(first, wholePipeline, "push")
		if err != nil {
			return err
		}
		end = func() error { return h.close(second) }
		door = hostDoor(h, athlete)
	}
	err = c.print(a, c.pushAll(first, a, door))
	if first.Err() != nil {
		err = errors.New("interrupted; what has a receipt is safe")
	}
	return errors.Join(end(), err)
}

// connectToPush connects to the external NATS server.
func (a *app) connectToPush() (*nats.Conn, error) {
	conn, err := a.connectNATS(rolePusher)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	return conn, nil
}

func (c *pushCmd) pushAll(ctx context.Context, a *app, door pushDoor) []pushed {
	files := make([]pushed, len(c.Files))
	var g errgroup.Group
	g.SetLimit(pushAtOnce)
	for i, path := range c.Files {
		g.Go(func() error {
			files[i] = c.push(ctx, a, door, path)
			return nil
		})
	}
	_ = g.Wait() // what went wrong is told file by file
	return files
}

// push hands in one file, again and again while it cannot be taken now.
func (c *pushCmd) push(ctx context.Context, a *app, door pushDoor, path string) pushed {
	out := pushed{File: path}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		receipt, err := door(ctx, path)
		if err == nil {
			return pushed{
				File: path, UploadID: &receipt.UploadID, IDStr: &receipt.IDStr, ExportID: &receipt.ExportID, Duplicate: receipt.Duplicate,
			}
		}
		out.NotNow = errors.Is(err, ingest.ErrNotNow) || ctx.Err() != nil
		// Of several errors the last one before time is up says most.
		if out.Error == "" || ctx.Err() == nil {
			out.Error = err.Error()
		}
		if !out.NotNow {
			return out
		}
		a.log.Info("file cannot be taken now", "error", err, "retry_in", wait)
		if !pause(ctx, wait) {
			return out
		}
	}
}

// openToPush opens a file, if it is one.
func openToPush(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	case info.IsDir():
		return nil, fmt.Errorf("%w: it is a folder; plodwatch import takes folders", errRefused)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: it is not a file", errRefused)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	return file, nil
}

// hostDoor hands files to the process that holds the data directory.
func hostDoor(h host, athlete schema.AthleteID) pushDoor {
	return func(ctx context.Context, path string) (inbox.Receipt, error) {
		file, err := openToPush(path)
		if err != nil {
			return inbox.Receipt{}, err
		}
		defer file.Close()
		receipt, err := h.accept(ctx, athlete, schema.SourceUpload, file, false)
		if err != nil {
			return inbox.Receipt{}, err
		}
		return inbox.ReceiptOf(&receipt), nil
	}
}

// requestPatience is how long one try waits for the reply.
const requestPatience = 30 * time.Second

// natsDoor sends files to an inbox.
func natsDoor(conn *nats.Conn, athlete schema.AthleteID) pushDoor {
	return func(ctx context.Context, path string) (inbox.Receipt, error) {
		data, err := readToPush(path, conn.MaxPayload())
		if err != nil {
			return inbox.Receipt{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, requestPatience)
		defer cancel()
		msg, err := conn.RequestWithContext(ctx, streams.InboxSubject(athlete), data)
		if errors.Is(err, nats.ErrNoResponders) {
			return inbox.Receipt{}, fmt.Errorf("no plodwatch listens behind that server: %w", ingest.ErrNotNow)
		}
		if err != nil {
			return inbox.Receipt{}, fmt.Errorf("wait for the receipt: %w: %w", ingest.ErrNotNow, err)
		}
		var reply struct {
			inbox.Receipt
			inbox.Failure
		}
		switch err := json.Unmarshal(msg.Data, &reply); {
		case err != nil:
			return inbox.Receipt{}, fmt.Errorf("%w: read the receipt: %w", errRefused, err)
		case reply.NotNow:
			return inbox.Receipt{}, fmt.Errorf("%s: %w", reply.Error, ingest.ErrNotNow)
		case reply.Error != "":
			return inbox.Receipt{}, fmt.Errorf("%w: %s", errRefused, reply.Error)
		case reply.ExportID != schema.ExportIDOf(data).String():
			return inbox.Receipt{}, fmt.Errorf("%w: the answer is no receipt for this file; is it a plodwatch that listens?", errRefused)
		}
		return reply.Receipt, nil
	}
}

// readToPush reads a file that fits a message.
func readToPush(path string, limit int64) ([]byte, error) {
	file, err := openToPush(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: its %d bytes do not fit a message of %d; upload it over HTTP, or import it where the data are",
			errRefused, info.Size(), limit)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	return data, nil
}

// print prints what became of the files, and returns why not all were taken.
func (c *pushCmd) print(a *app, files []pushed) error {
	refused, later := 0, 0
	t := newTable(a.stdout, "file", "upload", "export", "result")
	for i := range files {
		f := &files[i]
		row := []string{f.File, "-", "-", "taken"}
		switch {
		case f.NotNow:
			later++
			row[3] = "not now: " + f.Error
		case f.UploadID == nil:
			refused++
			row[3] = f.Error
		default:
			row[1], row[2] = *f.IDStr, (*f.ExportID)[:12]
			if f.Duplicate {
				row[3] = "duplicate"
			}
		}
		if !c.JSON {
			t.row(row...)
		} else if err := printJSON(a.stdout, f); err != nil {
			return err
		}
	}
	if !c.JSON {
		if err := t.flush(); err != nil {
			return err
		}
	}
	switch {
	case refused > 0:
		return errRejected
	case later > 0:
		return fmt.Errorf("%d of %d files could not be taken within %s; push them again later", later, len(files), c.Timeout)
	}
	return nil
}
