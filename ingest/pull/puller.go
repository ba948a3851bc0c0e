package pull

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"plodwatch/schema/streams"
)

// lastWords is how long the words that end a download (acknowledgement, giving
// back, setting aside) may take.
const lastWords = 8 * time.Second

// Run downloads until ctx ends, and returns nil then. Downloads in hand are
// finished, for which they have the grace time; those that are not are given
// back. Run returns an error when the queue is not there or the connection has
// been closed for good.
func (p *Puller) Run(ctx context.Context) error {
	queue, err := streams.NewPuller(ctx, p.deps.JetStream, streams.Pulls, streams.Fetcher, p.deps.Log)
	if err != nil {
		return fmt.Errorf("run downloads: %w", err)
	}
	defer p.client.CloseIdleConnections()
	defer queue.Close()

	pulling, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	var watch, fetchers sync.WaitGroup
	watch.Go(func() { p.cutOff(pulling, work, endWork) })
	for range p.cfg.Downloads {
		fetchers.Go(func() {
			if err := p.work(pulling, work, queue); err != nil {
				stop(err) // one says why, all end
			}
		})
	}
	fetchers.Wait()
	endWork()
	watch.Wait()
	p.giveAllBack(context.WithoutCancel(ctx))
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of ctx is how Run is to end
	}
	return fmt.Errorf("run downloads: %w", context.Cause(pulling))
}

// cutOff ends the work when the grace time after the end of pulling is over.
func (p *Puller) cutOff(pulling, work context.Context, endWork context.CancelFunc) {
	select {
	case <-pulling.Done():
	case <-work.Done():
		return
	}
	if sleep(work, p.cfg.Grace) {
		endWork()
	}
}

// work downloads one file after the other until pulling ends.
func (p *Puller) work(pulling, work context.Context, queue *streams.Puller) error {
	for {
		d, err := queue.Next(pulling)
		if err != nil {
			if pulling.Err() != nil {
				return nil //nolint:nilerr // the end of pulling is no fault
			}
			return err
		}
		p.deps.Metrics.inHand.Inc()
		p.deliver(pulling, work, d)
		p.deps.Metrics.inHand.Dec()
	}
}

// download is one order in hand.
type download struct {
	*streams.Delivery

	order order
	tried int // tries that have failed
	log   *slog.Logger
}

// deliver brings one order to its end, or back to the queue. Nothing is left
// in hand.
func (p *Puller) deliver(pulling, work context.Context, delivery *streams.Delivery) {
	d := &download{Delivery: delivery, log: p.deps.Log.With("sequence", delivery.Sequence())}
	last := context.WithoutCancel(work)
	o, err := decodeOrder(d.Data())
	if err != nil {
		p.fail(last, d, &faultError{reason: reasonUnread, permanent: true})
		return
	}
	d.order = o
	// Handing out counts as a try until the order is queued anew.
	d.tried = o.Tried + int(min(d.Delivered(), 1<<20)) - 1 //nolint:gosec // bounded
	d.log = d.log.With("host", hostIn(o.URL), "try", d.tried+1)
	switch {
	case pulling.Err() != nil:
		p.putBack(pulling, last, d)
		return
	case d.tried >= p.cfg.tries():
		p.fail(last, d, &faultError{reason: reasonKilled, permanent: true})
		return
	}
	started := time.Now()
	receipt, fault := p.fetch(work, o)
	p.deps.Metrics.seconds.Observe(time.Since(started).Seconds())
	if fault == nil {
		d.log.InfoContext(work, "file downloaded", "export", receipt.Job.Export.String(),
			"bytes", receipt.Job.Bytes, "duplicate", receipt.Duplicate)
		p.confirm(last, d)
		return
	}
	switch fault.reason {
	case reasonBusy:
		d.log.WarnContext(work, "intake takes nothing now", "retry_in", p.cfg.NotNowDelay)
		sleep(pulling, p.cfg.NotNowDelay)
		p.putBack(pulling, last, d)
	case reasonInterrupted:
		p.putBack(pulling, last, d)
	default:
		p.fail(last, d, fault)
	}
}

