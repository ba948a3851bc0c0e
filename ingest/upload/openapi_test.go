package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// description is openapi.yaml, read once.
type description struct {
	doc    *openapi3.T
	router routers.Router
}

var describedOnce = sync.OnceValues(func() (*description, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	router, err := legacy.NewRouter(doc, openapi3.EnableExamplesValidation())
	return &description{doc, router}, err
})

// described returns a transport that compares everything that goes through it
// to the description.
func described(t testing.TB, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	d, err := describedOnce()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return &checker{t: t, next: next, description: d}
}

type checker struct {
	*description

	t    testing.TB
	next http.RoundTripper
}

// RoundTrip sends a request, and fails the test when the answer, or a request
// that was answered well, is not as described.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.URL.Path == "/api/v1/auth/login" || r.URL.Path == "/api/v1/token" {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := c.next.RoundTrip(r)
	if err != nil || !strings.HasPrefix(r.URL.Path, "/api/") {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err := c.check(r, sent, response, body); err != nil {
		c.t.Errorf("%s %s, %d %s, is not as described: %v", r.Method, r.URL.Path, response.StatusCode, body, err)
	}
	return response, nil
}

func (c *checker) check(r *http.Request, sent []byte, response *http.Response, body []byte) error {
	if response.StatusCode == http.StatusMethodNotAllowed { // of what is described with others
		return c.isFault(body)
	}
	r = r.Clone(context.Background())
	r.URL.Scheme, r.URL.Host = "", ""
	r.Body = io.NopCloser(bytes.NewReader(sent))
	route, params, err := c.router.FindRoute(r)
	if unknown := new(routers.RouteError); errors.As(err, &unknown) {
		if response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusForbidden {
			return err
		}
		return c.isFault(body)
	}
	if err != nil {
		return err
	}
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, ExcludeRequestBody: sent == nil,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}
	asked := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if response.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(r.Context(), asked); err != nil {
			return err
		}
		kind := r.Header.Get("Content-Type")
		if wants := route.Operation.RequestBody; wants != nil && wants.Value.Content.Get(kind) == nil && wants.Value.Content["*/*"] == nil {
			return fmt.Errorf("bodies of type %q are not described", kind)
		}
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: response.StatusCode, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: options,
	})
}

// isFault compares the answer at a path that is not described.
func (c *checker) isFault(body []byte) error {
	var v any
	if err := decodeJSON(body, &v); err != nil {
		return err
	}
	return c.doc.Components.Schemas["Fault"].Value.VisitJSON(v)
}

func TestDescriptionIsServedToAll(t *testing.T) {
	h := serve(t, func(h *house) { h.intake = &shelf{house: h} })
	h.token("anna", "upload")
	a := h.get("/api/openapi.yaml").want(t, http.StatusOK)
	file, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if a.body != string(file) || a.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("served %d bytes of %s, want the %d of openapi.yaml", len(a.body), a.header.Get("Content-Type"), len(file))
	}
	h.get("/api/v3/nothing").wantFault(t, http.StatusNotFound, "path not found")
	h.get("/api/v3/uploads").wantFault(t, http.StatusMethodNotAllowed, "method invalid")
}
