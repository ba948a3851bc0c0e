package pull_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"plodwatch/ingest/pull"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

const oneFile = `{"files":[{"athlete":"me","url":"https://example.com/1.fit?` + token + `"}]}`

// reasonOf reads the reason of an error.
func reasonOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Message string `json:"message"`
		Reason  string `json:"reason"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || (body.Message == "") != (body.Reason == "") {
		t.Errorf("body %s: %v", w.Body, err)
	}
	return body.Reason
}

func TestHookBelievesOnlyWhatIsSigned(t *testing.T) {
	wrong := "whsec_" + strings.Repeat("A", 32)
	r := newRoom(t, nil)
	for name, c := range map[string]struct {
		secret string
		age    time.Duration
		change func(*http.Request)
		status int
		reason string
	}{
		"right":        {secretA, 0, nil, http.StatusOK, ""},
		"other secret": {secretB, 0, nil, http.StatusOK, ""},
		"4 min old":    {secretA, 4 * time.Minute, nil, http.StatusOK, ""},
		"4 min ahead":  {secretA, -4 * time.Minute, nil, http.StatusOK, ""},
		"among others": {secretA, 0, func(r *http.Request) {
			r.Header.Set("webhook-signature", "v1a,xyz v1,!! v1,"+strings.Repeat("A", 43)+"= "+r.Header.Get("webhook-signature"))
		}, http.StatusOK, ""},
		"wrong secret": {wrong, 0, nil, http.StatusUnauthorized, "wrong_signature"},
		"too old":      {secretA, 5*time.Minute + 2*time.Second, nil, http.StatusUnauthorized, "too_old"},
		"too new":      {secretA, -5*time.Minute - 2*time.Second, nil, http.StatusUnauthorized, "too_new"},
		"other id":     {secretA, 0, func(r *http.Request) { r.Header.Set("webhook-id", "x") }, http.StatusUnauthorized, "wrong_signature"},
		"other time": {secretA, 0, func(r *http.Request) {
			r.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix()-9, 10))
		}, http.StatusUnauthorized, "wrong_signature"},
		"other version": {secretA, 0, func(r *http.Request) {
			r.Header.Set("webhook-signature", "v2"+strings.TrimPrefix(r.Header.Get("webhook-signature"), "v1"))
		}, http.StatusUnauthorized, "wrong_signature"},
		"part of it": {secretA, 0, func(r *http.Request) {
			r.Header.Set("webhook-signature", r.Header.Get("webhook-signature")[:20])
		}, http.StatusUnauthorized, "wrong_signature"},
		"empty signature": {secretA, 0, func(r *http.Request) { r.Header.Set("webhook-signature", "v1,") }, http.StatusUnauthorized, "wrong_signature"},
		"no id":           {secretA, 0, func(r *http.Request) { r.Header.Del("webhook-id") }, http.StatusUnauthorized, "missing_header"},
		"no time":         {secretA, 0, func(r *http.Request) { r.Header.Del("webhook-timestamp") }, http.StatusUnauthorized, "missing_header"},
		"no signature":    {secretA, 0, func(r *http.Request) { r.Header.Del("webhook-signature") }, http.StatusUnauthorized, "missing_header"},
		"no time at all":  {secretA, 0, func(r *http.Request) { r.Header.Set("webhook-timestamp", "noon") }, http.StatusUnauthorized, "malformed_header"},
		"time in other digits": {secretA, 0, func(r *http.Request) {
			r.Header.Set("webhook-timestamp", "0"+r.Header.Get("webhook-timestamp"))
		}, http.StatusUnauthorized, "malformed_header"},
		"long id": {secretA, 0, func(r *http.Request) { r.Header.Set("webhook-id", strings.Repeat("x", 257)) }, http.StatusUnauthorized, "malformed_header"},
		"many signatures": {secretA, 0, func(r *http.Request) {
			r.Header.Set("webhook-signature", strings.Repeat("v1,x ", 17))
		}, http.StatusUnauthorized, "malformed_header"},
	} {
		t.Run(name, func(t *testing.T) {
			r.purge(t)
			before := r.metric(t, "messages_total", c.reason)
			req := signed(t, c.secret, "msg_"+name, r.now.Add(-c.age), oneFile)
			if c.change != nil {
				c.change(req)
			}
			w := send(r.hook(t, nil), req)
			if got := reasonOf(t, w); w.Code != c.status || got != c.reason {
				t.Errorf("%d %q, want %d %q", w.Code, got, c.status, c.reason)
			}
			want := uint64(0)
			if c.status == http.StatusOK {
				want = 1
			}
			if n := r.messages(t, streams.Pulls); n != want {
				t.Errorf("%d downloads queued, want %d", n, want)
			}
			if n := r.metric(t, "messages_total", c.reason); n != before+1 {
				t.Errorf("counted %v times", n-before)
			}
		})
	}
}

// TestPublishedVector is the example that the libraries of Standard Webhooks
// share.
func TestPublishedVector(t *testing.T) {
	r := newRoom(t, nil)
	r.now = time.Unix(1614265330, 0)
	for signature, want := range map[string]string{
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=": "no_files", // believed
		"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=": "wrong_signature",
	} {
		req := httptest.NewRequest(http.MethodPost, pull.Path, strings.NewReader(`{"test": 2432232314}`))
		req.Header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
		req.Header.Set("webhook-timestamp", "1614265330")
		req.Header.Set("webhook-signature", signature)
		if got := reasonOf(t, send(r.hook(t, nil), req)); got != want {
			t.Errorf("%s: %q, want %q", signature, got, want)
		}
	}
}

func TestReplayIsRefusedAndRetryIsWelcome(t *testing.T) {
	r := newRoom(t, nil)
	h := r.hook(t, nil)
	first := r.now
	post := func(at time.Time) (int, string) {
		w := send(h, signed(t, secretA, "msg_1", at, oneFile))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for i, step := range []struct {
		at     time.Time
		status int
		body   string
	}{
		{first, http.StatusOK, `{"stored":1,"duplicate":false}`},
		{first, http.StatusUnauthorized, "replayed"},
		{first.Add(30 * time.Second), http.StatusOK, `{"stored":0,"duplicate":true}`},
		{first.Add(30 * time.Second), http.StatusUnauthorized, "replayed"},
		{first, http.StatusUnauthorized, "replayed"},
		{first.Add(-30 * time.Second), http.StatusOK, `{"stored":0,"duplicate":true}`},
		{first.Add(-30 * time.Second), http.StatusUnauthorized, "replayed"},
	} {
		if status, body := post(step.at); status != step.status || !strings.Contains(body, step.body) {
			t.Errorf("step %d: %d %s, want %d %s", i, status, body, step.status, step.body)
		}
	}
	r.now = first.Add(2 * time.Hour)
	if status, body := post(r.now); status != http.StatusOK || !strings.Contains(body, `"duplicate":true`) {
		t.Errorf("retry after hours: %d %s", status, body)
	}
	if n := r.messages(t, streams.Pulls); n != 1 {
		t.Errorf("%d downloads queued, want 1", n)
	}
	// Another gate knows nothing of it, but the queue does.
	r.now = first
	if w := send(r.hook(t, nil), signed(t, secretA, "msg_1", first, oneFile)); w.Code != http.StatusOK {
		t.Errorf("at another gate: %d", w.Code)
	}
	if n := r.messages(t, streams.Pulls); n != 1 {
		t.Errorf("%d downloads queued after another gate, want 1", n)
	}
}

func TestSameMessageAtOnceIsTakenOnce(t *testing.T) {
	r := newRoom(t, nil)
	h := r.hook(t, nil)
	var group sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		req := signed(t, secretA, "msg_1", r.now, oneFile)
		group.Go(func() { codes[i] = send(h, req).Code })
	}
	group.Wait()
	slices.Sort(codes)
	if codes[0] != http.StatusOK || codes[1] != http.StatusUnauthorized {
		t.Errorf("answers %v", codes)
	}
}

func TestNothingIsRememberedThatWasNotStored(t *testing.T) {
	r := newRoom(t, func(l *streams.Layout) { l.PullsBytes = 4 << 10 })
	_, r.streams = r.connect(t, streams.PublisherConfig{RetryFor: 100 * time.Millisecond, AckTimeout: 10 * time.Second})
	h := r.hook(t, nil)
	var files []string
	for i := range 40 {
		files = append(files, fmt.Sprintf(`{"athlete":"me","url":"https://example.com/%d.fit?%s"}`, i, token))
	}
	body := `{"files":[` + strings.Join(files, ",") + `]}`
	for range 2 { // the second time is no replay
		w := send(h, signed(t, secretA, "msg_1", r.now, body))
		after, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if w.Code != http.StatusServiceUnavailable || reasonOf(t, w) != "not_now" || err != nil || after < 30 || after >= 60 {
			t.Fatalf("full queue: %d %s, Retry-After %d", w.Code, w.Body, after)
		}
	}
	roomy := streams.DefaultLayout()
	if err := streams.Provision(t.Context(), r.js, roomy); err != nil {
		t.Fatal(err)
	}
	if w := send(h, signed(t, secretA, "msg_1", r.now, body)); w.Code != http.StatusOK {
		t.Fatalf("with room again: %d %s", w.Code, w.Body)
	}
	if n := r.messages(t, streams.Pulls); n != 40 {
		t.Errorf("%d downloads queued, want 40", n)
	}
	if err := r.js.DeleteStream(t.Context(), streams.Pulls); err != nil {
		t.Fatal(err)
	}
	if w := send(h, signed(t, secretA, "msg_2", r.now, oneFile)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a queue: %d %s", w.Code, w.Body)
	}
}

func TestGarminsForm(t *testing.T) {
	r := newRoom(t, nil)
	body := `{"activityFiles":[
		{"userId":"garmin user/1","userAccessToken":"uat-geheim","summaryId":"x153-10","fileType":"FIT",
		 "callbackURL":"https://example.com/wellness-api/rest/activityFile?id=12&` + token + `","startTimeInSeconds":1569590400,"manual":false},
		{"userId":"bob","callbackURL":"https://files.example.com/2?` + token + `"}]}`
	if w := send(r.hook(t, nil), signed(t, secretA, "msg_1", r.now, body)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"stored":2`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	s, err := r.js.Stream(t.Context(), streams.Pulls)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i := range 2 {
		msg, err := s.GetMsg(t.Context(), uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		var o struct{ Athlete, URL string }
		if err := json.Unmarshal(msg.Data, &o); err != nil || strings.Contains(string(msg.Data), "uat") {
			t.Errorf("queued %s: %v", msg.Data, err)
		}
		got[o.Athlete] = o.URL
	}
	want := map[string]string{
		"anna": "https://example.com/wellness-api/rest/activityFile?id=12&" + token, "bob": "https://files.example.com/2?" + token,
	}
	for athlete, url := range want {
		if got[athlete] != url {
			t.Errorf("%s: %q, want %q", athlete, got[athlete], url)
		}
	}
}

