package upload_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

func TestFormInAnyOrderIsTaken(t *testing.T) {
	h := serve(t, nil)
	token := h.token("anna", tokens.RoleUpload)
	texts := []field{
		{name: "data_type", value: "fit"},
		{name: "external_id", value: private + "-7"},
		{name: "name", value: private},
		{name: "description", value: "with the dog"},
		{name: "activity_type", value: "run"},
		{name: "trainer", value: "0"},
	}
	for i, test := range []struct {
		name string
		form func(file field) []field
		head []string
	}{
		{"file last", func(f field) []field { return append(texts[:len(texts):len(texts)], f) }, bearer(token)},
		{"file first", func(f field) []field { return append([]field{f}, texts...) }, bearer(token)},
		{"basic", func(f field) []field { return append([]field{f}, texts...) }, basic("anna", token)},
		{"token in the form", func(f field) []field {
			return append(append([]field{{name: "access_token", value: token}}, texts...), f)
		}, nil},
		{"token in the header counts", func(f field) []field {
			return append([]field{{name: "access_token", value: "nonsense"}, f}, texts...)
		}, bearer(token)},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := fitBytes(uint32(i), 9_000)
			a := h.send(test.form(fileField(data)), test.head...).want(t, http.StatusCreated)
			id := strconv.FormatInt(numberOf("anna", data), 10)
			want := `{"id":` + id + `,"id_str":"` + id + `","external_id":"` + private + `-7","error":null,` +
				`"status":"Your activity is still being processed.","activity_id":null,"export_id":"` +
				schema.ExportIDOf(data).String() + `","athlete":"anna","sessions":[]}` + "\n"
			if a.body != want {
				t.Errorf("answer\n%swant\n%s", a.body, want)
			}
			if got := a.header.Get("Location"); got != uploads+"/"+id {
				t.Errorf("location %q", got)
			}
			if got := a.header.Get("Plodwatch-Upload-Id"); got != id {
				t.Errorf("upload id %q", got)
			}
			if !bytes.Equal(h.stored(schema.ExportIDOf(data)), data) {
				t.Error("what is stored is not what was sent")
			}
			if n := h.queue(); n != uint64(i+1) {
				t.Errorf("%d jobs wait, want %d", n, i+1)
			}
			if again := h.get(a.header.Get("Location"), bearer(token)...).want(t, http.StatusOK); again.body != want {
				t.Errorf("asked again\n%swant\n%s", again.body, want)
			}
		})
	}
}

func TestTokenAfterTheFileIsTooLate(t *testing.T) {
	h := serve(t, nil)
	token := h.token("anna", tokens.RoleUpload)
	form := []field{fileField(fitBytes(1, 500)), {name: "access_token", value: token}}
	h.send(form).wantFault(t, http.StatusUnauthorized, "access_token missing")
	h.send([]field{{name: "access_token", value: "plod_nonsense"}, form[0]}).wantFault(t, http.StatusUnauthorized, "access_token invalid")
	h.send([]field{{name: "data_type", value: "fit"}}).wantFault(t, http.StatusUnauthorized, "access_token missing")
	h.send([]field{form[1]}).wantFault(t, http.StatusBadRequest, "file missing")
	if h.files() != 0 || h.queue() != 0 {
		t.Errorf("%d files stored, %d jobs queued", h.files(), h.queue())
	}
}

func TestFormsThatMakeNoSenseLeaveNothing(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	many := make([]field, 0, 70)
	for i := range 65 {
		many = append(many, field{name: fmt.Sprint("field", i), value: "x"})
	}
	file := fileField(fitBytes(1, 500))
	for _, test := range []struct {
		name   string
		form   []field
		status int
		code   string
	}{
		{"no file", []field{{name: "name", value: "x"}}, 400, "file missing"},
		{"empty file", []field{fileField(nil)}, 400, "file empty"},
		{"two files", []field{file, fileField(fitBytes(2, 500))}, 400, "file too_many"},
		{"too many fields", append(many, file), 400, "form too_many"},
		{"too many fields after the file", append([]field{file}, many...), 400, "form too_many"},
		{"a field that is too large", []field{{name: "description", value: string(make([]byte, 5000))}, file}, 400, "form too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.send(test.form, head...).wantFault(t, test.status, test.code)
			if h.files() != 0 || h.queue() != 0 {
				t.Errorf("%d files stored, %d jobs queued", h.files(), h.queue())
			}
		})
	}
	for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b; x"} {
		h.post(uploads, []byte("x"), append(head, "Content-Type", kind)...).
			wantFault(t, http.StatusBadRequest, "content-type invalid")
	}
}

