package kerberos

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	gokrb5 "github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"platen/fault"
)

const (
	skew          = 5 * time.Minute // how far clocks may be apart: RFC 4120, section 8.2
	maxComponents = 8               // of the name of a principal
	maxTries      = 16              // keys that one ticket is tried with
	maxName       = 255             // octets of a name or a realm
)

// Options are what an administrator may change.
type Options struct {
	// Services are what clients may have asked a ticket for; empty: HTTP alone, as
	// all browsers do. CUPS asks for host unless its client.conf says GSSServiceName
	// HTTP, so that an IPP door may want both; then a ticket for logging in to the
	// machine opens the door too.
	Services []string
	Realms   []string // whose people may sign in; empty: those of the keytab. A trusted realm can name anybody of its own
	Now      func() time.Time
}

// Principal is who has signed in. Name has no '@' and no '/': people have names
// of one part.
type Principal struct {
	Name  string // anna; a computer's ends in $
	Realm string // PLATEN.TEST
}

// String returns anna@PLATEN.TEST.
func (p Principal) String() string { return p.Name + "@" + p.Realm }

// Acceptor verifies tickets. It has no goroutines and may be used by many at a
// time.
type Acceptor struct {
	keys     []key
	host     string // the name in the ticket must be this one; "" any
	services []string
	realms   []string
	now      func() time.Time
	shown    replays
}

// NewAcceptor returns an Acceptor for the octets of a keytab. spnHint, such as
// HTTP/print.example.com, binds it to one name of the server: only keys for it
// are used, and only tickets for it are taken. With an empty one every key for
// the services is used, whatever names the server goes by. The hint's service
// counts when Options name none.
//
// A keytab that has no fitting key is Invalid.
func NewAcceptor(keytab []byte, spnHint string, o Options) (*Acceptor, error) {
	keys, err := parseKeytab(keytab)
	if err != nil {
		return nil, err
	}
	a := &Acceptor{services: o.Services, realms: o.Realms, now: o.Now, shown: replays{max: maxShown}}
	if a.now == nil {
		a.now = time.Now
	}
	service, host, ok := strings.Cut(or(spnHint, "HTTP/"), "/")
	a.host, _, _ = strings.Cut(host, "@")
	if !ok || service == "" || spnHint != "" && a.host == "" {
		return nil, &fault.Error{Op: "kerberos.acceptor", Kind: fault.Invalid, Text: "The service name is HTTP/ and the name of the server."}
	}
	if len(a.services) == 0 {
		a.services = []string{service}
	}
	if a.keys = a.fitting(keys); len(a.keys) == 0 {
		return nil, &fault.Error{Op: "kerberos.acceptor", Kind: fault.Invalid, Text: "The keytab has no usable key for this service."}
	}
	if len(a.realms) == 0 {
		for _, k := range a.keys {
			a.realms = append(a.realms, k.realm)
		}
	}
	return a, nil
}

// fitting returns the keys of the services. What a ticket says of its service is
// not encrypted, so that only the key binds it: a ticket for another service in
// the same keytab must not open this door. A keytab without any service name,
// written for the account itself, is taken whole.
func (a *Acceptor) fitting(keys []key) []key {
	keys = slices.DeleteFunc(keys, func(k key) bool { return !enctypes[k.enctype].usable })
	account := !slices.ContainsFunc(keys, func(k key) bool { return len(k.components) > 1 })
	return slices.DeleteFunc(keys, func(k key) bool { return !a.mine(k.components) && (!account || a.host != "") })
}

// mine reports whether a name is one of the service's. Domain controllers of
// Windows do not care about capitals, so clients do not either.
func (a *Acceptor) mine(name []string) bool {
	return len(name) == 2 && slices.ContainsFunc(a.services, func(s string) bool { return strings.EqualFold(s, name[0]) }) &&
		(a.host == "" || strings.EqualFold(a.host, name[1]))
}

// Accept verifies a token that came from remote and says who sent it. reply, when
// it is not nil, goes back to the client, who may want to know who we are.
//
// Everything that is wrong with a token is Denied.
func (a *Acceptor) Accept(b []byte, remote netip.Addr) (who Principal, reply []byte, err error) {
	defer func() { // gokrb5 does not look at lengths everywhere
		if r := recover(); r != nil {
			who, reply, err = Principal{}, nil, refuse(fmt.Errorf("malformed: %v", r))
		}
	}()
	if len(b) > MaxToken {
		return Principal{}, nil, refuse(errors.New("the token is too long"))
	}
	t, err := parseToken(b)
	if err != nil {
		return Principal{}, nil, refuse(err)
	}
	var req gokrb5.APReq
	if err := req.Unmarshal(t.apReq); err != nil {
		return Principal{}, nil, refuse(err)
	}
	if err := a.verify(&req, remote); err != nil {
		return Principal{}, nil, refuse(err)
	}
	reply, err = t.reply(&req)
	if err != nil {
		return Principal{}, nil, fmt.Errorf("kerberos.Accept: %w", err)
	}
	ticket := &req.Ticket.DecryptedEncPart
	return Principal{Name: ticket.CName.NameString[0], Realm: ticket.CRealm}, reply, nil
}

// refuse makes a Denied of what nobody has made one of.
func refuse(err error) error {
	if errors.As(err, new(*fault.Error)) {
		return err
	}
	if s := err.Error(); len(s) > 300 {
		err = errors.New(strings.ToValidUTF8(s[:300], ""))
	}
	return denied("Signing in with Kerberos did not work. Please sign in with your user name and password.", err)
}

func denied(text string, err error) error {
	return &fault.Error{Op: "kerberos.accept", Kind: fault.Denied, Text: text, Err: err}
}