func TestWhatCanNeverBeAllowedIsRefusedAtOnce(t *testing.T) {
	type refused struct {
		Index  int    `json:"index"`
		Reason string `json:"reason"`
	}
	open := func(c *pull.HookConfig) {
		c.Rules.AllowHTTP = true
		c.Rules.Hosts = append(c.Rules.Hosts, "169.254.169.254", "10.0.0.1", "localhost", "::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "8.8.8.8", "2620:fe::fe")
	}
	r := newRoom(t, nil)
	for name, c := range map[string]struct {
		url    string
		change func(*pull.HookConfig)
		reason string // "" = allowed
	}{
		"metadata":            {"http://169.254.169.254/latest/meta-data/", nil, "private_address"},
		"metadata if listed":  {"http://169.254.169.254/", open, "private_address"},
		"metadata over https": {"https://169.254.169.254/", open, "private_address"},
		"private":             {"https://10.0.0.1/", open, "private_address"},
		"other loopback":      {"https://127.0.0.2/", nil, "private_address"},
		"loopback 6":          {"https://[::1]/", open, "private_address"},
		"link-local":          {"https://[fe80::1%25eth0]/", open, "private_address"},
		"mapped":              {"https://[::ffff:8.8.8.8]/", open, "private_address"},
		"NAT64":               {"https://[64:ff9b::808:808]/", open, "private_address"},
		"unspecified":         {"https://0.0.0.0/", open, "private_address"},
		"carrier-grade NAT":   {"https://100.64.0.1/", open, "private_address"},
		"multicast":           {"https://224.0.0.1/", open, "private_address"},
		"with a final dot":    {"https://10.0.0.1./", open, "private_address"},
		"public 4":            {"https://8.8.8.8/", open, ""},
		"public 6":            {"https://[2620:fe::fe]/", open, ""},
		"private allowed":     {"https://10.0.0.1/", func(c *pull.HookConfig) { open(c); c.Rules.AllowPrivate = true }, ""},
		"network allowed":     {"https://127.0.0.1:8443/", nil, ""},
		"http":                {"http://example.com/", nil, "scheme"},
		"http allowed":        {"http://example.com/", open, ""},
		"file":                {"file:///etc/passwd", open, "url"},
		"file with host":      {"file://example.com/etc/passwd", open, "scheme"},
		"no scheme":           {"//example.com/1", open, "scheme"},
		"relative":            {"1.fit", open, "url"},
		"empty":               {"", open, "url"},
		"no address":          {"https://exa mple.com/", open, "url"},
		"with a password":     {"https://a:geheim@example.com/", open, "url"},
		"long":                {"https://example.com/" + strings.Repeat("x", 8<<10), open, "url"},
		"other host":          {"https://evil.example/", nil, "host_not_allowed"},
		"similar host":        {"https://notexample.com/", nil, "host_not_allowed"},
		"host as a prefix":    {"https://example.com.evil.example/", nil, "host_not_allowed"},
		"wide letters":        {"https://ｅxample.com/", nil, "host_not_allowed"},
		"below":               {"https://a.b.example.com/", nil, ""},
		"capitals":            {"https://EXAMPLE.com./", nil, ""},
		"escaped":             {"https://ex%61mple.com/", nil, "url"},
	} {
		t.Run(name, func(t *testing.T) {
			r.purge(t)
			good, bad := "https://example.com/1", c.url
			body, err := json.Marshal(map[string]any{"files": []map[string]string{{"athlete": "me", "url": good}, {"athlete": "me", "url": bad}}})
			if err != nil {
				t.Fatal(err)
			}
			w := send(r.hook(t, c.change), signed(t, secretA, "msg_1", r.now, string(body)))
			if c.reason == "" {
				if w.Code != http.StatusOK {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				return
			}
			var got struct {
				Reason  string    `json:"reason"`
				Index   int       `json:"index"`
				Refused []refused `json:"refused"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if w.Code != http.StatusUnprocessableEntity || got.Reason != c.reason || got.Index != 1 || !slices.Equal(got.Refused, []refused{{1, c.reason}}) {
				t.Errorf("%d %s, want %s", w.Code, w.Body, c.reason)
			}
			if n := r.messages(t, streams.Pulls); n != 0 {
				t.Errorf("%d downloads queued", n)
			}
		})
	}
}

func TestMessagesThatMakeNoSense(t *testing.T) {
	r := newRoom(t, nil)
	many := `{"files":[` + strings.TrimSuffix(strings.Repeat(`{},`, 1001), ",") + `]}`
	for name, c := range map[string]struct {
		body   string
		status int
		reason string
	}{
		"no JSON":      {`files`, http.StatusBadRequest, "malformed_json"},
		"empty":        {``, http.StatusBadRequest, "malformed_json"},
		"other form":   {`{"files":[{"athlete":7}]}`, http.StatusBadRequest, "malformed_json"},
		"other things": {`{"dailies":[{"userId":"x"}]}`, http.StatusUnprocessableEntity, "no_files"},
		"no file":      {`{"files":[]}`, http.StatusUnprocessableEntity, "no_files"},
		"many files":   {many, http.StatusUnprocessableEntity, "too_many_files"},
		"bad athlete":  {`{"files":[{"athlete":"a.*","url":"https://example.com/"}]}`, http.StatusUnprocessableEntity, "athlete"},
		"no athlete":   {`{"activityFiles":[{"callbackURL":"https://example.com/"}]}`, http.StatusUnprocessableEntity, "athlete"},
		"large":        {strings.Repeat(" ", 1<<20+1), http.StatusRequestEntityTooLarge, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(r.hook(t, nil), signed(t, secretA, "msg_1", r.now, c.body))
			if got := reasonOf(t, w); w.Code != c.status || got != c.reason {
				t.Errorf("%d %q, want %d %q", w.Code, got, c.status, c.reason)
			}
		})
	}
	w := send(r.hook(t, nil), httptest.NewRequest(http.MethodGet, pull.Path, http.NoBody))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d %v", w.Code, w.Header())
	}
}

func TestSecretsAreReadAndNeverShown(t *testing.T) {
	got, err := pull.ReadSecrets(strings.NewReader("# of the provider\n\n  " + secretA + "\n" + secretB + "\n"))
	if err != nil || !slices.Equal(got, []string{secretA, secretB}) {
		t.Errorf("%v, %v", got, err)
	}
	for name, text := range map[string]string{
		"none": "# nothing\n", "no prefix": strings.TrimPrefix(secretA, "whsec_"), "no base64": "whsec_geheim!geheim!geheim!geheim!", "short": "whsec_Z2VoZWlt",
	} {
		if got, err := pull.ReadSecrets(strings.NewReader(text)); err == nil || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestConfigurationsNameEveryFault(t *testing.T) {
	err := pull.HookConfig{Secrets: []string{"x"}, Athletes: map[string]schema.AthleteID{"u": "a b"}}.Validate()
	for _, part := range []string{"secrets: number 1", "hosts:", "athletes:"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	for _, host := range []string{"", "*", "https://example.com", "example.com/x", "a b", "*.*.example.com", "example.com:443", "bücher.example"} {
		if (pull.Rules{Hosts: []string{host}}).Validate() == nil {
			t.Errorf("host %q was taken", host)
		}
	}
	for _, rules := range []pull.Rules{loopback(), {Hosts: []string{"::1", "A-1.example"}, AllowNetworks: []netip.Prefix{}}} {
		if err := rules.Validate(); err != nil {
			t.Error(err)
		}
	}
	if err := (pull.HookConfig{}).Validate(); err == nil || !strings.Contains(err.Error(), "secrets: there is none") {
		t.Errorf("%v", err)
	}
	if _, err := pull.NewHook(pull.HookConfig{}, pull.HookDeps{}); err == nil || !strings.Contains(err.Error(), "publisher: is missing") {
		t.Errorf("%v", err)
	}
	err = pull.Config{Delays: []time.Duration{0}, Grace: -1, MaxRedirects: -1}.Validate()
	for _, part := range []string{
		"downloads:", "delays:", "not_now_delay:", "max_fit_bytes:", "max_bytes:", "max_redirects:",
		"dial_timeout:", "header_timeout:", "idle_timeout:", "total_timeout:", "grace:",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	if err := pull.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	if _, err := pull.New(pull.DefaultConfig(), pull.Deps{}); err == nil || !strings.Contains(err.Error(), "intake: is missing") {
		t.Errorf("%v", err)
	}
}