// TestUploadHasThreeStatuses follows an upload through all that Strava
// documents.
func TestUploadHasThreeStatuses(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	data, other := fitBytes(1, 700), fitBytes(2, 700)
	export, copied := schema.ExportIDOf(data), schema.ExportIDOf(other)
	session := schema.SessionIDOf("anna", export, 0)
	path := h.send([]field{fileField(data)}, head...).want(t, http.StatusCreated).header.Get("Location")

	fate := upload.Fate{Format: schema.FormatFIT, Outcome: schema.OutcomeDecoded, Sessions: []upload.FateSession{{ID: session, First: export}}}
	h.ledger.put("anna", export, fate)
	if u := h.get(path, head...).want(t, http.StatusOK).upload(t); u.Status != "Your activity is still being processed." || u.ActivityID != nil {
		t.Errorf("not all sessions can be asked for, and it is %+v", u)
	}
	fate.Complete = true
	h.ledger.put("anna", export, fate)
	id := strconv.FormatInt(numberOf("anna", data), 10)
	activity := strconv.FormatInt(session.ActivityID(), 10)
	want := `{"id":` + id + `,"id_str":"` + id + `","external_id":null,"error":null,"status":"Your activity is ready.","activity_id":` +
		activity + `,"export_id":"` + export.String() + `","athlete":"anna","format":"fit","outcome":"decoded","sessions":[{"session_id":"` +
		session.String() + `","activity_id":` + activity + `,"duplicate_of":null}]}` + "\n"
	if a := h.get(path, head...).want(t, http.StatusOK); a.body != want {
		t.Errorf("ready:\n%swant\n%s", a.body, want)
	}

	// The same bytes are the same upload, which is ready by now, whatever door
	// they come through.
	if a := h.send([]field{fileField(data)}, head...).want(t, http.StatusCreated); a.body != want || a.header.Get("Location") != path {
		t.Errorf("sent again:\n%swant\n%s", a.body, want)
	}
	if a := h.post(uploads+"?filename=x", data, head...).want(t, http.StatusCreated); a.body != want {
		t.Errorf("sent again by itself:\n%swant\n%s", a.body, want)
	}
	if n := h.queue(); n != 1 {
		t.Errorf("%d jobs wait, want 1", n)
	}

	// Other bytes of the same session.
	fate.Sessions[0].First = export
	h.ledger.put("anna", copied, fate)
	u := h.post(uploads+"?filename=x.fit", other, head...).want(t, http.StatusCreated).upload(t)
	u = h.get(uploads+"/"+u.IDStr, head...).want(t, http.StatusOK).upload(t)
	if u.Status != "There was an error processing your activity." || u.Error == nil ||
		*u.Error != "x.fit duplicate of activity "+activity || u.ActivityID != nil {
		t.Errorf("a copy is %+v", u)
	}

	// A file that is none.
	bad := fitBytes(3, 700)
	h.ledger.put("anna", schema.ExportIDOf(bad), upload.Fate{
		Format: schema.FormatFIT, Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed, Detail: "at byte 12", Complete: true,
	})
	u = h.send([]field{fileField(bad)}, head...).want(t, http.StatusCreated).upload(t)
	u = h.get(uploads+"/"+u.IDStr, head...).want(t, http.StatusOK).upload(t)
	says := private + ".fit: " + schema.ReasonText(schema.ReasonMalformed) + " (at byte 12)"
	if u.Status != "There was an error processing your activity." || u.Error == nil || *u.Error != says {
		t.Errorf("a file that is none is %+v", u)
	}
}

