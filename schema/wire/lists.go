package wire

import (
	"plodwatch/schema"
	"plodwatch/schema/wire/internal/pb"
)

// The checker's lists: an empty one comes back as nil.

func (c *checker) flags(msgs []string) []schema.Flag {
	if !c.length("flags", len(msgs)) {
		return nil
	}
	out := make([]schema.Flag, len(msgs))
	for i, f := range msgs {
		out[i] = schema.Flag(c.text("flag", f))
	}
	return out
}

func (c *checker) timerEvents(msgs []*pb.TimerEvent) []schema.TimerEvent {
	if !c.length("timer events", len(msgs)) {
		return nil
	}
	out := make([]schema.TimerEvent, len(msgs))
	for i, e := range msgs {
		out[i] = schema.TimerEvent{AtMs: c.timeMs("timer event", e.GetAtMs()), Stop: e.GetStop()}
	}
	return out
}

func (c *checker) breaks(msgs []*pb.Interval) []schema.Interval {
	if !c.length("breaks", len(msgs)) {
		return nil
	}
	out := make([]schema.Interval, len(msgs))
	for i, b := range msgs {
		out[i] = schema.Interval{FromMs: c.timeMs("break", b.GetFromMs()), ToMs: c.timeMs("break", b.GetToMs())}
	}
	return out
}

func (c *checker) laps(msgs []*pb.Lap) []schema.Lap {
	if !c.length("laps", len(msgs)) {
		return nil
	}
	out := make([]schema.Lap, len(msgs))
	for i, l := range msgs {
		out[i] = schema.Lap{
			StartMs:    c.timeMs("lap start_ms", l.GetStartMs()),
			EndMs:      c.timeMs("lap end_ms", l.GetEndMs()),
			ElapsedMs:  c.timeMs("lap elapsed_ms", l.GetElapsedMs()),
			TimerMs:    c.timeMs("lap timer_ms", l.GetTimerMs()),
			DistanceCm: l.GetDistanceCm(),
			AvgHR:      c.bpm("lap avg_hr", l.GetAvgHr()),
			MaxHR:      c.bpm("lap max_hr", l.GetMaxHr()),
			Zones:      c.zones(l.GetZones()),
		}
	}
	return out
}

func (c *checker) zones(msg *pb.WatchZones) schema.WatchZones {
	zones := schema.WatchZones{
		MaxHR:       c.bpm("zones max_hr", msg.GetMaxHr()),
		RestHR:      c.bpm("zones rest_hr", msg.GetRestHr()),
		ThresholdHR: c.bpm("zones threshold_hr", msg.GetThresholdHr()),
	}
	if c.length("zone times", len(msg.GetTimeMs())) {
		zones.TimeMs = msg.GetTimeMs()
		for _, ms := range zones.TimeMs {
			c.timeMs("zone time", ms)
		}
	}
	if c.length("zone bounds", len(msg.GetBoundsBpm())) {
		zones.BoundsBPM = msg.GetBoundsBpm()
	}
	return zones
}
