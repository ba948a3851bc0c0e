package wire

import (
	"fmt"
	"math"
	"strings"

	"plodwatch/schema"
	"plodwatch/schema/wire/internal/pb"
)

func envelopeToPB(env *schema.Envelope, mem *scratch) *pb.Envelope {
	return &pb.Envelope{
		Athlete:        text(env.Athlete),
		Export:         env.Export[:],
		Id:             env.ID[:],
		Format:         text(env.Format),
		DecoderVersion: env.DecoderVersion,
		Salvaged:       env.Salvaged,
		ReceivedMs:     env.ReceivedMs,
		Session:        sessionToPB(&env.Session, mem),
	}
}

// envelopeFromPB returns everything but the samples.
func envelopeFromPB(msg *pb.Envelope) (*schema.Envelope, error) {
	var check checker
	env := &schema.Envelope{
		Athlete:        check.athlete(msg.GetAthlete()),
		Format:         schema.Format(check.text("format", msg.GetFormat())),
		DecoderVersion: msg.GetDecoderVersion(),
		Salvaged:       msg.GetSalvaged(),
		ReceivedMs:     check.timeMs("received_ms", msg.GetReceivedMs()),
	}
	check.id("export", env.Export[:], msg.GetExport())
	check.id("id", env.ID[:], msg.GetId())
	if msg.GetSession() == nil {
		check.fail("no session")
	}
	env.Session = check.session(msg.GetSession())
	return env, check.err
}

func sessionToPB(s *schema.Session, mem *scratch) *pb.Session {
	msg := &pb.Session{
		Ordinal:      uint32(s.Ordinal),
		Sport:        text(s.Sport),
		SubSport:     text(s.SubSport),
		StartMs:      s.StartMs,
		EndMs:        s.EndMs,
		UtcOffsetS:   s.UTCOffsetS,
		OffsetSource: text(s.OffsetSource),
		Watch: &pb.WatchSummary{
			ElapsedMs:    s.Watch.ElapsedMs,
			TimerMs:      s.Watch.TimerMs,
			DistanceCm:   s.Watch.DistanceCm,
			AscentM:      s.Watch.AscentM,
			AvgHr:        uint32(s.Watch.AvgHR),
			MaxHr:        uint32(s.Watch.MaxHR),
			AvgSpeedMmps: s.Watch.AvgSpeedMMps,
			CaloriesKcal: s.Watch.CaloriesKcal,
		},
		WatchZones: zonesToPB(&s.WatchZones),
		Facts: &pb.FileFacts{
			MaxHr:       uint32(s.Facts.MaxHR),
			MaxHrSource: text(s.Facts.MaxHRSource),
			RestHr:      uint32(s.Facts.RestHR),
			ThresholdHr: uint32(s.Facts.ThresholdHR),
		},
		Rpe:     s.RPE,
		HasRpe:  s.HasRPE,
		Feel:    int32(s.Feel),
		Device:  text(s.Device),
		Flags:   texts(s.Flags),
		Samples: samplesToPB(&s.Samples, mem),
	}
	for _, e := range s.TimerEvents {
		msg.TimerEvents = append(msg.TimerEvents, &pb.TimerEvent{AtMs: e.AtMs, Stop: e.Stop})
	}
	for _, b := range s.Breaks {
		msg.Breaks = append(msg.Breaks, &pb.Interval{FromMs: b.FromMs, ToMs: b.ToMs})
	}
	for i := range s.Laps {
		msg.Laps = append(msg.Laps, lapToPB(&s.Laps[i]))
	}
	return msg
}

