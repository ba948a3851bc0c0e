package pull

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Rules say where files may be downloaded from.
type Rules struct {
	// Hosts are the hosts that may be asked, on any port: "files.example.com",
	// "*.example.com" for all names below one, or an address. Names are in
	// ASCII. Default: none.
	Hosts []string `yaml:"hosts"`

	// AllowHTTP allows http:// besides https://. Default false.
	AllowHTTP bool `yaml:"allow_http"`

	// AllowPrivate allows addresses that the internet does not route: private,
	// loopback, link-local and the like. Default false.
	AllowPrivate bool `yaml:"allow_private"`

	// AllowNetworks allows some of these addresses: those of a file server in
	// the own network. Default: none.
	AllowNetworks []netip.Prefix `yaml:"allow_networks"`
}

// Why an address of a file can never be allowed.
const (
	reasonURL     = "url"              // not an absolute address of a web server, or with a password
	reasonScheme  = "scheme"           // neither https:// nor an allowed http://
	reasonHost    = "host_not_allowed" // not among the hosts
	reasonAddress = "private_address"  // not an address of the internet
)

// maxURLBytes is more than any server takes.
const maxURLBytes = 8 << 10

// Validate returns all faults of the rules at once, or nil.
func (r Rules) Validate() error {
	var faults []error
	for _, host := range r.Hosts {
		if !isHost(host) {
			faults = append(faults, fmt.Errorf("hosts: %.80q is neither a name in ASCII, nor *. and a name, nor an address", host))
		}
	}
	return errors.Join(faults...)
}

func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	name := strings.TrimPrefix(host, "*.")
	return name != "" && strings.IndexFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	}) < 0
}

// parse reads the address of a file. The reason is "" when it is allowed, as
// far as that can be told before its host is looked up.
func (r Rules) parse(text string) (u *url.URL, reason string) {
	if len(text) > maxURLBytes {
		return nil, reasonURL
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, reasonURL
	}
	return u, r.check(u)
}

// check returns why u is not allowed, or "".
func (r Rules) check(u *url.URL) (reason string) {
	host := hostOf(u)
	if host == "" || u.Opaque != "" || u.User != nil {
		return reasonURL
	}
	if addr, err := netip.ParseAddr(host); err == nil && !r.permits(addr) {
		return reasonAddress
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !r.AllowHTTP) {
		return reasonScheme
	}
	for _, allowed := range r.Hosts {
		if matches(strings.ToLower(allowed), host) {
			return ""
		}
	}
	return reasonHost
}

// hostOf returns the host as it is compared.
func hostOf(u *url.URL) string { return strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")) }

func matches(allowed, host string) bool {
	if below, wildcard := strings.CutPrefix(allowed, "*."); wildcard {
		return strings.HasSuffix(host, "."+below) && len(host) > len(below)+1
	}
	return host == allowed
}

// permits reports whether a connection to addr is allowed.
func (r Rules) permits(addr netip.Addr) bool {
	return r.AllowPrivate || isPublic(addr) ||
		slices.ContainsFunc(r.AllowNetworks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// isPublic reports whether the internet routes addr to one host, after the
// registries of special addresses (IANA; RFC 6890). An address that stands for
// an IPv4 address in another form (mapped, NAT64, 6to4, Teredo) does not count.
func isPublic(addr netip.Addr) bool {
	if addr.Is4() {
		return !within(addr, special4())
	}
	// 2000::/3 is all that has been given out for hosts on the internet.
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3).Contains(addr) && addr.Zone() == "" && !within(addr, special6())
}

func within(addr netip.Addr, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return netip.MustParsePrefix(p).Contains(addr) })
}

func special4() []string {
	return []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	}
}

func special6() []string {
	return []string{"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"}
}
