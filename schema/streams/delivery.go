package streams

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of a message that was set aside.
const (
	HeaderSubject   = "Plodwatch-Subject"   // where it was queued
	HeaderReason    = "Plodwatch-Reason"    // why it was set aside
	HeaderDelivered = "Plodwatch-Delivered" // how often it had been handed out
	HeaderTime      = "Plodwatch-Time"      // when, RFC 3339
)

// maxReasonBytes bounds the reason in the header of a message set aside.
const maxReasonBytes = 1 << 10

// Delivery is a message in hand. It ends with one of Ack, Confirm, Later and
// SetAside; until then the server is told that it is being worked on.
type Delivery struct {
	msg       jetstream.Msg
	puller    *Puller
	delivered uint64
	sequence  uint64
}

// Data returns the message's bytes.
func (d *Delivery) Data() []byte { return d.msg.Data() }

// Subject returns where the message was queued.
func (d *Delivery) Subject() string { return d.msg.Subject() }

// Sequence returns the message's number in its stream.
func (d *Delivery) Sequence() uint64 { return d.sequence }

// Delivered returns how often the message has been handed out, this time
// included.
func (d *Delivery) Delivered() uint64 { return d.delivered }

// Exhausted reports whether the message has been handed out more than
// MaxDeliveries times besides the excused ones. Ask before the work: a message
// that kills its worker never gets further.
func (d *Delivery) Exhausted(excused uint64) bool {
	return d.delivered > excused+MaxDeliveries
}

// Ack says that the work is done, without waiting for the server to know. If
// the word is lost the message comes again.
func (d *Delivery) Ack() error {
	d.puller.release(d)
	if err := d.msg.Ack(); err != nil {
		return fmt.Errorf("acknowledge message: %w", err)
	}
	return nil
}

// Confirm says that the work is done and waits until the server knows; then
// the message does not come again, and neither does any that was acknowledged
// before on the same connection.
func (d *Delivery) Confirm(ctx context.Context) error {
	d.puller.release(d)
	if err := d.msg.DoubleAck(ctx); err != nil {
		return fmt.Errorf("confirm message: %w", err)
	}
	return nil
}

// Later gives the message back, to be handed out again after delay.
func (d *Delivery) Later(delay time.Duration) error {
	d.puller.release(d)
	if err := d.msg.NakWithDelay(delay); err != nil {
		return fmt.Errorf("give message back: %w", err)
	}
	return nil
}

// SetAside publishes the message to the stream Dead and, when that has been
// acknowledged, takes it out of its queue. On an error the message is still in
// hand. The reason is for people and holds nothing private.
func (d *Delivery) SetAside(ctx context.Context, publisher *Publisher, reason string) error {
	if len(reason) > maxReasonBytes {
		reason = reason[:maxReasonBytes]
	}
	stage, id := stageAndID(d.msg.Subject())
	err := publisher.Publish(ctx, Message{
		Subject: DeadSubject(stage, id),
		Data:    d.msg.Data(),
		Header: nats.Header{
			HeaderSubject:   {d.msg.Subject()},
			HeaderReason:    {oneLine(reason)},
			HeaderDelivered: {strconv.FormatUint(d.delivered, 10)},
			HeaderTime:      {time.Now().UTC().Format(time.RFC3339)},
		},
	})
	if err != nil {
		return fmt.Errorf("set message aside: %w", err)
	}
	d.puller.release(d)
	if err := d.msg.TermWithReason(oneLine(reason)); err != nil {
		return fmt.Errorf("end message: %w", err)
	}
	return nil
}

// oneLine makes text fit for a header.
func oneLine(text string) string {
	clean := []byte(text)
	for i, c := range clean {
		if c < ' ' || c == 0x7f {
			clean[i] = ' '
		}
	}
	return string(clean)
}