// hostIn returns the host of an address, which is all of it that is logged.
func hostIn(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return hostOf(u)
}

func (p *Puller) count(result string) { p.deps.Metrics.downloads.WithLabelValues(result).Inc() }

// confirm takes a finished order out of the queue.
func (p *Puller) confirm(ctx context.Context, d *download) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	if err := d.Confirm(ctx); err != nil {
		d.log.WarnContext(ctx, "file is taken but the queue may not know, and have it downloaded again", "error", err)
		p.count(resultUnsure)
		return
	}
	p.count(resultTaken)
}

// fail ends a try: the order waits for its next, or is set aside after the
// last.
func (p *Puller) fail(ctx context.Context, d *download, fault *faultError) {
	p.deps.Metrics.failures.WithLabelValues(fault.reason).Inc()
	if fault.permanent || d.tried+1 >= p.cfg.tries() {
		p.setAside(ctx, d, fault)
		return
	}
	delay := max(p.cfg.Delays[d.tried], fault.after)
	d.log.WarnContext(ctx, "download failed", "reason", fault.Error(), "retry_in", delay)
	p.count(resultRetry)
	p.later(d, delay)
}

func (p *Puller) setAside(ctx context.Context, d *download, fault *faultError) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	why := "not downloaded: " + fault.Error()
	if !fault.permanent {
		why = fmt.Sprintf("not downloaded in %d tries: %s", d.tried+1, fault.Error())
	}
	if err := d.SetAside(ctx, p.deps.Publisher, why); err != nil {
		d.log.ErrorContext(ctx, "download cannot be set aside", "reason", fault.Error(), "error", err)
		p.count(resultRetry)
		p.later(d, p.cfg.NotNowDelay)
		return
	}
	d.log.WarnContext(ctx, "download is set aside", "reason", fault.Error())
	p.count(resultSetAside)
}

// putBack gives an order back, but at the end only when all fetchers have
// ended: the server would hand it to one that has just stopped listening, and
// count that as a try. (It still may when the client is slow to say so; at
// worst a stop costs a try.)
func (p *Puller) putBack(pulling, ctx context.Context, d *download) {
	if pulling.Err() == nil {
		p.giveBack(ctx, d)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = append(p.left, d)
}

func (p *Puller) giveAllBack(ctx context.Context) {
	p.mu.Lock()
	left := p.left
	p.left = nil
	p.mu.Unlock()
	if len(left) > 0 {
		ctx, cancel := context.WithTimeout(ctx, lastWords)
		defer cancel()
		_ = p.deps.JetStream.Conn().FlushWithContext(ctx) // giving back will say what is wrong
	}
	for _, d := range left {
		p.giveBack(ctx, d)
	}
}

// giveBack returns an order that was interrupted through no fault of its own:
// it is queued anew with the tries that count.
func (p *Puller) giveBack(ctx context.Context, d *download) {
	p.count(resultGivenBack)
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	d.order.Tried = d.tried
	data, err := json.Marshal(d.order)
	if err == nil {
		err = p.deps.Publisher.Publish(ctx, streams.Message{Subject: d.Subject(), Data: data})
	}
	if err == nil {
		// If the word is lost the file is downloaded twice, which changes nothing.
		err = d.Confirm(ctx)
	}
	if err != nil {
		d.log.WarnContext(ctx, "download cannot be queued anew", "error", err)
		p.later(d, 0)
	}
}

func (p *Puller) later(d *download, delay time.Duration) {
	if err := d.Later(delay); err != nil {
		// The server hands it out again by itself when it hears nothing.
		d.log.Warn("download cannot be given back", "error", err)
	}
}

// sleep waits and reports whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
