package activity

import "time"

// All returns the activities of testdata/activities.
func All() []Activity {
	return []Activity{
		easyRun(), intervals(), pauses(), smartRecording(), dropouts(), multisport(), withoutHR(), twoSegments(),
	}
}

// morning returns 06:30 UTC of a day in May 2024.
func morning(day int) time.Time { return time.Date(2024, 5, day, 6, 30, 0, 0, time.UTC) }

const summer = 2 * 60 * 60 // Central European summer time, seconds east of UTC

func easyRun() Activity {
	w := begin("running", morning(1), summer)
	w.run(300, 1, 112, 2600)
	w.run(1620, 1, 124, 2900)
	w.run(180, 1, 117, 2500)
	return Activity{Name: "easy_run", Offset: summer, Sessions: []Session{w.end(true)}}
}

// intervals is written as FIT, GPX and TCX: all have to give the same seconds.
func intervals() Activity {
	w := begin("running", morning(2), summer)
	w.run(180, 1, 120, 2700)
	for range 4 {
		w.run(60, 1, 176, 4400)
		w.run(30, 1, 150, 2000)
	}
	w.run(120, 1, 128, 2400)
	return Activity{Name: "intervals", Offset: summer, Sessions: []Session{w.end(true)}}
}

// pauses has a start at a sample, a start before the next sample, and a stop
// that only the next sample ends. In TCX they are tracks inside a lap.
func pauses() Activity {
	w := begin("running", morning(3), summer)
	w.run(240, 1, 126, 2800)
	w.pause(95)
	w.run(240, 1, 132, 2900)
	w.stop(40)
	w.run(200, 1, 135, 2900)
	w.pause(600)
	w.run(120, 1, 129, 2700)
	return Activity{Name: "pauses", Offset: summer, Sessions: []Session{w.end(true)}}
}

// smartRecording writes a sample every 1 to 7 seconds.
func smartRecording() Activity {
	w := begin("cycling", morning(4), summer)
	for i := range 40 {
		w.run(20+7*(i%5), 1+i%7, 118+uint8(i), 6500+uint16(i)*40)
	}
	return Activity{Name: "smart_recording", Offset: summer, Sessions: []Session{w.end(true)}}
}

// dropouts holds everything that does not count: no heart rate, impossible
// heart rate, a spike, a hole.
func dropouts() Activity {
	w := begin("running", morning(5), summer)
	w.run(200, 1, 130, 2900)
	w.bad(45, 0, "missing", 2900)
	w.run(100, 1, 132, 2900)
	w.bad(12, 240, "out_of_range", 2900)
	w.run(100, 1, 131, 2900)
	w.bad(4, 190, "spike", 2900)
	w.run(100, 1, 131, 2900)
	w.hole(75)
	w.run(150, 1, 134, 2900)
	return Activity{Name: "hr_dropouts", Offset: summer, Sessions: []Session{w.end(true)}}
}

// multisport is a ride, a transition and a run; the timer stops once, a few
// seconds before the ride ends, and is never started again.
func multisport() Activity {
	start := morning(6)
	ride := begin("cycling", start, summer)
	ride.run(400, 1, 138, 8200)
	ride.stop(5)
	sessions := []Session{ride.end(false)}
	for _, part := range []struct {
		sport   string
		seconds int
		bpm     uint8
		mmps    uint16
	}{{"transition", 60, 129, 900}, {"running", 420, 151, 3300}} {
		last := sessions[len(sessions)-1]
		w := begin(part.sport, last.Start.Add(last.Elapsed), summer)
		w.s.Events = nil
		w.run(part.seconds, 1, part.bpm, part.mmps)
		sessions = append(sessions, w.end(part.sport == "running"))
	}
	return Activity{Name: "multisport", Offset: summer, Sessions: sessions}
}

// withoutHR is a run of a watch that measured no heart rate.
func withoutHR() Activity {
	w := begin("running", morning(7), summer)
	w.bad(360, 0, "missing", 2800)
	return Activity{Name: "no_hr", Offset: summer, Sessions: []Session{w.end(true)}}
}

// twoSegments is a GPX track with two segments, and a TCX activity with a hole
// between two laps.
func twoSegments() Activity {
	w := begin("running", morning(8), summer)
	w.run(180, 1, 121, 2800)
	w.segment(420)
	w.run(200, 1, 127, 2800)
	return Activity{Name: "two_segments", Offset: summer, Sessions: []Session{w.end(true)}}
}
