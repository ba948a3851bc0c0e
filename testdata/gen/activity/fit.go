package activity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tormoder/fit"
)

// FIT encodes the activity as a FIT file, its fields in a fixed order.
func (a *Activity) FIT() ([]byte, error) {
	file, err := fit.NewFile(fit.FileTypeActivity, fit.NewHeader(fit.V20, true))
	if err != nil {
		return nil, fmt.Errorf("make file: %w", err)
	}
	first, last := a.Sessions[0], a.Sessions[len(a.Sessions)-1]
	file.FileId.TimeCreated = first.Start
	file.FileId.Manufacturer = fit.ManufacturerDevelopment
	file.FileId.Product = 1
	act, err := file.Activity()
	if err != nil {
		return nil, fmt.Errorf("make activity: %w", err)
	}
	end := last.Start.Add(last.Elapsed)
	act.Activity = fit.NewActivityMsg()
	act.Activity.Timestamp = end
	act.Activity.LocalTimestamp = end.In(time.FixedZone("", a.Offset))
	act.Activity.NumSessions = uint16(len(a.Sessions))
	act.Activity.Event, act.Activity.EventType = fit.EventActivity, fit.EventTypeStop
	for i := range a.Sessions {
		s := &a.Sessions[i]
		act.Activity.TotalTimerTime = uint32(s.Answer.ElapsedMs - s.Answer.PausedMs)
		act.Sessions = append(act.Sessions, s.message(i))
		act.Laps = append(act.Laps, s.lap(i))
		for _, v := range s.Samples {
			act.Records = append(act.Records, v.record(s.Start))
		}
		for _, e := range s.Events {
			act.Events = append(act.Events, e.message(s.Start))
		}
	}
	var b bytes.Buffer
	if err := fit.Encode(&b, file, binary.LittleEndian); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return canonical(b.Bytes())
}

func sportOf(name string) fit.Sport {
	switch name {
	case "running":
		return fit.SportRunning
	case "cycling":
		return fit.SportCycling
	case "walking":
		return fit.SportWalking
	case "transition":
		return fit.SportTransition
	default:
		return fit.SportGeneric
	}
}

func (s *Session) message(index int) *fit.SessionMsg {
	m := fit.NewSessionMsg()
	m.MessageIndex = fit.MessageIndex(index)
	m.Timestamp, m.StartTime = s.Start.Add(s.Elapsed), s.Start
	m.Event, m.EventType = fit.EventSession, fit.EventTypeStop
	m.Sport, m.SubSport = sportOf(s.Sport), fit.SubSportGeneric
	m.TotalElapsedTime = uint32(s.Elapsed.Milliseconds())
	m.TotalTimerTime = uint32(s.Answer.ElapsedMs - s.Answer.PausedMs)
	m.TotalDistance = uint32(s.Answer.DistanceM*100 + 0.5)
	m.FirstLapIndex, m.NumLaps = uint16(index), 1
	if s.Answer.HRMax > 0 {
		m.AvgHeartRate, m.MaxHeartRate = uint8(s.Answer.HRAvg+0.5), s.Answer.HRMax
	}
	return m
}

func (s *Session) lap(index int) *fit.LapMsg {
	m := fit.NewLapMsg()
	m.MessageIndex = fit.MessageIndex(index)
	m.Timestamp, m.StartTime = s.Start.Add(s.Elapsed), s.Start
	m.Event, m.EventType = fit.EventLap, fit.EventTypeStop
	m.TotalElapsedTime = uint32(s.Elapsed.Milliseconds())
	m.TotalTimerTime = uint32(s.Answer.ElapsedMs - s.Answer.PausedMs)
	m.TotalDistance = uint32(s.Answer.DistanceM*100 + 0.5)
	return m
}

func (v *Sample) record(start time.Time) *fit.RecordMsg {
	m := fit.NewRecordMsg()
	m.Timestamp = start.Add(v.At)
	m.PositionLat, m.PositionLong = fit.NewLatitudeDegrees(v.Lat), fit.NewLongitudeDegrees(v.Lon)
	m.Altitude = fitAltitude(v.AltitudeCm)
	m.Cadence = v.Cadence
	m.Distance = v.DistanceCm
	m.Speed = v.SpeedMMps
	if v.HR != 0 {
		m.HeartRate = v.HR
	}
	return m
}

// fitAltitude is in fifths of a metre above -500 m.
func fitAltitude(cm int32) uint16 { return uint16((cm + 50_000) / 20) }

func (e Event) message(start time.Time) *fit.EventMsg {
	m := fit.NewEventMsg()
	m.Timestamp = start.Add(e.At)
	m.Event, m.EventType = fit.EventTimer, fit.EventTypeStart
	if e.Stop {
		m.EventType = fit.EventTypeStopAll
	}
	return m
}
