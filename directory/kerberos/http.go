package kerberos

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"platen/fault"
)

// Authenticate looks for Negotiate in a request and says who sent it. It reports
// false and no error when the request tries nothing of the kind; whoever wants
// it to calls Challenge and answers 401.
//
// When it reports true it has put the reply for the client, if there is one,
// into the header of w, which is not written yet. The address of the client is
// that of the connection, whatever other headers say.
func (a *Acceptor) Authenticate(w http.ResponseWriter, r *http.Request) (Principal, bool, error) {
	b, tried, err := negotiate(r.Header)
	if err != nil || !tried {
		return Principal{}, false, err
	}
	var remote netip.Addr
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		remote = ap.Addr().WithZone("")
	}
	who, reply, err := a.Accept(b, remote)
	if err != nil {
		return Principal{}, false, err
	}
	if reply != nil {
		w.Header().Set("WWW-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(reply))
	}
	return who, true, nil
}

// Challenge asks for Negotiate, beside whatever else is asked for already.
func Challenge(w http.ResponseWriter) { w.Header().Add("WWW-Authenticate", "Negotiate") }

// negotiate returns the token of the Authorization header (RFC 4559, section
// 4.2), and whether there is one.
func negotiate(h http.Header) ([]byte, bool, error) {
	const op = "kerberos.negotiate"
	values := h.Values("Authorization")
	if len(values) == 0 {
		return nil, false, nil
	}
	scheme, value, _ := strings.Cut(values[0], " ")
	switch {
	case strings.EqualFold(scheme, "NTLM"):
		return nil, true, refuseNTLM()
	case !strings.EqualFold(scheme, "Negotiate"):
		return nil, false, nil
	case len(values) > 1:
		return nil, true, &fault.Error{Op: op, Kind: fault.Invalid, Text: "The request signs in twice."}
	case len(value) > base64.StdEncoding.EncodedLen(MaxToken):
		return nil, true, refuse(errors.New("the token is too long"))
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil {
		return nil, true, refuse(err)
	}
	return b, true, nil
}