// TestBetterCopyIsNamed: two sessions in a file, of which one is elsewhere in
// a better copy.
func TestBetterCopyIsNamed(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	data := fitBytes(1, 700)
	export := schema.ExportIDOf(data)
	better := schema.SessionIDOf("anna", schema.ExportIDOf([]byte("better")), 0)
	sessions := []upload.FateSession{
		{ID: schema.SessionIDOf("anna", export, 0), First: export, DuplicateOf: &better},
		{ID: schema.SessionIDOf("anna", export, 1), First: export},
	}
	h.ledger.put("anna", export, upload.Fate{Outcome: schema.OutcomeDecoded, Complete: true, Sessions: sessions})
	path := h.post(uploads+"?filename=x.fit", data, head...).want(t, http.StatusCreated).header.Get("Location")
	if u := h.get(path, head...).upload(t); u.Error != nil || u.Status != "Your activity is ready." {
		t.Errorf("one of two is new, and the upload is %+v", u)
	}
	h.ledger.put("anna", export, upload.Fate{Outcome: schema.OutcomeDecoded, Complete: true, Sessions: sessions[:1]})
	want := "x.fit duplicate of activity " + strconv.FormatInt(better.ActivityID(), 10)
	if u := h.get(path, head...).upload(t); u.Error == nil || *u.Error != want {
		t.Errorf("error %v, want %q", u.Error, want)
	}
}

