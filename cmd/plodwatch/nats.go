package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"plodwatch/schema/streams"
)

// The names by which processes are known to the NATS server. The users and
// permissions in deploy/nats go by them.
const (
	roleGate     = "gate"
	roleWeb      = "web"
	roleWorker   = "worker"
	roleAnalyzer = "analyzer"
	roleAdmin    = "admin" // all of it in one process
	rolePusher   = "pusher"
)

// natsFlags say how an external NATS server is reached.
type natsFlags struct {
	NATS             string `name:"nats" help:"URL of an external NATS server (several with commas); default: NATS in this process." placeholder:"URL"`
	NATSCreds        string `name:"nats-creds" help:"Credentials file for the external NATS server." placeholder:"FILE" type:"path"`
	NATSNKey         string `name:"nats-nkey" help:"File with the seed of an nkey for it." placeholder:"FILE" type:"path"`
	NATSUser         string `name:"nats-user" help:"User at it, with one of the passwords below." placeholder:"NAME"`
	NATSPassword     string `name:"nats-password" help:"The user's password; better in the environment or a file, where others do not see it." placeholder:"TEXT"`
	NATSPasswordFile string `name:"nats-password-file" help:"File that holds the password; read again at each connection." placeholder:"FILE" type:"path"`
	NATSCA           string `name:"nats-ca" help:"Certificates (PEM) of those who may have signed its own." placeholder:"FILE" type:"path"`
	NATSCert         string `name:"nats-cert" help:"Certificate (PEM) to show to it." placeholder:"FILE" type:"path"`
	NATSKey          string `name:"nats-key" help:"The certificate's private key (PEM)." placeholder:"FILE" type:"path"`
	NATSReplicas     int    `name:"nats-replicas" help:"Copies that a cluster keeps of each stream; default: 3 when it has so many servers, else 1." placeholder:"N"`
}

// check returns all faults of the flags at once, or nil.
func (f *natsFlags) check() error {
	var faults []error
	given := 0
	for _, v := range []string{f.NATSCreds, f.NATSNKey, f.NATSUser} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		faults = append(faults, errors.New("give only one of --nats-creds, --nats-nkey and --nats-user"))
	}
	if f.NATSPassword != "" && f.NATSPasswordFile != "" {
		faults = append(faults, errors.New("give only one of --nats-password and --nats-password-file"))
	}
	if (f.NATSUser != "") != (f.NATSPassword+f.NATSPasswordFile != "") {
		faults = append(faults, errors.New("need both --nats-user and --nats-password or --nats-password-file, or neither"))
	}
	if (f.NATSCert != "") != (f.NATSKey != "") {
		faults = append(faults, errors.New("need both --nats-cert and --nats-key, or neither"))
	}
	for _, path := range []string{f.NATSCreds, f.NATSNKey, f.NATSPasswordFile, f.NATSCA, f.NATSCert, f.NATSKey} {
		if path == "" {
			continue
		}
		if file, err := os.Open(path); err != nil {
			faults = append(faults, err)
		} else {
			file.Close()
		}
	}
	return errors.Join(faults...)
}

// needNATS returns an error that says why when there is no external NATS
// server to take part in, or when it cannot be reached as the flags say.
func (a *app) needNATS(why string) error {
	if a.NATS == "" {
		return fmt.Errorf("need --nats URL: %s; plodwatch up has everything built in", why)
	}
	return a.check()
}

// options returns what the flags say beyond the URL.
func (f *natsFlags) options() ([]nats.Option, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	var opts []nats.Option
	switch {
	case f.NATSCreds != "":
		opts = append(opts, nats.UserCredentials(f.NATSCreds))
	case f.NATSNKey != "":
		key, err := nats.NkeyOptionFromSeed(f.NATSNKey)
		if err != nil {
			return nil, fmt.Errorf("read --nats-nkey: %w", err)
		}
		opts = append(opts, key)
	case f.NATSUser != "":
		opts = append(opts, nats.UserInfoHandler(f.userInfo))
	}
	if f.NATSCA != "" {
		opts = append(opts, nats.RootCAs(f.NATSCA))
	}
	if f.NATSCert != "" {
		opts = append(opts, nats.ClientCert(f.NATSCert, f.NATSKey))
	}
	return opts, nil
}

// userInfo returns the user and the password of now.
func (f *natsFlags) userInfo() (user, password string) {
	if f.NATSPasswordFile == "" {
		return f.NATSUser, f.NATSPassword
	}
	text, err := os.ReadFile(f.NATSPasswordFile)
	if err != nil {
		return f.NATSUser, "" // the server refuses, and that is logged
	}
	return f.NATSUser, strings.TrimRight(string(text), "\r\n")
}

// connectNATS connects to the external NATS server in a role.
func (a *app) connectNATS(role string, more ...nats.Option) (*nats.Conn, error) {
	access, err := a.options()
	if err != nil {
		return nil, err
	}
	opts := append(streams.ConnectOptions(role, a.log), access...)
	return nats.Connect(a.NATS, append(opts, more...)...)
}

// replicas returns how many copies of each stream the server is to keep.
func (f *natsFlags) replicas(conn *nats.Conn) int {
	const enough = 3 // one may be lost
	switch {
	case f.NATSReplicas > 0:
		return f.NATSReplicas
	case conn.ConnectedClusterName() != "" && len(conn.Servers()) >= enough:
		return enough
	}
	return 1
}
