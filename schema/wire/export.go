package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"plodwatch/schema"
	"plodwatch/schema/wire/internal/pb"
)

// EncodeJob returns the message for job, or ErrMalformed when job breaks the
// promises of its types.
func EncodeJob(job *schema.Job) ([]byte, error) {
	msg := jobToPB(job)
	var check checker
	if check.job(msg); check.err != nil { // what the reader would refuse
		return nil, fmt.Errorf("encode job: %w", check.err)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		return nil, fmt.Errorf("encode job: %w", err)
	}
	return data, nil
}

// DecodeJob reads the message that EncodeJob wrote. It returns ErrMalformed
// for a message that it refuses.
func DecodeJob(data []byte) (*schema.Job, error) {
	var msg pb.Job
	if err := proto.Unmarshal(data, &msg); err != nil {
		return nil, fmt.Errorf("decode job: %w: %w", ErrMalformed, err)
	}
	var check checker
	job := check.job(&msg)
	if check.err != nil {
		return nil, fmt.Errorf("decode job: %w", check.err)
	}
	return &job, nil
}

// EncodeOutcome returns the message for out, ErrTooLarge when it has more than
// maxBytes bytes (0: no such bound), or ErrMalformed when out breaks the
// promises of its types.
func EncodeOutcome(out *schema.ExportOutcome, maxBytes int) ([]byte, error) {
	msg := &pb.Outcome{
		Job:            jobToPB(&out.Job),
		Format:         text(out.Format),
		Outcome:        text(out.Outcome),
		Reason:         text(out.Reason),
		Detail:         text(out.Detail),
		Flags:          texts(out.Flags),
		Sessions:       joinIDs(len(out.Sessions), func(i int) []byte { return out.Sessions[i][:] }),
		Members:        joinIDs(len(out.Members), func(i int) []byte { return out.Members[i][:] }),
		Records:        out.Records,
		DecoderVersion: out.DecoderVersion,
		FinishedMs:     out.FinishedMs,
	}
	if _, err := outcomeFromPB(msg); err != nil { // what the reader would refuse
		return nil, fmt.Errorf("encode outcome: %w", err)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		return nil, fmt.Errorf("encode outcome: %w", err)
	}
	if maxBytes > 0 && len(data) > maxBytes {
		return nil, fmt.Errorf("encode outcome to %d bytes where a message holds %d: %w", len(data), maxBytes, ErrTooLarge)
	}
	return data, nil
}

// DecodeOutcome reads the message that EncodeOutcome wrote. It returns
// ErrMalformed for a message that it refuses.
func DecodeOutcome(data []byte) (*schema.ExportOutcome, error) {
	var msg pb.Outcome
	if err := proto.Unmarshal(data, &msg); err != nil {
		return nil, fmt.Errorf("decode outcome: %w: %w", ErrMalformed, err)
	}
	out, err := outcomeFromPB(&msg)
	if err != nil {
		return nil, fmt.Errorf("decode outcome: %w", err)
	}
	return out, nil
}

func outcomeFromPB(msg *pb.Outcome) (*schema.ExportOutcome, error) {
	var check checker
	out := &schema.ExportOutcome{
		Job:            check.job(msg.GetJob()),
		Format:         schema.Format(check.text("format", msg.GetFormat())),
		Outcome:        schema.Outcome(check.text("outcome", msg.GetOutcome())),
		Reason:         schema.Reason(check.text("reason", msg.GetReason())),
		Detail:         check.text("detail", msg.GetDetail()),
		Flags:          check.flags(msg.GetFlags()),
		Records:        msg.GetRecords(),
		DecoderVersion: msg.GetDecoderVersion(),
		FinishedMs:     check.timeMs("finished_ms", msg.GetFinishedMs()),
	}
	if n := check.idCount("sessions", msg.GetSessions(), len(schema.SessionID{})); n > 0 {
		out.Sessions = make([]schema.SessionID, n)
		for i := range out.Sessions {
			copy(out.Sessions[i][:], msg.GetSessions()[i*len(out.Sessions[i]):])
		}
	}
	if n := check.idCount("members", msg.GetMembers(), len(schema.ExportID{})); n > 0 {
		out.Members = make([]schema.ExportID, n)
		for i := range out.Members {
			copy(out.Members[i][:], msg.GetMembers()[i*len(out.Members[i]):])
		}
	}
	return out, check.err
}

func jobToPB(job *schema.Job) *pb.Job {
	msg := &pb.Job{
		Athlete:    text(job.Athlete),
		Export:     job.Export[:],
		Source:     text(job.Source),
		Bytes:      job.Bytes,
		ReceivedMs: job.ReceivedMs,
		Depth:      uint32(job.Depth),
	}
	if job.Parent != (schema.ExportID{}) {
		msg.Parent = job.Parent[:]
	}
	return msg
}

func (c *checker) job(msg *pb.Job) schema.Job {
	job := schema.Job{
		Athlete:    c.athlete(msg.GetAthlete()),
		Source:     schema.Source(c.text("source", msg.GetSource())),
		Bytes:      msg.GetBytes(),
		ReceivedMs: c.timeMs("received_ms", msg.GetReceivedMs()),
		Depth:      int(c.atMost("depth", msg.GetDepth(), maxList)),
	}
	c.id("export", job.Export[:], msg.GetExport())
	if len(msg.GetParent()) > 0 {
		c.id("parent", job.Parent[:], msg.GetParent())
	}
	return job
}

func joinIDs(n int, id func(int) []byte) []byte {
	var joined []byte
	for i := range n {
		joined = append(joined, id(i)...)
	}
	return joined
}

func (c *checker) idCount(name string, joined []byte, size int) int {
	if len(joined)%size != 0 {
		c.fail("%s have %d bytes", name, len(joined))
	}
	if !c.length(name, len(joined)/size) {
		return 0
	}
	return len(joined) / size
}