func (c *checker) session(msg *pb.Session) schema.Session {
	watch, facts := msg.GetWatch(), msg.GetFacts()
	return schema.Session{
		Ordinal:      int(c.atMost("ordinal", msg.GetOrdinal(), maxList)),
		Sport:        schema.Sport(c.text("sport", msg.GetSport())),
		SubSport:     c.text("sub_sport", msg.GetSubSport()),
		StartMs:      c.timeMs("start_ms", msg.GetStartMs()),
		EndMs:        c.timeMs("end_ms", msg.GetEndMs()),
		UTCOffsetS:   msg.GetUtcOffsetS(),
		OffsetSource: schema.OffsetSource(c.text("offset_source", msg.GetOffsetSource())),
		Watch: schema.WatchSummary{
			ElapsedMs:    c.timeMs("watch elapsed_ms", watch.GetElapsedMs()),
			TimerMs:      c.timeMs("watch timer_ms", watch.GetTimerMs()),
			DistanceCm:   watch.GetDistanceCm(),
			AscentM:      watch.GetAscentM(),
			AvgHR:        c.bpm("watch avg_hr", watch.GetAvgHr()),
			MaxHR:        c.bpm("watch max_hr", watch.GetMaxHr()),
			AvgSpeedMMps: watch.GetAvgSpeedMmps(),
			CaloriesKcal: watch.GetCaloriesKcal(),
		},
		WatchZones: c.zones(msg.GetWatchZones()),
		Facts: schema.FileFacts{
			MaxHR:       c.bpm("facts max_hr", facts.GetMaxHr()),
			MaxHRSource: c.text("max_hr_source", facts.GetMaxHrSource()),
			RestHR:      c.bpm("facts rest_hr", facts.GetRestHr()),
			ThresholdHR: c.bpm("facts threshold_hr", facts.GetThresholdHr()),
		},
		RPE:         c.finite("rpe", msg.GetRpe()),
		HasRPE:      msg.GetHasRpe(),
		Feel:        int16(c.within("feel", msg.GetFeel(), math.MinInt16, math.MaxInt16)),
		Device:      c.text("device", msg.GetDevice()),
		Flags:       c.flags(msg.GetFlags()),
		TimerEvents: c.timerEvents(msg.GetTimerEvents()),
		Breaks:      c.breaks(msg.GetBreaks()),
		Laps:        c.laps(msg.GetLaps()),
	}
}

func lapToPB(l *schema.Lap) *pb.Lap {
	return &pb.Lap{
		StartMs:    l.StartMs,
		EndMs:      l.EndMs,
		ElapsedMs:  l.ElapsedMs,
		TimerMs:    l.TimerMs,
		DistanceCm: l.DistanceCm,
		AvgHr:      uint32(l.AvgHR),
		MaxHr:      uint32(l.MaxHR),
		Zones:      zonesToPB(&l.Zones),
	}
}

func zonesToPB(z *schema.WatchZones) *pb.WatchZones {
	if len(z.TimeMs) == 0 && len(z.BoundsBPM) == 0 && z.MaxHR == 0 && z.RestHR == 0 && z.ThresholdHR == 0 {
		return nil
	}
	return &pb.WatchZones{
		TimeMs:      z.TimeMs,
		BoundsBpm:   z.BoundsBPM,
		MaxHr:       uint32(z.MaxHR),
		RestHr:      uint32(z.RestHR),
		ThresholdHr: uint32(z.ThresholdHR),
	}
}

// text makes a string fit for protobuf, which takes valid UTF-8 only.
func text[T ~string](s T) string {
	valid := strings.ToValidUTF8(string(s), "\ufffd")
	if len(valid) > maxText {
		valid = strings.ToValidUTF8(valid[:maxText], "")
	}
	return valid
}

func texts(flags []schema.Flag) []string {
	if len(flags) == 0 {
		return nil
	}
	out := make([]string, len(flags))
	for i, f := range flags {
		out[i] = text(f)
	}
	return out
}

// checker reads fields and keeps the first fault.
type checker struct{ err error }

func (c *checker) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
}

func (c *checker) text(name, s string) string {
	if len(s) > maxText {
		c.fail("%s has %d bytes", name, len(s))
	}
	return s
}

func (c *checker) athlete(s string) schema.AthleteID {
	id, err := schema.ParseAthleteID(s)
	if err != nil {
		c.fail("%v", err)
	}
	return id
}

func (c *checker) id(name string, dst, src []byte) {
	if len(src) != len(dst) {
		c.fail("%s has %d bytes instead of %d", name, len(src), len(dst))
		return
	}
	copy(dst, src)
}

func (c *checker) timeMs(name string, ms int64) int64 {
	if ms < -maxTimeMs || ms > maxTimeMs {
		c.fail("%s is %d", name, ms)
	}
	return ms
}

func (c *checker) bpm(name string, v uint32) uint8 {
	return uint8(c.atMost(name, v, math.MaxUint8))
}

func (c *checker) atMost(name string, v, limit uint32) uint32 {
	if v > limit {
		c.fail("%s is %d", name, v)
		return 0
	}
	return v
}

func (c *checker) within(name string, v, lo, hi int32) int32 {
	if v < lo || v > hi {
		c.fail("%s is %d", name, v)
		return 0
	}
	return v
}

func (c *checker) finite(name string, v float32) float32 {
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		c.fail("%s is no number", name)
	}
	return v
}

func (c *checker) length(name string, n int) bool {
	if n > maxList {
		c.fail("%d %s", n, name)
	}
	return n > 0 && c.err == nil
}
