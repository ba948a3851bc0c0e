package web_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/analyze/place"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

const (
	// firstMorning is Monday 6 January 2025, 6:30 UTC.
	firstMorning = 1_736_145_000_000
	dayMs        = 86_400_000
)

// outing makes a run of so many samples, one a second, on a day counted from
// the first morning: most of it at 130 bpm, the last tenth at peak.
func outing(athlete schema.AthleteID, day, samples int, peak uint8) *schema.Envelope {
	start := int64(firstMorning) + int64(day)*dayMs
	export := schema.ExportIDOf(fmt.Appendf(nil, "%s %d %d %d", athlete, day, samples, peak))
	env := &schema.Envelope{
		Athlete: athlete, Export: export, ID: schema.SessionIDOf(athlete, export, 0), Format: schema.FormatFIT,
		DecoderVersion: 2, ReceivedMs: start,
		Session: schema.Session{
			Sport: schema.SportRunning, StartMs: start, EndMs: start + int64(samples)*1000, Feel: -1,
			UTCOffsetS: 3600, OffsetSource: schema.OffsetFile, Device: "a watch",
		},
	}
	s := &env.Session.Samples
	for i := range samples {
		hr := uint8(126 + i%9)
		if i >= samples*9/10 {
			hr = peak
		}
		s.TimeMs = append(s.TimeMs, start+int64(i)*1000)
		s.HeartRate = append(s.HeartRate, hr)
		s.SpeedMMps = append(s.SpeedMMps, int32(2700+i%200)) //nolint:gosec // small
	}
	return env
}

// analyzed has the sessions analyzed and waits until all tables know them.
func analyzed(tb testing.TB, st *store.Store, envs ...*schema.Envelope) {
	tb.Helper()
	a, err := analyze.New(analyze.DefaultConfig(), analyze.Deps{
		Store: st, Places: place.New(), Metrics: analyze.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	var all sync.WaitGroup
	for _, env := range envs {
		all.Add(1)
		a.Take(ctx, env, func(err error) {
			defer all.Done()
			if err != nil {
				tb.Error(err)
			}
		})
	}
	all.Wait()
	stop() // and what follows from the sessions is derived before it ends
	if err := <-ended; err != nil {
		tb.Fatal(err)
	}
	athletes, err := st.Athletes(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := st.RefreshDays(tb.Context(), athletes); err != nil {
		tb.Fatal(err)
	}
}

func setMaxHR(tb testing.TB, st *store.Store, athlete schema.AthleteID, bpm float64) {
	tb.Helper()
	a, err := analyze.New(analyze.DefaultConfig(), analyze.Deps{Store: st, Metrics: analyze.NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		tb.Fatal(err)
	}
	day, err := schema.ParseDay("2020-01-01")
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := a.SetSettings(tb.Context(), schema.Settings{Athlete: athlete, ValidFrom: day, HRMax: bpm}, nil); err != nil {
		tb.Fatal(err)
	}
}