func TestZipIsOneUploadOfManyFiles(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	run, walk, note := fitBytes(1, 600), gpxText(3), []byte("no activity")
	var data bytes.Buffer
	z := zip.NewWriter(&data)
	for i, member := range [][]byte{run, walk, note} {
		f, err := z.Create(private + strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(member); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := h.post(uploads+"?filename=all.zip", data.Bytes(), append(head, "Content-Type", "application/zip")...).
		want(t, http.StatusCreated).header.Get("Location")
	ids := []schema.ExportID{schema.ExportIDOf(run), schema.ExportIDOf(walk), schema.ExportIDOf(note)}
	archive := upload.Fate{Format: schema.FormatArchive, Outcome: schema.OutcomeDecoded, Reason: schema.ReasonArchive, Members: ids, Complete: true}
	h.ledger.put("anna", schema.ExportIDOf(data.Bytes()), archive)

	h.ledger.put("anna", ids[2], upload.Fate{Outcome: schema.OutcomeSkipped, Reason: schema.ReasonUnsupported, Complete: true})
	h.ledger.put("anna", ids[1], known("anna", ids[1], ids[0]))
	u := h.get(path, head...).want(t, http.StatusOK).upload(t)
	if u.Status != "Your activity is still being processed." || len(u.Files) != 3 || u.Files[0].Status != u.Status {
		t.Errorf("one member is not done, and it is %+v", u)
	}
	h.ledger.put("anna", ids[0], known("anna", ids[0], ids[0]))
	u = h.get(path, head...).want(t, http.StatusOK).upload(t)
	if u.Status != "Your activity is ready." || u.ActivityID == nil || *u.ActivityID != schema.SessionIDOf("anna", ids[0], 0).ActivityID() {
		t.Errorf("all is done, and it is %+v", u)
	}
	activity := schema.SessionIDOf("anna", ids[1], 0).ActivityID()
	for i, want := range []string{
		"", fmt.Sprintf("file 2 in all.zip duplicate of activity %d", activity),
		"file 3 in all.zip: " + schema.ReasonText(schema.ReasonUnsupported),
	} {
		f, got := u.Files[i], ""
		if f.Error != nil {
			got = *f.Error
		}
		if f.ExportID != ids[i].String() || got != want {
			t.Errorf("file %d is %+v with %q, want %q", i+1, f, got, want)
		}
	}
	h.ledger.put("anna", ids[0], upload.Fate{Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed, Complete: true})
	u = h.get(path, head...).want(t, http.StatusOK).upload(t)
	if u.Error == nil || *u.Error != "all.zip: no new activity in it" || u.ActivityID != nil {
		t.Errorf("nothing is new, and it is %+v", u)
	}
}

// TestZipInAZipIsLookedInto: the accounts that Garmin exports are such.
func TestZipInAZipIsLookedInto(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	outer := append([]byte("PK\x03\x04"), fitBytes(1, 600)...)
	inner, run, walk := schema.ExportIDOf([]byte("inner")), schema.ExportIDOf([]byte("run")), schema.ExportIDOf([]byte("walk"))
	archive := func(id schema.ExportID, members ...schema.ExportID) {
		h.ledger.put("anna", id, upload.Fate{
			Format: schema.FormatArchive, Outcome: schema.OutcomeDecoded, Reason: schema.ReasonArchive, Members: members, Complete: true,
		})
	}
	archive(schema.ExportIDOf(outer), inner)
	path := h.post(uploads, outer, head...).want(t, http.StatusCreated).header.Get("Location")
	processing := "Your activity is still being processed."
	if u := h.get(path, head...).upload(t); u.Status != processing {
		t.Errorf("the zip in it is not known, and it is %+v", u)
	}
	archive(inner, run, walk)
	h.ledger.put("anna", run, known("anna", run, run))
	if u := h.get(path, head...).upload(t); u.Status != processing || u.ActivityID != nil {
		t.Errorf("a file is not done, and it is %+v", u)
	}
	h.ledger.put("anna", walk, upload.Fate{Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed, Complete: true})
	u := h.get(path, head...).want(t, http.StatusOK).upload(t)
	if u.Status != "Your activity is ready." || u.ActivityID == nil || *u.ActivityID != schema.SessionIDOf("anna", run, 0).ActivityID() {
		t.Errorf("all is done, and it is %+v", u)
	}
	if len(u.Files) != 2 || u.Files[0].ExportID != run.String() || u.Files[1].ExportID != walk.String() || u.Files[1].Error == nil {
		t.Errorf("its files are %+v", u.Files)
	}
}

// TestTablesThatHangHoldUpNoUpload: the answer to bytes that were taken before
// asks them.
func TestTablesThatHangHoldUpNoUpload(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	data := fitBytes(1, 600)
	h.post(uploads, data, head...).want(t, http.StatusCreated)
	h.ledger.hang.Store(true)
	if u := h.post(uploads, data, head...).want(t, http.StatusCreated).upload(t); u.Status != "Your activity is still being processed." {
		t.Errorf("it is %+v", u)
	}
}

// known is the fate of a file with one session, brought first by an export.
func known(athlete schema.AthleteID, export, first schema.ExportID) upload.Fate {
	return upload.Fate{
		Format: schema.FormatFIT, Outcome: schema.OutcomeDecoded, Complete: true,
		Sessions: []upload.FateSession{{ID: schema.SessionIDOf(athlete, export, 0), First: first}},
	}
}

// TestUploadWithoutARecordIsFoundInTheTables: records of names may be lost.
func TestUploadWithoutARecordIsFoundInTheTables(t *testing.T) {
	h := serve(t, nil)
	anna, bert := bearer(h.token("anna", tokens.RoleRead)), bearer(h.token("bert", tokens.RoleUpload))
	admin := bearer(h.token("root", tokens.RoleAdmin))
	export := schema.ExportIDOf([]byte("from a watched folder"))
	h.ledger.put("anna", export, known("anna", export, export))
	path := fmt.Sprint(uploads, "/", schema.JobIDOf("anna", export).UploadID())
	for name, head := range map[string][]string{"owner": anna, "admin": admin} {
		if u := h.get(path, head...).want(t, http.StatusOK).upload(t); u.Status != "Your activity is ready." || u.Athlete != "anna" {
			t.Errorf("%s is told %+v", name, u)
		}
	}
	h.get(path, bert...).wantFault(t, http.StatusNotFound, "id not found")
}
