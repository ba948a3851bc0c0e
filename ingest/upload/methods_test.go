package upload_test

import (
	"net/http"
	"testing"
)

// TestWrongMethodsAreNamed: a path that there is says by which methods; one that
// there is not is not found by any.
func TestWrongMethodsAreNamed(t *testing.T) {
	h := serve(t, nil)
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodGet, "/api/v3/uploads", http.StatusMethodNotAllowed, "POST"},
		{http.MethodPut, "/api/v3/uploads", http.StatusMethodNotAllowed, "POST"},
		{http.MethodPost, "/api/v3/uploads/12", http.StatusMethodNotAllowed, "GET, HEAD"},
		{http.MethodDelete, "/api/v1/athlete/0/activities", http.StatusMethodNotAllowed, "POST"},
		{http.MethodPost, "/api/openapi.yaml", http.StatusMethodNotAllowed, "GET, HEAD"},
		{http.MethodGet, "/api/v1/auth/login", http.StatusMethodNotAllowed, "POST"},
		{http.MethodGet, "/api/v3/nothing", http.StatusNotFound, ""},
		{http.MethodPost, "/api/", http.StatusNotFound, ""},
	} {
		a := h.do(h.request(test.method, test.path, http.NoBody))
		if a.status != test.status || a.header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", test.method, test.path, a.status, a.header.Get("Allow"), test.status, test.allow)
		}
	}
}
