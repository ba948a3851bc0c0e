package gpxfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"plodwatch/ingest/gpxfile"
	"plodwatch/schema"
)

func TestEveryCompletePointOfATruncatedFileIsKept(t *testing.T) {
	whole := string(activity(40))
	ends := strings.LastIndex(whole, "</trkpt>") + len("</trkpt>")
	for cut := 0; cut < len(whole); cut += 1 + cut%13 {
		rec, err := gpxfile.Decode(t.Context(), strings.NewReader(whole[:cut]))
		points := strings.Count(whole[:cut], "</trkpt>")
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
		closed := cut >= strings.LastIndex(whole, "</gpx>")+len("</gpx>")
		if salvaged := rec.Outcome == schema.OutcomeSalvaged && rec.Reason == schema.ReasonTruncated &&
			slices.Contains(rec.Flags, schema.FlagTruncated); salvaged == closed {
			t.Errorf("cut at %d of %d: %s %s %v", cut, ends, rec.Outcome, rec.Reason, rec.Flags)
		}
	}
}

func TestDamageIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		damage string
		want   int // samples out of 2 good ones and the damaged one
	}{
		"broken tag":        {`<trkpt lat="1" lon="2" <time>2025-05-01T06:00:05Z</time></trkpt>`, 2},
		"open quote":        {`<trkpt lat="1 lon="2"><time>2025-05-01T06:00:05Z</time></trkpt>`, 2},
		"end missing":       {`<trkpt lat="1" lon="2"><time>2025-05-01T06:00:05Z</time>`, 2},
		"inner end missing": {`<trkpt lat="1" lon="2"><time>2025-05-01T06:00:05Z</time><extensions><hr>150</hr></trkpt>`, 3},
		"stray end":         {`</ele>`, 2},
		"bare less-than":    {`<desc>a < b</desc>`, 2},
		"wrong nesting":     {`<a><b></a></b>`, 2},
		"segment's end":     {`<trkseg>`, 2},
		"binary":            {"\x00\x01<\xff\xfe&&&;<>", 2},
	} {
		rec := decodeText(t, doc(trk(hr(0, 100), c.damage, hr(9, 109))))
		if rec.Outcome != schema.OutcomeSalvaged || rec.Reason != schema.ReasonCorrupt || !slices.Contains(rec.Flags, schema.FlagCorrupt) {
			t.Errorf("%s: %s %s %v", name, rec.Outcome, rec.Reason, rec.Flags)
		}
		s := rec.Sessions[0].Samples
		if s.Len() != c.want || s.HeartRate[0] != 100 || s.HeartRate[s.Len()-1] != 109 {
			t.Errorf("%s: %d samples, heart rate %v", name, s.Len(), s.HeartRate)
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
		"external":       `<!DOCTYPE gpx [ <!ENTITY xxe SYSTEM "file:///etc/passwd"> ]>`,
		"parameter":      `<!DOCTYPE gpx [ <!entity % p "x"> ]>`,
	} {
		_, err := gpxfile.Decode(t.Context(), strings.NewReader(head+doc(trk(hr(0, 100)))))
		if r := schema.AsRefusal(err); r == nil || r.Reason != schema.ReasonEntities || r.Outcome != schema.OutcomeRejected {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitsEndTheWalk(t *testing.T) {
	good := trk(hr(0, 100), hr(1, 101))
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for name, c := range map[string]struct {
		text   string
		limits gpxfile.Limits
		flag   schema.Flag
		reason schema.Reason
	}{
		"points":        {doc(trk(hr(0, 100), hr(1, 101), hr(2, 102))), gpxfile.Limits{Points: 2}, schema.FlagBudget, schema.ReasonOverBudget},
		"tracks":        {doc(good + trk(hr(900, 100))), gpxfile.Limits{Tracks: 1}, schema.FlagBudget, schema.ReasonOverBudget},
		"sessions":      {doc(good + trk(hr(900, 100))), gpxfile.Limits{Sessions: 1}, schema.FlagBudget, schema.ReasonOverBudget},
		"depth":         {doc(good + deep), gpxfile.Limits{}, schema.FlagCorrupt, schema.ReasonCorrupt},
		"attribute":     {doc(good + `<a b="` + strings.Repeat("x", 2<<20) + `"/>`), gpxfile.Limits{}, schema.FlagCorrupt, schema.ReasonCorrupt},
		"attribute end": {"<gpx>" + good + `<a b="` + strings.Repeat("x", 2<<20), gpxfile.Limits{}, schema.FlagCorrupt, schema.ReasonCorrupt},
	} {
		rec, err := gpxfile.DecodeWithin(t.Context(), strings.NewReader(c.text), c.limits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if rec.Outcome != schema.OutcomeSalvaged || rec.Reason != c.reason || !slices.Contains(rec.Flags, c.flag) ||
			len(rec.Sessions) != 1 || rec.Sessions[0].Samples.Len() != 2 {
			t.Errorf("%s: %s %s %v, %d sessions", name, rec.Outcome, rec.Reason, rec.Flags, len(rec.Sessions))
		}
	}
	for name, text := range map[string]string{"depth": doc(deep + good), "attribute": doc(`<a b="` + strings.Repeat("x", 2<<20) + `"/>` + good)} {
		_, err := gpxfile.Decode(t.Context(), strings.NewReader(text))
		if r := schema.AsRefusal(err); r == nil || r.Reason != schema.ReasonMalformed {
			t.Errorf("%s before the first point: %v", name, err)
		}
	}
	_, err := gpxfile.DecodeWithin(t.Context(), strings.NewReader(doc(good)), gpxfile.Limits{FileBytes: 100})
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
	const megabyte = 1 << 20
	for name, s := range map[string]*stream{
		"endless attribute":   {head: `<gpx a="`, piece: strings.Repeat("x", megabyte), times: 100},
		"endless text":        {head: "<gpx><trk><trkseg><trkpt><hr>", piece: strings.Repeat("x", megabyte), times: 100},
		"endless type":        {head: "<gpx><trk><type>", piece: strings.Repeat("x", megabyte), times: 100},
		"endless comment":     {head: "<gpx><!--", piece: strings.Repeat("-", megabyte), times: 100},
		"endless CDATA":       {head: "<gpx><trk><type><![CDATA[", piece: strings.Repeat("]", megabyte), times: 100},
		"endless directive":   {head: "<!", piece: strings.Repeat("x", megabyte), times: 100},
		"endless tracks":      {head: "<gpx>", piece: strings.Repeat("<trk/>", megabyte/6), times: 40},
		"endless segments":    {head: "<gpx><trk>", piece: strings.Repeat("<trkseg/>", megabyte/9), times: 40},
		"timeless points":     {head: "<gpx><trk><trkseg>", piece: strings.Repeat(`<trkpt lat="1" lon="2"/>`, megabyte/24), times: 16},
		"a track for a point": {head: "<gpx>", piece: strings.Repeat(trk(hr(0, 100)), megabyte/150), times: 20},
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
		_, err := gpxfile.Decode(t.Context(), watched)
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
	data := activity(5000)
	for _, at := range []int{0, 100, len(data) / 2} {
		_, err := gpxfile.Decode(t.Context(), io.MultiReader(bytes.NewReader(data[:at]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || schema.AsRefusal(err) != nil {
			t.Errorf("reader that fails at %d: %v", at, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gpxfile.Decode(ctx, bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSmallReadsGiveTheSame(t *testing.T) {
	data := activity(300)
	want, err := gpxfile.Decode(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"one byte": iotest.OneByteReader(bytes.NewReader(data)),
		"half":     iotest.HalfReader(bytes.NewReader(data)),
		"data err": iotest.DataErrReader(bytes.NewReader(data)),
	} {
		got, err := gpxfile.Decode(t.Context(), r)
		if err != nil || !slices.Equal(got.Sessions[0].Samples.TimeMs, want.Sessions[0].Samples.TimeMs) ||
			!slices.Equal(got.Sessions[0].Samples.HeartRate, want.Sessions[0].Samples.HeartRate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRandomDamageNeverPanics(t *testing.T) {
	data := activity(60)
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
	rec, err := gpxfile.Decode(t.Context(), bytes.NewReader(data))
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
		if err := s.Samples.Validate(); err != nil || s.Samples.Len() == 0 {
			t.Fatalf("session %d: %d samples: %v", i, s.Samples.Len(), err)
		}
		samples += s.Samples.Len()
		last := s.StartMs
		for _, b := range s.Breaks {
			if b.FromMs < last || b.ToMs <= b.FromMs || b.ToMs > s.EndMs {
				t.Fatalf("session %d: break %v between %d and %d", i, b, s.StartMs, s.EndMs)
			}
			last = b.ToMs
		}
	}
	if samples == 0 || samples+rec.Unassigned > rec.Raw.Records {
		t.Fatalf("%d samples and %d unassigned of %d records", samples, rec.Unassigned, rec.Raw.Records)
	}
	if (rec.Outcome == schema.OutcomeDecoded) != (rec.Reason == schema.ReasonNone) {
		t.Fatalf("%s because of %q", rec.Outcome, rec.Reason)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(activity(3))
	f.Add([]byte(doc(trk(hr(0, 100), "</trkseg><trkseg>", hr(9, 200)) + trk(hr(400, 90)))))
	f.Add([]byte("\xff\xfe<\x00g\x00p\x00x\x00>\x00"))
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE a [<!ELEMENT b (c)>]><gpx creator='&#x41;'><!-- --><trk><type><![CDATA[9]]></type>`))
	f.Fuzz(func(t *testing.T, data []byte) { checkAnything(t, data) })
}