// verify follows RFC 4120, section 3.2.3. Afterwards the ticket in req is
// decrypted and may be believed.
func (a *Acceptor) verify(req *gokrb5.APReq, remote netip.Addr) error {
	if err := a.wellFormed(req); err != nil {
		return err
	}
	if err := a.decrypt(&req.Ticket); err != nil {
		return err
	}
	now := a.now()
	if err := valid(&req.Ticket.DecryptedEncPart, now); err != nil {
		return err
	}
	if err := authenticate(req, now); err != nil {
		return err
	}
	if err := a.client(&req.Ticket.DecryptedEncPart, remote); err != nil {
		return err
	}
	end := req.Authenticator.CTime.Add(time.Second + skew)
	switch fresh, full := a.shown.take(req.EncryptedAuthenticator.Cipher, now, end); {
	case full:
		return &fault.Error{Op: "kerberos.accept", Kind: fault.Unavailable, Text: "Too many people sign in at the moment. Please try again in a few minutes."}
	case !fresh:
		return errors.New("shown before")
	}
	return nil
}

func (a *Acceptor) wellFormed(req *gokrb5.APReq) error {
	name := req.Ticket.SName.NameString
	switch {
	case req.PVNO != 5 || req.Ticket.TktVNO != 5:
		return errors.New("not version 5")
	case flag(req.APOptions, 1): // use-session-key
		return errors.New("user-to-user")
	case len(name) == 0 || len(name) > maxComponents:
		return errors.New("no service name")
	case !a.mine(name):
		return denied("The ticket is for another service. Please use the name of the server that the administrator gave you.", fmt.Errorf("for %.200q", name))
	}
	return nil
}

// decrypt tries the keys: those for the name in the ticket and of its version
// first. An account in a domain may have many service names, and its keytab only
// one of them.
func (a *Acceptor) decrypt(t *gokrb5.Ticket) error {
	rank := func(k *key) int {
		n := 0
		if len(k.components) == 2 && len(t.SName.NameString) == 2 && strings.EqualFold(k.components[1], t.SName.NameString[1]) {
			n -= 2
		}
		if k.kvno == uint32(t.EncPart.KVNO) {
			n--
		}
		return n
	}
	var keys []*key
	for i := range a.keys {
		if k := &a.keys[i]; k.enctype == t.EncPart.EType {
			keys = append(keys, k)
		}
	}
	slices.SortStableFunc(keys, func(x, y *key) int { return rank(x) - rank(y) })
	err := fmt.Errorf("the keytab has no key of enctype %d", t.EncPart.EType)
	for _, k := range keys[:min(len(keys), maxTries)] {
		if err = t.Decrypt(types.EncryptionKey{KeyType: k.enctype, KeyValue: k.value}); err == nil {
			return nil
		}
	}
	return denied("The print service has no key for this ticket. Please sign in with your user name and password, and tell the administrator.", err)
}

// valid checks the times of a ticket.
func valid(t *gokrb5.EncTicketPart, now time.Time) error {
	start := t.StartTime
	if start.IsZero() {
		start = t.AuthTime
	}
	switch {
	case start.Sub(now) > skew, flag(t.Flags, 7): // invalid
		return denied("The ticket is not valid yet. Please check the clock of your computer.", errors.New("not yet valid"))
	case now.Sub(t.EndTime) > skew:
		return denied("The ticket has expired. Please lock and unlock your computer, then try again.", errors.New("expired"))
	}
	return nil
}

// authenticate checks that whoever shows the ticket has its session key, now, and
// is the one it names.
func authenticate(req *gokrb5.APReq, now time.Time) error {
	ticket := &req.Ticket.DecryptedEncPart
	if t := enctypes[ticket.Key.KeyType]; !t.usable || len(ticket.Key.KeyValue) != t.octets || req.EncryptedAuthenticator.EType != ticket.Key.KeyType {
		return fmt.Errorf("session key of enctype %d", ticket.Key.KeyType)
	}
	if err := req.DecryptAuthenticator(ticket.Key); err != nil {
		return err
	}
	auth := &req.Authenticator
	if !auth.CName.Equal(ticket.CName) || auth.CRealm != ticket.CRealm {
		return errors.New("the authenticator names somebody else")
	}
	at := auth.CTime.Add(time.Duration(auth.Cusec) * time.Microsecond)
	if auth.Cusec < 0 || auth.Cusec > 999_999 || now.Sub(at).Abs() > skew {
		return denied("The clock of your computer and that of the print service differ by more than five minutes.", fmt.Errorf("clocks differ by %v", now.Sub(at)))
	}
	return nil
}

// client checks that the ticket names a person who may sign in here, from there.
func (a *Acceptor) client(t *gokrb5.EncTicketPart, remote netip.Addr) error {
	name := t.CName.NameString
	switch {
	case !slices.Contains(a.realms, t.CRealm):
		return fmt.Errorf("a stranger's realm %.200q", t.CRealm)
	case len(name) != 1 || name[0] == "" || len(name[0]) > maxName || len(t.CRealm) > maxName,
		strings.ContainsAny(name[0], `/@\`), strings.ContainsFunc(name[0]+t.CRealm, control):
		return fmt.Errorf("no name of a person: %.200q", name)
	case len(t.CAddr) > 0 && !slices.ContainsFunc(t.CAddr, func(h types.HostAddress) bool {
		ip, ok := netip.AddrFromSlice(h.Address)
		return ok && ip.Unmap() == remote.Unmap()
	}):
		return errors.New("a ticket of another computer")
	}
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func control(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }

// flag reports whether bit i is set (RFC 4120, section 5.2.8).
func flag(bits interface{ At(int) int }, i int) bool { return bits.At(i) == 1 }
