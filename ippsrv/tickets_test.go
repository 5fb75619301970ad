package ippsrv

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
)

// fakeTickets takes a ticket that is a login.
type fakeTickets struct{ offered bool }

func (f *fakeTickets) Offered(context.Context) bool { return f.offered }

func (f *fakeTickets) Ticket(w http.ResponseWriter, r *http.Request) (Person, bool, error) {
	_, login, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch login {
	case "away":
		return Person{}, false, &fault.Error{Op: "fake", Kind: fault.Unavailable, Text: "Too many people sign in at the moment. Please try again in a few minutes."}
	case "anna", "boss":
		w.Header().Set("WWW-Authenticate", "Negotiate reply")
		return Person{ID: "u-" + login, Login: login, Admin: login == "boss"}, true, nil
	}
	return Person{}, false, &fault.Error{Op: "fake", Kind: fault.Denied}
}

// header sends every request with an Authorization, and keeps the challenges.
type header struct {
	next       http.RoundTripper
	value      string
	challenges []string
}

func (h *header) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.value != "" {
		r.Header.Set("Authorization", h.value)
	}
	resp, err := h.next.RoundTrip(r)
	if err == nil {
		h.challenges = resp.Header.Values("WWW-Authenticate")
	}
	return resp, err
}

// A ticket is as good as a password, where one is taken and over TLS.
func TestTickets(t *testing.T) {
	const basic = `Basic realm="Platen", charset="UTF-8"`
	tests := map[string]struct {
		plain   bool
		offered bool
		value   string
		op      goipp.Op
		want    int
		asks    []string
		owner   string
	}{
		"nothing":               {offered: true, op: goipp.OpPrintJob, want: 401, asks: []string{"Negotiate", basic}},
		"no keytab":             {op: goipp.OpPrintJob, want: 401, asks: []string{basic}},
		"a ticket":              {offered: true, value: "Negotiate anna", op: goipp.OpPrintJob, asks: []string{"Negotiate reply"}, owner: "u-anna"},
		"a ticket of nobody":    {offered: true, value: "Negotiate eve", op: goipp.OpPrintJob, want: 401, asks: []string{basic}},
		"NTLM":                  {offered: true, value: "NTLM TlRMTVNT", op: goipp.OpPrintJob, want: 401, asks: []string{basic}},
		"nobody can tell":       {offered: true, value: "Negotiate away", op: goipp.OpPrintJob, want: statusUnavailable},
		"without TLS":           {plain: true, offered: true, value: "Negotiate anna", op: goipp.OpPrintJob, want: 426},
		"no keytab any longer":  {value: "Negotiate anna", op: goipp.OpPrintJob, want: 401, asks: []string{basic}},
		"an administrator":      {offered: true, value: "Negotiate boss", op: goipp.OpPausePrinter, asks: []string{"Negotiate reply"}},
		"no administrator":      {offered: true, value: "Negotiate anna", op: goipp.OpPausePrinter, want: 401},
		"looking needs nothing": {offered: true, op: goipp.OpGetPrinterAttributes},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := openDoor(t, !tt.plain)
			d.path = "/ipp/print/strict"
			d.srv.Tickets = &fakeTickets{tt.offered}
			h := &header{next: d.http.Client().Transport, value: tt.value}
			d.http.Client().Transport = h
			body := ""
			if tt.op == goipp.OpPrintJob {
				body = pdf
			}
			d.want(tt.want, nil, second(d.ask(tt.op, body)))
			if tt.asks != nil && !slices.Equal(h.challenges, tt.asks) {
				t.Errorf("asks for %q, want %q", h.challenges, tt.asks)
			}
			if tt.owner != "" && (len(d.origins) == 0 || d.origins[0].User != tt.owner || d.origins[0].Believed) {
				t.Errorf("%+v", d.origins)
			}
		})
	}
}
