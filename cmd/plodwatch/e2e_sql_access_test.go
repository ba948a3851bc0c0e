package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEndToEndSQLAccess: without tokens this machine may ask; as soon as there
// is one, only who brings one of role admin, from wherever, with TLS, too.
func TestEndToEndSQLAccess(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, filepath.Join(activities(), "easy_run.fit"))
	d, address := p.upSQL()
	count := address + "/?query=SELECT+count()+FROM+sessions"
	if status, _, body := sqlAsk(t, http.MethodGet, count, "", nil); status != http.StatusOK || body != "1\n" {
		t.Errorf("without tokens: %d %s", status, body)
	}
	token := func(role string) string {
		return strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "me", "--role", role).stdout)
	}
	admin, read, upload := token("admin"), token("read"), token("upload")
	for _, c := range []struct {
		name, token string
		status      int
		says        string
	}{
		{"admin", admin, http.StatusOK, "1\n"},
		{"read", read, http.StatusForbidden, "for one athlete"},
		{"upload", upload, http.StatusForbidden, "for one athlete"},
		{"none", "", http.StatusUnauthorized, "a token is needed"},
		{"wrong", admin + "x", http.StatusUnauthorized, "no such token"},
	} {
		header := map[string]string{}
		if c.token != "" {
			header["Authorization"] = "Bearer " + c.token
		}
		if status, _, body := sqlAsk(t, http.MethodGet, count, "", header); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	if strings.Contains(d.stderr.String(), admin) {
		t.Error("the token is in the log")
	}
	p.do(exitOK, "token", "revoke", strings.Split(admin, "_")[1])
	if status, _, body := sqlAsk(t, http.MethodGet, count, "", map[string]string{"X-ClickHouse-Key": admin}); status != http.StatusUnauthorized {
		t.Errorf("revoked: %d %s", status, body)
	}
	d.stop(os.Interrupt)

	admin = token("admin")
	cert, key, pool := selfSigned(t)
	d, address = p.upTLS(cert, key)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	if status, body := secureGet(t, client, address+"/?query=SELECT+count()+FROM+sessions", admin); status != http.StatusOK || body != "1\n" {
		t.Errorf("with TLS: %d %s", status, body)
	}
	t.Run("healthcheck finds out that HTTPS is spoken", func(t *testing.T) {
		if got := p.as(t).run("healthcheck", "--listen", d.address); got.exit != exitOK || got.stdout != "ready\n" {
			t.Errorf("exit %d: %s%s", got.exit, got.stdout, got.stderr)
		}
		if got := p.as(t).run("healthcheck", "--listen", strings.TrimPrefix(address, "https://")); got.exit != exitUsage {
			t.Errorf("the endpoint for SQL is ready: %s", got.stdout)
		}
	})
	d.stop(os.Interrupt)
}

func secureGet(t *testing.T, client *http.Client, address, token string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("grafana", token)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// upTLS starts a daemon that speaks HTTPS, and returns where SQL is answered.
// It is ready when it says so: up asks in plain HTTP.
func (p *person) upTLS(cert, key string) (d *daemon, address string) {
	p.t.Helper()
	d = &daemon{p: p, stderr: &safeBuffer{}, done: make(chan error, 1)}
	d.cmd = p.command(p.t.Context(), "up", "--data", p.data, "--listen", "127.0.0.1:0", "--sql-listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	d.cmd.Stdout, d.cmd.Stderr = d.stderr, d.stderr
	if err := d.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	p.t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill() // only when the test has failed
			<-d.done
		}
	})
	within(p.t, patience, func() string {
		text := d.stderr.String()
		m := sqlLine.FindStringSubmatch(text)
		if m == nil {
			return "not up: " + text
		}
		address = m[1]
		_, d.address, _ = strings.Cut(strings.Split(text, "\n")[0], "https://")
		return ""
	})
	return d, address
}

// selfSigned writes a certificate for 127.0.0.1 that vouches for itself.
func selfSigned(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeFile(t, certFile, certPEM)
	writeFile(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

// TestEndToEndSQLFlags: an address that others reach needs tokens, and a server
// elsewhere is asked itself.
func TestEndToEndSQLFlags(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"plodwatch token add", []string{"--sql-listen", "0.0.0.0:8123"}},
		{"deploy/clickhouse/access.sql", []string{"--sql-listen", "127.0.0.1:8123", "--clickhouse", "http://127.0.0.1:1"}},
		{"HOST:PORT", []string{"--sql-listen", "8123"}},
	} {
		if got := p.do(exitUsage, append([]string{"up", "--check-config"}, c.args...)...); !strings.Contains(got.stderr, c.says) {
			t.Errorf("%v: %s, want %q", c.args, got.stderr, c.says)
		}
	}
	p.do(exitOK, "up", "--check-config", "--sql-listen", "127.0.0.1:8123")
	p.do(exitOK, "token", "add", "--athlete", "me", "--role", "admin")
	p.do(exitOK, "up", "--check-config", "--sql-listen", "0.0.0.0:8123")
}
