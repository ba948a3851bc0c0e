package tcxfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
)

func TestEveryCompletePointOfATruncatedFileIsKept(t *testing.T) {
	whole := string(run(40))
	for cut := 0; cut < len(whole); cut += 1 + cut%13 {
		rec, err := tcxfile.Decode(t.Context(), strings.NewReader(whole[:cut]))
		points := strings.Count(whole[:cut], "</Trackpoint>")
		if points == 0 {
			if r := schema.AsRefusal(err); r == nil || r.Outcome != schema.OutcomeRejected {
				t.Errorf("cut at %d: %v", cut, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got := rec.Sessions[0].Samples.Len(); got != points || rec.Raw.Records != points {
			t.Errorf("cut at %d: %d samples of %d", cut, got, points)
		}
		closed := cut >= strings.LastIndex(whole, ">")+1
		if salvaged := rec.Outcome == schema.OutcomeSalvaged && rec.Reason == schema.ReasonTruncated &&
			slices.Contains(rec.Flags, schema.FlagTruncated); salvaged == closed {
			t.Errorf("cut at %d: %s %s %v", cut, rec.Outcome, rec.Reason, rec.Flags)
		}
	}
}

func TestDamageIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		damage string
		want   int // samples out of 2 good ones and the damaged one
	}{
		"broken tag":         {`<Trackpoint <Time>2025-05-01T06:00:05Z</Time></Trackpoint>`, 2},
		"end missing":        {`<Trackpoint><Time>2025-05-01T06:00:05Z</Time>`, 2},
		"inner end missing":  {`<Trackpoint><Time>2025-05-01T06:00:05Z</Time><HeartRateBpm><Value>150</HeartRateBpm></Trackpoint>`, 3},
		"stray end":          {`</Cadence>`, 2},
		"bare less-than":     {`<Notes>a < b</Notes>`, 2},
		"wrong nesting":      {`<a><b></a></b>`, 2},
		"track's end":        {`<Track>`, 2},
		"lap in a track":     {`<Lap StartTime="2025-05-01T06:00:00Z">`, 2},
		"activity in a lap":  {`<Lap><TotalTimeSeconds>5<Activity>`, 2},
		"value in an orphan": {`<Lap><TotalTimeSeconds>5<Activity></Activity></TotalTimeSeconds></Lap>`, 2},
		"binary":             {"\x00\x01<\xff\xfe&&&;<>", 2},
	} {
		rec := decodeText(t, doc(activity(lap(hr(0, 100), c.damage, hr(9, 109)))))
		if rec.Outcome != schema.OutcomeSalvaged || rec.Reason == schema.ReasonNone || !slices.Contains(rec.Flags, schema.FlagCorrupt) {
			t.Errorf("%s: %s %s %v", name, rec.Outcome, rec.Reason, rec.Flags)
		}
		samples := 0
		for i := range rec.Sessions {
			samples += rec.Sessions[i].Samples.Len()
		}
		if first := rec.Sessions[0].Samples; samples > c.want || samples < 1 || first.HeartRate[0] != 100 {
			t.Errorf("%s: %d samples, heart rate %v", name, samples, first.HeartRate)
		}
	}
}

func TestEntityDefinitionsAreRefused(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol0 "lol">`)
	for i := range 9 {
		fmt.Fprintf(&laughs, `<!ENTITY lol%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&lol%d;", i), 10))
	}
	for name, head := range map[string]string{
		"billion laughs": laughs.String() + "]>",
		"external":       `<!DOCTYPE x [ <!ENTITY xxe SYSTEM "file:///etc/passwd"> ]>`,
		"parameter":      `<!DOCTYPE x [ <!entity % p "x"> ]>`,
	} {
		_, err := tcxfile.Decode(t.Context(), strings.NewReader(head+doc(activity(lap(hr(0, 100))))))
		if r := schema.AsRefusal(err); r == nil || r.Reason != schema.ReasonEntities || r.Outcome != schema.OutcomeRejected {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitsEndTheWalk(t *testing.T) {
	good := activity(lap(hrs(0, 2)))
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	long := strings.Repeat("x", 2<<20)
	jumps := activity(lap(hrs(0, 2) + strings.ReplaceAll(hr(0, 100), "05-01", "05-03")))
	for name, c := range map[string]struct {
		text   string
		limits tcxfile.Limits
		flag   schema.Flag
		reason schema.Reason
	}{
		"points":        {doc(activity(lap(hrs(0, 3)))), tcxfile.Limits{Points: 2}, schema.FlagBudget, schema.ReasonOverBudget},
		"activities":    {doc(good + activity(lap(hrs(9, 10)))), tcxfile.Limits{Activities: 1}, schema.FlagBudget, schema.ReasonOverBudget},
		"clock jumps":   {doc(jumps), tcxfile.Limits{Activities: 1}, schema.FlagBudget, schema.ReasonOverBudget},
		"laps":          {doc(activity(lap(hrs(0, 2)), lap(hrs(2, 3)))), tcxfile.Limits{Laps: 1}, schema.FlagBudget, schema.ReasonOverBudget},
		"depth":         {doc(good + deep), tcxfile.Limits{}, schema.FlagCorrupt, schema.ReasonCorrupt},
		"attribute":     {doc(good + `<a b="` + long + `"/>`), tcxfile.Limits{}, schema.FlagCorrupt, schema.ReasonCorrupt},
		"attribute end": {"<TrainingCenterDatabase>" + good + `<a b="` + long, tcxfile.Limits{}, schema.FlagCorrupt, schema.ReasonCorrupt},
	} {
		rec, err := tcxfile.DecodeWithin(t.Context(), strings.NewReader(c.text), c.limits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if rec.Outcome != schema.OutcomeSalvaged || rec.Reason != c.reason || !slices.Contains(rec.Flags, c.flag) ||
			len(rec.Sessions) != 1 || rec.Sessions[0].Samples.Len() != 2 {
			t.Errorf("%s: %s %s %v, %d sessions", name, rec.Outcome, rec.Reason, rec.Flags, len(rec.Sessions))
		}
	}
	for name, text := range map[string]string{"depth": doc(deep + good), "attribute": doc(`<a b="` + long + `"/>` + good)} {
		_, err := tcxfile.Decode(t.Context(), strings.NewReader(text))
		if r := schema.AsRefusal(err); r == nil || r.Reason != schema.ReasonMalformed {
			t.Errorf("%s before the first point: %v", name, err)
		}
	}
	_, err := tcxfile.DecodeWithin(t.Context(), strings.NewReader(doc(good)), tcxfile.Limits{FileBytes: 100})
	if r := schema.AsRefusal(err); r == nil || r.Reason != schema.ReasonTooLarge {
		t.Errorf("file over the limit: %v", err)
	}
}

// stream writes a document piece by piece without holding it.
type stream struct {
	head, piece string
	times       int
	left        *strings.Reader
}

func (s *stream) Read(p []byte) (int, error) {
	for {
		if s.left == nil {
			s.left = strings.NewReader(s.head)
		}
		if n, err := s.left.Read(p); err == nil {
			return n, nil
		}
		if s.times == 0 {
			return 0, io.EOF
		}
		s.times--
		s.left = strings.NewReader(s.piece)
	}
}

func TestMemoryStaysBounded(t *testing.T) {
	const (
		megabyte = 1 << 20
		begun    = "<TrainingCenterDatabase><Activities>"
	)
	for name, s := range map[string]*stream{
		"endless attribute":    {head: `<TrainingCenterDatabase a="`, piece: strings.Repeat("x", megabyte), times: 100},
		"endless text":         {head: begun + "<Activity><Lap><Track><Trackpoint><Cadence>", piece: strings.Repeat("x", megabyte), times: 100},
		"endless name":         {head: begun + "<Activity><Creator><Name>", piece: strings.Repeat("x", megabyte), times: 100},
		"endless comment":      {head: begun + "<!--", piece: strings.Repeat("-", megabyte), times: 100},
		"endless CDATA":        {head: begun + "<Activity><Id><![CDATA[", piece: strings.Repeat("]", megabyte), times: 100},
		"endless activities":   {head: begun, piece: strings.Repeat("<Activity/>", megabyte/11), times: 40},
		"endless laps":         {head: begun + "<Activity>", piece: strings.Repeat("<Lap/>", megabyte/6), times: 40},
		"endless tracks":       {head: begun + "<Activity><Lap>", piece: strings.Repeat("<Track/>", megabyte/8), times: 40},
		"endless courses":      {head: begun, piece: strings.Repeat("<Course/>", megabyte/9), times: 40},
		"timeless points":      {head: begun + "<Activity><Lap><Track>", piece: strings.Repeat(`<Trackpoint/>`, megabyte/13), times: 20},
		"a track for a point":  {head: begun + "<Activity><Lap>", piece: strings.Repeat("<Track>"+hr(0, 100)+"</Track>", megabyte/130), times: 20},
		"an activity each":     {head: begun, piece: strings.Repeat(activity(lap(hr(0, 100))), megabyte/200), times: 20},
		"an activity in a lap": {head: begun, piece: strings.Repeat("<Activity><Lap>", megabyte/15), times: 20},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak := uint64(0)
		watched := readerFunc(func(p []byte) (int, error) {
			var now runtime.MemStats
			if s.times%20 == 0 {
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
			return s.Read(p[:min(len(p), 1<<16)])
		})
		_, err := tcxfile.Decode(t.Context(), watched)
		runtime.ReadMemStats(&after)
		if err != nil && schema.AsRefusal(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
		if grown := int64(max(peak, after.HeapAlloc)) - int64(before.HeapAlloc); grown > 64*megabyte {
			t.Errorf("%s: heap grew by %d MiB", name, grown/megabyte)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestErrorsOfReaderAndContextComeBack(t *testing.T) {
	broken := errors.New("disk fell out")
	data := run(5000)
	for _, at := range []int{0, 100, len(data) / 2} {
		_, err := tcxfile.Decode(t.Context(), io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || schema.AsRefusal(err) != nil {
			t.Errorf("reader that fails at %d: %v", at, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tcxfile.Decode(ctx, bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	midway := io.MultiReader(bytes.NewReader(data[:len(data)/2]), readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }), bytes.NewReader(data[len(data)/2:]))
	if _, err := tcxfile.Decode(ctx, midway); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled midway: %v", err)
	}
}

func TestSmallReadsGiveTheSame(t *testing.T) {
	data := run(300)
	want, err := tcxfile.Decode(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"one byte": iotest.OneByteReader(bytes.NewReader(data)),
		"half":     iotest.HalfReader(bytes.NewReader(data)),
		"data err": iotest.DataErrReader(bytes.NewReader(data)),
	} {
		got, err := tcxfile.Decode(t.Context(), r)
		if err != nil || !slices.Equal(got.Sessions[0].Samples.TimeMs, want.Sessions[0].Samples.TimeMs) ||
			!slices.Equal(got.Sessions[0].Samples.HeartRate, want.Sessions[0].Samples.HeartRate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRandomDamageNeverPanics(t *testing.T) {
	data := run(60)
	const nasty = "<>/\"'&; \x00\xff=!-[]?"
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		mutant := bytes.Clone(data)
		for range 1 + rnd.IntN(20) {
			mutant[rnd.IntN(len(mutant))] = nasty[rnd.IntN(len(nasty))]
		}
		checkAnything(t, mutant)
	}
}

// checkAnything decodes whatever data is and checks what must always hold.
func checkAnything(t *testing.T, data []byte) {
	t.Helper()
	rec, err := tcxfile.Decode(t.Context(), bytes.NewReader(data))
	if err != nil {
		r := schema.AsRefusal(err)
		if r == nil {
			t.Fatalf("error that is no refusal: %v", err)
		}
		if rec != nil && len(rec.Sessions) > 0 {
			t.Fatalf("refused with %d sessions: %v", len(rec.Sessions), err)
		}
		return
	}
	samples := 0
	for i := range rec.Sessions {
		s := &rec.Sessions[i]
		checkSession(t, s)
		samples += s.Samples.Len()
	}
	if len(rec.Sessions) == 0 || samples+rec.Unassigned > rec.Raw.Records {
		t.Fatalf("%d sessions, %d samples and %d unassigned of %d records", len(rec.Sessions), samples, rec.Unassigned, rec.Raw.Records)
	}
	if (rec.Outcome == schema.OutcomeDecoded) != (rec.Reason == schema.ReasonNone) {
		t.Fatalf("%s because of %q", rec.Outcome, rec.Reason)
	}
}

func checkSession(t *testing.T, s *schema.Session) {
	t.Helper()
	if err := s.Samples.Validate(); err != nil || s.EndMs < s.StartMs || s.StartMs <= 0 {
		t.Fatalf("session from %d to %d: %v", s.StartMs, s.EndMs, err)
	}
	if s.Samples.Len() == 0 && s.EndMs == s.StartMs {
		t.Fatal("session of nothing")
	}
	last := s.StartMs
	for i, e := range s.TimerEvents {
		if e.AtMs < last || e.AtMs > s.EndMs || e.Stop != (i%2 == 0) {
			t.Fatalf("timer events %v between %d and %d", s.TimerEvents, s.StartMs, s.EndMs)
		}
		last = e.AtMs
	}
	for _, l := range s.Laps {
		if l.EndMs < l.StartMs || l.ElapsedMs != l.EndMs-l.StartMs || l.TimerMs < 0 || l.DistanceCm < 0 {
			t.Fatalf("lap %+v", l)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(run(3))
	for _, d := range dialects {
		f.Add([]byte(d.text))
	}
	f.Add([]byte(doc(activity(timed(0, 3, hrs(0, 2), hrs(9, 12)), timed(12, 1.5, hrs(12, 14), hr(3, 99))))))
	f.Add([]byte("\xff\xfe<\x00T\x00"))
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE a [<!ELEMENT b (c)>]><TrainingCenterDatabase><MultiSportSession><NextSport><Transition StartTime='2025-05-01T06:00:00Z'><TotalTimeSeconds>&#x31;</TotalTimeSeconds><![CDATA[9]]></Transition>`))
	if data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "activities", "two_segments.tcx")); err == nil {
		f.Add(data[:20000])
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAnything(t, data) })
}
