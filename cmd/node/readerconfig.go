package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"time"

	"platen/config"
	"platen/fault"
	"platen/reader"
	"platen/site"
)

// Kinds of readers.
const (
	readerLine = "line"
	readerPCSC = "pcsc"
)

// lineConfig is what is kept of a reader that sends lines over TCP.
type lineConfig struct {
	Role       reader.Role       `json:"role"`
	Address    string            `json:"address"`
	Allow      []netip.Prefix    `json:"allow,omitempty"`
	Terminator reader.Terminator `json:"terminator"`
	Gap        config.Duration   `json:"gap"`
	Prefix     string            `json:"prefix,omitempty"`
	Suffix     string            `json:"suffix,omitempty"`
	Framed     bool              `json:"framed,omitempty"`
	Strict     bool              `json:"strict,omitempty"`
	TLS        bool              `json:"tls,omitempty"`
	ServerName string            `json:"server_name,omitempty"` // in the certificate of one that is called
	Key        string            `json:"key,omitempty"`         // SHA-256 of the public key of the other side, hex, instead of an authority
	CAPEM      string            `json:"ca_pem,omitempty"`      // who signs certificates of the other side
}

// lines is the reader of the configuration, without what it is wired to.
func (c *lineConfig) lines() *reader.Lines {
	return &reader.Lines{
		Role: c.Role, Address: c.Address, Allow: c.Allow, Terminator: c.Terminator, Gap: c.Gap.Duration,
		Prefix: c.Prefix, Suffix: c.Suffix, Framed: c.Framed, Strict: c.Strict,
	}
}

// check says what is wrong with it.
func (c *lineConfig) check() error {
	if err := c.lines().Check(); err != nil {
		return err
	}
	if _, err := c.secure(nil); err != nil {
		return err
	}
	if !c.TLS && (c.ServerName != "" || c.Key != "" || c.CAPEM != "") {
		return usagef("--server-name, --fingerprint and platen reader trust are for readers with --tls yes")
	}
	return nil
}

// secure returns what encrypts the connection, nil without. own is the node's own
// certificate, for readers that call.
func (c *lineConfig) secure(own *tls.Config) (*tls.Config, error) {
	if !c.TLS {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.Role != reader.Client && own != nil {
		t = own.Clone()
	}
	t.ServerName = c.ServerName
	if c.CAPEM != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(c.CAPEM)) {
			return nil, &fault.Error{Op: "reader.tls", Kind: fault.Invalid, Text: "There is no certificate in the file of the authority."}
		}
		t.RootCAs, t.ClientCAs, t.ClientAuth = pool, pool, tls.RequireAndVerifyClientCert
	}
	if c.Key == "" {
		return t, nil
	}
	want, err := hex.DecodeString(c.Key)
	if err != nil || len(want) != sha256.Size {
		return nil, usagef("--fingerprint is the SHA-256 of a public key, 64 hexadecimal digits")
	}
	t.InsecureSkipVerify = c.CAPEM == "" // its key is compared instead
	t.ClientAuth = max(t.ClientAuth, tls.RequireAnyClientCert)
	t.VerifyConnection = func(st tls.ConnectionState) error {
		got := sha256.Sum256(st.PeerCertificates[0].RawSubjectPublicKeyInfo)
		if subtle.ConstantTimeCompare(got[:], want) == 1 {
			return nil
		}
		return fmt.Errorf("reader: the key of the other side is %x", got)
	}
	return t, nil
}

// pcscConfig is what is kept of a reader that is plugged into the machine.
type pcscConfig struct {
	Match  []string `json:"match,omitempty"`
	Socket string   `json:"socket,omitempty"`
	Stay   bool     `json:"stay,omitempty"` // taking the card away signs nobody out
}

// parseReader reads the configuration of a reader of this kind.
func parseReader(kind, text string, into any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &fault.Error{Op: "readers", Kind: fault.Invalid, Text: "The configuration of this reader cannot be read.", Err: fmt.Errorf("%s: %w", kind, err)}
	}
	return nil
}

// lineReader returns the configuration of a reader of lines.
func lineReader(r *site.Reader) (c lineConfig, err error) {
	err = parseReader(r.Kind, r.Config, &c)
	return c, err
}

// shares returns what readers have in common that call the same address: everything
// but who they are. "" is a reader that shares nothing.
func (c *lineConfig) shares() string {
	if _, port, _ := net.SplitHostPort(c.Address); c.Role == reader.Client || port == "0" { // any free port
		return ""
	}
	common := *c
	common.Allow = nil
	text, err := json.Marshal(common)
	if err != nil {
		return ""
	}
	return string(text)
}

// readerState is how a reader is at this moment.
type readerState struct {
	OK        bool      `json:"ok"`
	Text      string    `json:"text"`
	Since     time.Time `json:"since"`
	Listening string    `json:"listening"` // the address where it is heard, "" none
}
